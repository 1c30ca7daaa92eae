"""Dead letters as the command line shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.timesince import timesince
from django.utils.timezone import localtime

from ops.models import DeadLetter
from ops.selection import Fault

_TIMES = ("buried_at", "last_failed_at", "next_replay_at", "closed_at")
_TEXTS = ("state", "kind", "task", "arguments", "error", "fingerprint", "attempts", "job_id")
_ROW = "{:<36}  {:<9}  {:<14}  {:>4}  {:>10}  {}"
_GROUP = "{:<16}  {:>7}  {:<14}  {:>10}  {}"


def as_json(letter: DeadLetter) -> dict[str, Any]:
    texts = {name: getattr(letter, name) for name in (*_TEXTS, "request_id")}
    times = {name: _iso(getattr(letter, name)) for name in _TIMES}
    return {"id": str(letter.pk), **texts, **times}


def whole_as_json(letter: DeadLetter) -> dict[str, Any]:
    """With its failed runs and its moves."""
    runs = letter.runs.order_by("pk").values("job_id", "run", "at", "ms", "error")
    moves = letter.moves.order_by("pk").values("at", "old", "new", "why", "actor_id")
    return {
        **as_json(letter),
        "runs": [{**run, "at": _iso(run["at"])} for run in runs],
        "moves": [
            {**move, "at": _iso(move["at"]), "actor_id": move["actor_id"] and str(move["actor_id"])}
            for move in moves
        ],
    }


def table(letters: list[DeadLetter], *, now: datetime) -> Iterator[str]:
    yield _ROW.format("id", "state", "kind", "runs", "failed", "error")
    for row in letters:
        age = _age(row.last_failed_at, now)
        yield _ROW.format(str(row.pk), row.state, row.kind, row.attempts, age, _in_line(row.error))


def table_of_faults(faults: list[Fault], *, now: datetime) -> Iterator[str]:
    yield _GROUP.format("fingerprint", "letters", "kind", "failed", "error of one")
    for fault in faults:
        age = _age(fault.last, now)
        yield _GROUP.format(
            fault.fingerprint, fault.letters, fault.kind, age, _in_line(fault.error)
        )


def sheet(letter: DeadLetter) -> Iterator[str]:
    """All that is known of one."""
    for name, value in as_json(letter).items():
        shown = json.dumps(value) if isinstance(value, dict) else value
        if shown not in (None, ""):
            yield f"{name + ':':<16}{shown}"
    yield "failed runs:"
    for run in letter.runs.order_by("pk"):
        took = "" if run.ms is None else f", {run.ms} ms"
        yield f"  {_iso(run.at)}  job {run.job_id}, run {run.run}{took}: {run.error}"
    yield "history:"
    for move in letter.moves.order_by("pk"):
        actor = f" (user {move.actor_id})" if move.actor_id else ""
        yield f"  {_iso(move.at)}  {move.old} → {move.new}: {move.why}{actor}"


def _iso(time: datetime | None) -> str | None:
    return localtime(time).isoformat(timespec="seconds") if time else None


def _age(then: datetime, now: datetime) -> str:
    return timesince(then, now, depth=1).replace("\xa0", " ")


def _in_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
