"""What runs beside the web: workers, their queue, and the machine under them."""

from __future__ import annotations

from collections.abc import Iterator

from ops import machine
from ops.doctor.finding import Finding, Level, Visit, judge, needs_database
from ops.health.jobs import LONGEST_WAIT_S, MANY_LETTERS, oldest_due_s, open_letters, workers_alive
from ops.health.machine import FULL_PERCENT, folders_in_use

GIB = 1 << 30


@needs_database
def examine_jobs(visit: Visit) -> Iterator[Finding]:
    alive = workers_alive()
    yield judge(
        alive > 0,
        level=visit.grave,
        well=f"{alive} workers are alive." if alive > 1 else "A worker is alive.",
        ill="No worker is alive: mails, webhooks and refunds wait.",
        remedy="Start one: `manage.py worker`, or scale its deployment up, and look at its log.",
    )
    oldest_s = oldest_due_s()
    yield judge(
        oldest_s <= LONGEST_WAIT_S,
        level=Level.WARN,
        well="No job has waited for long.",
        ill=f"A job has been due for {oldest_s:.0f} s.",
        remedy="Start more workers, or raise WORKER_CONCURRENCY.",
    )
    letters = open_letters().count()
    yield judge(
        letters <= MANY_LETTERS,
        level=Level.WARN,
        well=f"{letters} dead letters are open.",
        ill=f"{letters} dead letters are open: work that gave up.",
        remedy="Read them with `manage.py dead_letters list`, cure the cause, and replay them.",
    )


def examine_machine(visit: Visit) -> Iterator[Finding]:
    for path in folders_in_use().values():
        share = machine.disk(path)
        yield judge(
            share.percent < FULL_PERCENT,
            level=Level.FAIL,
            well=f"{share.free / GIB:.1f} GiB are free below {path}.",
            ill=f"The disk of {path} is {share.percent:.0f} % full.",
            remedy="Free some space, or give it a larger volume.",
        )
    memory = machine.memory()
    yield judge(
        memory.percent < FULL_PERCENT,
        level=Level.WARN,
        well=f"{memory.free / GIB:.1f} of {memory.limit / GIB:.1f} GiB of memory are free.",
        ill=f"{memory.percent:.0f} % of the memory is in use.",
        remedy="Raise the container's memory limit, or lower WEB_WORKERS.",
    )
