"""State machines: the one way to move a row, and the history row that every move leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models

from notevault.kit.ids import uuid7


class IllegalMove(Exception):
    """The machine has no such move. A bug in the caller, not a refusal to show."""


class Move(models.Model):
    """One change of state: old, new, why, who and when. Concrete models add `row`."""

    row: models.ForeignKey[Any, Any]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    old = models.CharField(max_length=24)
    new = models.CharField(max_length=24)
    why = models.CharField(max_length=200)
    actor_id = models.UUIDField(null=True, help_text="The user who did it; empty for the system.")
    at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.old} → {self.new}: {self.why}"


class Stateful(models.Model):
    """A row with a state. `MOVES` maps each state to those that may follow it."""

    MOVES: ClassVar[Mapping[str, set[str]]]
    HISTORY: ClassVar[type[Move]]

    state = models.CharField(max_length=24)  # subclasses name its choices

    class Meta:
        abstract = True

    def can_move(self, to: str) -> bool:
        return to in self.MOVES[self.state]

    def move(
        self, to: str, *, why: str, now: datetime, actor_id: UUID | None = None, **changes: Any
    ) -> bool:
        """Move this row from the state it was read in, with `changes` to other columns.

        A step: call it inside a transaction. False when somebody else moved the row
        first; then nothing was written. IllegalMove when the machine has no such move.
        """
        if not self.can_move(to):
            raise IllegalMove(f"{type(self).__name__} {self.pk}: {self.state} → {to}")
        old = self.state
        claimed = type(self)._default_manager.filter(pk=self.pk, state=old)
        if claimed.update(state=to, **changes) != 1:
            return False
        history: Any = self.HISTORY._default_manager
        history.create(row_id=self.pk, old=old, new=to, why=why[:200], actor_id=actor_id, at=now)
        for name, value in {"state": to, **changes}.items():
            setattr(self, name, value)
        return True

    @classmethod
    def move_locked(
        cls,
        moves: Sequence[tuple[Self, str]],
        to: str,
        *,
        now: datetime,
        actor_id: UUID | None = None,
        changed: Sequence[str] = (),
    ) -> None:
        """Move rows that the caller has locked, each with its reason, in two queries.

        What was set in their columns `changed` is saved with them. IllegalMove when the
        machine has no such move for one of them; then nothing was written.
        """
        for row, _ in moves:
            if not row.can_move(to):
                raise IllegalMove(f"{cls.__name__} {row.pk}: {row.state} → {to}")
        history: Any = cls.HISTORY
        made = [
            history(row_id=row.pk, old=row.state, new=to, why=why[:200], actor_id=actor_id, at=now)
            for row, why in moves
        ]
        for row, _ in moves:
            row.state = to
        cls._default_manager.bulk_update([row for row, _ in moves], ["state", *changed])
        history._default_manager.bulk_create(made)
