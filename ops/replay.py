"""What people do with dead letters."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from ops import jobs
from ops.models import DeadLetter
from ops.states import LetterState
from ops.transactions import use_case


@use_case
def replay(*, letter_id: UUID, actor_id: UUID | None, now: datetime) -> bool:
    """Run the job once more; it ends resolved, or open again. False when it is under way
    or has been resolved already."""
    letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
    if not letter.can_move(LetterState.RETRYING):
        return False
    letter.move(LetterState.RETRYING, why="replayed by staff", now=now, actor_id=actor_id)
    jobs.defer(letter.task, dead_letter_id=str(letter.pk), **letter.arguments)
    return True


@use_case
def discard(*, letter_id: UUID, why: str, actor_id: UUID | None, now: datetime) -> bool:
    """Give the job up for good. False unless the letter is open."""
    letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
    if not letter.can_move(LetterState.DISCARDED):
        return False
    return letter.move(LetterState.DISCARDED, why=why, now=now, actor_id=actor_id)
