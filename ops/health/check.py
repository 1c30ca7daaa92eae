"""What a check of ours is: django-health-check's class, and a little more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_check.base import HealthCheck


class NotConfigured(Exception):
    """Raised by a check of what this installation does not use: neither well nor ill."""


@dataclass
class Check(HealthCheck):
    """`details` is JSON for those who may see it, and is shown whatever `run` raises.

    A check whose `needs_database` is off is run while the database is away too.
    """

    needs_database: ClassVar[bool] = True

    details: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
