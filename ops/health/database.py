"""The database: whether it answers, how full the pool is, whether it is as far as the code."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from health_check.checks import Database as DatabaseAnswers
from health_check.exceptions import ServiceUnavailable

from ops.health.check import Check
from ops.health.readiness import migrations_applied


@dataclass
class Database(DatabaseAnswers, Check):
    """It answers; the pool of this process has places left."""

    needs_database: ClassVar[bool] = False

    def run(self) -> None:
        started = time.perf_counter()
        super().run()
        self.details["answer_ms"] = round((time.perf_counter() - started) * 1000, 1)


@dataclass
class Migrations(Check):
    """All migrations of this code are applied."""

    def run(self) -> None:
        if not migrations_applied():
            raise ServiceUnavailable("not all migrations are applied")
