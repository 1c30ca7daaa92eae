"""Replaying or discarding many dead letters: in batches, so many a second, in a job."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import structlog

from notevault.kit.errors import DomainError
from ops import jobs, replay
from ops.models import DeadLetter
from ops.selection import Selection
from ops.transactions import use_case

Deed = Literal["replay", "discard"]

PER_SECOND = 20
BATCH_S = 5
TASK = "ops.tasks.act_on_letters"

log = structlog.get_logger("notevault.jobs")


def act(*, deed: Deed, letter_id: UUID, why: str, actor_id: UUID | None, now: datetime) -> bool:
    """Raises what `replay.replay` raises; False for a letter that was left as it was."""
    do = replay.replay if deed == "replay" else replay.discard
    return do(letter_id=letter_id, why=why, actor_id=actor_id, now=now)


@use_case
def start(
    *, deed: Deed, selection: Selection, why: str, actor_id: UUID | None, now: datetime
) -> int:
    """Leave it to a job; gives how many letters it will meet, 0 when such a job waits already.
    What fails from now on is not met, so it comes to an end."""
    chosen = selection.as_of(now)
    count = chosen.rows().count()
    if not count or _defer(deed, chosen, why, actor_id, after=None) is None:
        return 0
    return count


def run_batch(
    *,
    deed: Deed,
    selection: Selection,
    why: str,
    actor_id: UUID | None,
    after: UUID | None,
    now: datetime,
) -> None:
    """Act on the next letters, and leave the rest to a job of its own. Repeating it is
    harmless: a letter that was replayed or discarded is left as it is."""
    letters = selection.page(after=after, size=PER_SECOND * BATCH_S)
    done = sum(_try(deed, letter, why, actor_id, now) for letter in letters)
    log.info("letters.batch", deed=deed, done=done, left=len(letters) - done)
    if len(letters) == PER_SECOND * BATCH_S:
        go_on(deed=deed, selection=selection, why=why, actor_id=actor_id, after=letters[-1].pk)


def _try(deed: Deed, letter: DeadLetter, why: str, actor_id: UUID | None, now: datetime) -> bool:
    try:
        return act(deed=deed, letter_id=letter.pk, why=why, actor_id=actor_id, now=now)
    except DomainError as refusal:
        log.warning("letter.refused", letter_id=str(letter.pk), reason=refusal.detail)
        return False


@use_case
def go_on(
    *, deed: Deed, selection: Selection, why: str, actor_id: UUID | None, after: UUID
) -> None:
    _defer(deed, selection, why, actor_id, after=after)


def _defer(
    deed: Deed, selection: Selection, why: str, actor_id: UUID | None, *, after: UUID | None
) -> int | None:
    arguments: dict[str, Any] = {
        "deed": deed,
        "selection": selection.as_json(),
        "why": why,
        "actor_id": str(actor_id) if actor_id else None,
        "after": str(after) if after else None,
    }
    delay = timedelta(seconds=BATCH_S) if after else None
    # A batch that is repeated after its worker was killed adds no second chain.
    meant = json.dumps(selection.as_json(), sort_keys=True)
    once = f"{TASK}:{deed}:{hashlib.sha256(meant.encode()).hexdigest()}:{after}"
    return jobs.defer(TASK, delay=delay, once_per=once, **arguments)
