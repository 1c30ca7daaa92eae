"""What the referee says of a row that broke a promise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Harm(StrEnum):
    LOST = "lost"
    """Money without access or refund; an order, an event or a job that is gone."""
    DOUBLED = "doubled"
    """Two of what there may be one of; access and refund; access without money."""
    STUCK = "stuck"
    """Nothing is lost, but it is not finished either."""


@dataclass(frozen=True)
class Finding:
    harm: Harm
    what: str
    order_id: UUID | None = None
