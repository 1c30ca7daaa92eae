"""What people do with dead letters, and what is done by itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from notevault.kit.errors import DomainError
from ops import jobs
from ops.models import DeadLetter
from ops.states import LetterState
from ops.transactions import use_case

DUE_AT_ONCE = 500

log = structlog.get_logger("notevault.jobs")


@use_case
def replay(
    *, letter_id: UUID, actor_id: UUID | None, now: datetime, why: str = "replayed by staff"
) -> bool:
    """Run the job once more; it ends resolved, or open again. False when it is under way
    or has been resolved already.

    Raises jobs.TaskIsGone and jobs.ArgumentsDoNotFit for a letter of an earlier release.
    """
    letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
    if not letter.can_move(LetterState.RETRYING):
        return False
    jobs.require(letter.task, letter.arguments)
    job_id = jobs.defer(letter.task, dead_letter_id=str(letter.pk), **letter.arguments)
    return letter.move(
        LetterState.RETRYING,
        why=why,
        now=now,
        actor_id=actor_id,
        job_id=job_id,
        next_replay_at=None,
        closed_at=None,
    )


@use_case
def discard(*, letter_id: UUID, why: str, actor_id: UUID | None, now: datetime) -> bool:
    """Give the job up for good. False unless the letter is open."""
    letter = DeadLetter.objects.select_for_update().get(pk=letter_id)
    if not letter.can_move(LetterState.DISCARDED):
        return False
    return letter.move(
        LetterState.DISCARDED,
        why=why,
        now=now,
        actor_id=actor_id,
        next_replay_at=None,
        closed_at=now,
    )


def replay_due(*, now: datetime, limit: int = DUE_AT_ONCE) -> int:
    """Replay the letters whose time has come (`ops.revival`); gives how many.

    One that cannot be replayed is left open for a person.
    """
    due = DeadLetter.objects.filter(state=LetterState.OPEN, next_replay_at__lte=now)
    replayed = 0
    for letter_id in due.order_by("next_replay_at").values_list("pk", flat=True)[:limit]:
        try:
            replayed += replay(letter_id=letter_id, actor_id=None, now=now, why="its time has come")
        except DomainError as refusal:
            log.warning("letter.left_to_staff", letter_id=str(letter_id), reason=refusal.detail)
            DeadLetter.objects.filter(pk=letter_id).update(next_replay_at=None)
    return replayed
