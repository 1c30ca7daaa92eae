"""Tasks that only tests defer; their queue is served by no other worker."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction

from notevault.kit.correlation import current_request_id
from ops import jobs
from ops.jobs import Retries, RetryLater, job
from ops.revival import Revival

QUEUE = "tests"
AT_ONCE = Retries(attempts=3, first_s=0, longest_s=0)
PATIENT = Revival(first=timedelta(minutes=5), longest=timedelta(hours=1), until=timedelta(hours=12))
HERE = "ops.tests.sample_tasks"

# What ran in this process, oldest first.
ran: list[Any] = []


@job(queue=QUEUE, retries=AT_ONCE)
def note_down(*, text: str) -> None:
    ran.append((text, current_request_id()))


@job(queue=QUEUE, retries=AT_ONCE)
def fail(*, text: str) -> None:
    ran.append(text)
    raise ValueError(text)


@job(queue=QUEUE, retries=AT_ONCE)
def not_yet(*, times: int) -> None:
    ran.append("looked")
    if len(ran) <= times:
        raise RetryLater("it is too early")


@job(queue=QUEUE, retries=AT_ONCE)
def lose_the_connection() -> None:
    """The first time the database ends the connection under it."""
    ran.append("ran")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        if len(ran) == 1:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            raise OperationalError("it should have been lost")


@job(queue=QUEUE, retries=Retries(attempts=1))
def defer_another(*, commits: bool) -> None:
    with transaction.atomic():
        jobs.defer(f"{HERE}.note_down", text="deferred within a job")
        if not commits:
            raise ValueError("rolled back")


@job(queue=QUEUE, retries=AT_ONCE)
def defer_its_twin_and_fail(*, key: str) -> None:
    ran.append("ran")
    if len(ran) == 1:
        jobs.defer(f"{HERE}.defer_its_twin_and_fail", once_per=key, key=key)
        raise RetryLater("its twin waits")


@job(queue=QUEUE, retries=AT_ONCE)
def take_a_while(*, seconds: float, path: str) -> None:
    """Say in a file that it has begun, and later that it is done."""
    with open(path, "a") as file:
        file.write("begun ")
        file.flush()
        time.sleep(seconds)
        file.write("done")


@job(queue=QUEUE, retries=Retries(attempts=1, revival=PATIENT), kind="letterbox")
def reach_the_receiver(*, until: int) -> None:
    """Nobody is there until it has knocked so often."""
    ran.append("knocked")
    if len(ran) < until:
        raise RetryLater("nobody is there")
