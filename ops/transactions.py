"""The transaction of a use case: durable, and repeated whole when PostgreSQL asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import stamina
from django.db import OperationalError, connection, connections, transaction

P = ParamSpec("P")
R = TypeVar("R")

SERIALIZATION_FAILURE = "40001"
DEADLOCK_DETECTED = "40P01"
ATTEMPTS = 5


def is_conflict(error: Exception) -> bool:
    """True for the two errors after which the same transaction may simply run again."""
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, OperationalError) and state in {
        SERIALIZATION_FAILURE,
        DEADLOCK_DETECTED,
    }


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Run the function in one durable transaction of its own.

    It may run more than once, so it does nothing but database work: no gateway, no file.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in stamina.retry_context(
            on=is_conflict, attempts=ATTEMPTS, wait_initial=0.02, wait_jitter=0.05, wait_max=0.5
        ):
            with attempt, transaction.atomic(durable=True):
                return function(*args, **kwargs)
        raise AssertionError("unreachable: the last attempt returns or raises")

    return run


def lend_connection() -> None:
    """Let the pool have this thread's connection while the thread waits for somebody else."""
    if not connection.in_atomic_block:
        connection.close()


def close_pools() -> None:
    """At the end of a process: PostgreSQL is told, instead of losing its clients."""
    for alias in connections:
        database: Any = connections[alias]  # its stubs know no pool
        database.close()
        database.close_pool()
