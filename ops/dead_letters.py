"""Where a job goes that gave up: a row with its arguments and its error, until it is replayed.

`ops.jobs` buries and digs out; people replay and discard through `ops.replay`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any
from uuid import UUID

from notevault.kit.logging import redact_text
from ops.models import DeadLetter
from ops.states import LetterState
from ops.transactions import use_case

# Ids and numbers differ from case to case of one fault.
_PARTICULARS = re.compile(r"\w*\d[\w-]*")


@use_case
def bury(
    *,
    task: str,
    arguments: dict[str, Any],
    error: BaseException,
    job_id: int,
    attempts: int,
    request_id: str,
    now: datetime,
    letter_id: UUID | None = None,
) -> DeadLetter:
    """Keep a job that gave up. One that was replayed from a letter opens that letter again.

    Repeating it for the same job changes nothing.
    """
    text = redact_text(f"{type(error).__name__}: {error}")[:500].replace("\x00", "")
    failure = {
        "error": text,
        "fingerprint": fingerprint_of(task, text),
        "job_id": job_id,
        "last_failed_at": now,
    }
    replayed = _find(letter_id) if letter_id else None
    if replayed is not None:
        _open_again(replayed, attempts, failure, now)
        return replayed
    work = {"task": task, "arguments": arguments, "request_id": request_id}
    defaults = {**failure, **work, "attempts": attempts, "buried_at": now}
    return DeadLetter.objects.get_or_create(job_id=job_id, defaults=defaults)[0]


def _find(letter_id: UUID) -> DeadLetter | None:
    return DeadLetter.objects.select_for_update().filter(pk=letter_id).first()


def _open_again(letter: DeadLetter, attempts: int, failure: dict[str, Any], now: datetime) -> None:
    if letter.state == LetterState.RETRYING:
        total = letter.attempts + attempts
        letter.move(LetterState.OPEN, why="failed again", now=now, attempts=total, **failure)


@use_case
def resolve(*, letter_id: UUID, now: datetime) -> None:
    """The replayed job has done its work."""
    letter = _find(letter_id)
    if letter is not None and letter.state == LetterState.RETRYING:
        letter.move(LetterState.RESOLVED, why="replayed", now=now)


def fingerprint_of(task: str, error: str) -> str:
    general = _PARTICULARS.sub("#", error)
    return hashlib.sha256(f"{task}\0{general}".encode()).hexdigest()[:16]
