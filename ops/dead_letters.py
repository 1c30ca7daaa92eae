"""Where a job goes that gave up: a row with its arguments and its error, until it is replayed.

`ops.jobs` buries and digs out; people replay and discard through `ops.replay`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any
from uuid import UUID

from notevault.kit.redaction import redact_text
from ops.models import DeadLetter, FailedRun
from ops.revival import Revival
from ops.states import LetterState
from ops.transactions import use_case

# Ids and numbers differ from case to case of one fault.
_PARTICULARS = re.compile(r"\w*\d[\w-]*")
LONGEST_ERROR = 500


@use_case
def note_failure(
    *, job_id: int, run: int, error: BaseException, ms: int | None, now: datetime
) -> None:
    """Keep a failed run of a job that is tried again, in case the job gives up one day."""
    _record(None, job_id=job_id, run=run, error=_text(error), ms=ms, at=now)


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
    kind: str = "",
    letter_id: UUID | None = None,
    ms: int | None = None,
    revival: Revival | None = None,
) -> DeadLetter:
    """Keep a job that gave up, with its failed runs. One that was replayed from a letter
    opens that letter again.

    Repeating it for the same job changes nothing.
    """
    text = _text(error)
    letter = _find_letter(job_id, letter_id)
    failure: dict[str, Any] = {
        "error": text,
        "fingerprint": fingerprint_of(task, text),
        "last_failed_at": now,
        "next_replay_at": revival
        and revival.next_at(buried_at=letter.buried_at if letter else now, now=now),
    }
    if letter is None:
        # Longer ones are written by no code of ours, but they must not hide what gave up.
        named = {"kind": kind[:40], "task": task, "request_id": request_id[:128]}
        new = {**failure, **named, "arguments": arguments, "attempts": attempts, "buried_at": now}
        letter, _ = DeadLetter.objects.get_or_create(job_id=job_id, defaults=new)
    elif letter.job_id == job_id and letter.state == LetterState.RETRYING:
        total = letter.attempts + attempts
        letter.move(LetterState.OPEN, why="failed again", now=now, attempts=total, **failure)
    _record(letter, job_id=job_id, run=attempts, error=text, ms=ms, at=now)
    FailedRun.objects.filter(job_id=job_id, letter=None).update(letter=letter)
    return letter


def _find_letter(job_id: int, letter_id: UUID | None) -> DeadLetter | None:
    """The letter that a job was replayed from, or that holds one of its failed runs."""
    if letter_id is None:
        runs = FailedRun.objects.filter(job_id=job_id, letter__isnull=False)
        letter_id = runs.values_list("letter_id", flat=True).first()
    return _lock(letter_id) if letter_id else None


def _lock(letter_id: UUID) -> DeadLetter | None:
    return DeadLetter.objects.select_for_update().filter(pk=letter_id).first()


def _record(letter: DeadLetter | None, **run: Any) -> None:
    FailedRun.objects.bulk_create([FailedRun(letter=letter, **run)], ignore_conflicts=True)


@use_case
def resolve(*, letter_id: UUID, now: datetime) -> None:
    """The replayed job has done its work."""
    letter = _lock(letter_id)
    if letter is not None and letter.state == LetterState.RETRYING:
        letter.move(LetterState.RESOLVED, why="replayed", now=now, closed_at=now)


def fingerprint_of(task: str, error: str) -> str:
    general = _PARTICULARS.sub("#", error)
    return hashlib.sha256(f"{task}\0{general}".encode()).hexdigest()[:16]


def _text(error: BaseException) -> str:
    text = redact_text(f"{type(error).__name__}: {error}"[:20_000])
    return text[:LONGEST_ERROR].replace("\x00", "")
