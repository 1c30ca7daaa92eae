"""What people and time do behind the counter, straight in the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

from notes.models import Note
from notes.states import NoteState
from notevault.kit import clock
from notevault.kit.errors import DomainError
from payments.models import Order

T = TypeVar("T")
PATIENCE_S = 30.0


def patiently(work: Callable[[], T]) -> T:
    """The simulator, too, has to live with a PostgreSQL that is restarted under it."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError):
            if time.monotonic() > give_up_at:
                raise
            connection.close()
            time.sleep(0.2)


def refused(work: Callable[[], object]) -> str:
    """Why the house refuses it; empty when it is done."""
    try:
        patiently(work)
    except DomainError as refusal:
        return refusal.code
    return ""


class Staff:
    def age_order(self, order_id: str) -> None:
        """Half an hour passes for one order: its time to pay is over."""
        over = clock.now() - timedelta(seconds=1)
        patiently(lambda: Order.objects.filter(pk=order_id).update(expires_at=over))
        connection.close()

    @contextmanager
    def withdrawn(self, note_ids: Sequence[str]) -> Iterator[None]:
        """Off the shelves for the length of the block."""
        self._set_state(note_ids, NoteState.WITHDRAWN)
        try:
            yield
        finally:
            self._set_state(note_ids, NoteState.PUBLISHED)

    def _set_state(self, note_ids: Sequence[str], state: NoteState) -> None:
        patiently(lambda: Note.objects.filter(pk__in=list(note_ids)).update(state=state))
        connection.close()
