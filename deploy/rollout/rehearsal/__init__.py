"""What a next release may do to hot tables while this one serves, as migrations of their own.

They belong to no release: they run in the play, on its database, after ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.migrations.operations.base import Operation

_ROOT = Path(__file__).resolve().parents[3]


class Elsewhere(Operation):
    """An operation on a table of another app."""

    def __init__(self, app: str, operation: Operation) -> None:
        self.app, self.operation = app, operation

    def state_forwards(self, app_label: str, state: Any) -> None:
        self.operation.state_forwards(self.app, state)

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self.operation.database_forwards(self.app, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self.operation.database_backwards(self.app, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return self.operation.describe()


def newest_of(app: str) -> tuple[str, str]:
    """The last migration of an app, which the rehearsal comes after."""
    return app, max(file.stem for file in (_ROOT / app / "migrations").glob("0*.py"))
