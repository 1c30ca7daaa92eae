"""Servers that are told to stop, and a shop to back up with places to keep it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from notevault.db import pgbouncer
from ops.backup.database import Database, configured
from ops.backup.scratch import scratch_beside
from ops.tests.backing_up import ask
from ops.tests.own_database import direct_url
from ops.tests.web_rig import sleeper


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable]:
    """Start gunicorn with one process; stopped after the test."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(sleeper(tmp_path, **options))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """The folder of the backups."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def backups_of_this_database(settings: Any) -> None:
    """Not of the one that the environment names."""
    if pgbouncer.is_between():
        settings.BACKUP_DATABASE_URL = direct_url()


@pytest.fixture
def plain_owner(transactional_db: None) -> Iterator[str]:
    """A role as the guide's `notevault_owner` is: no superuser. Ask for it before `elsewhere`,
    which is then gone before it."""
    name = f"owner_{secrets.token_hex(4)}"
    ask(configured(), f"CREATE ROLE {name} NOLOGIN")
    yield name
    ask(configured(), f"DROP ROLE {name}")


@pytest.fixture
def elsewhere(transactional_db: None) -> Iterator[Database]:
    """An empty database of the same server."""
    with scratch_beside(configured()) as database:
        yield database


@pytest.fixture
def shop(
    transactional_db: None, buyer: Any, note: Any, gateway: Any, now: Any, run_jobs: Callable
) -> None:
    """Three orders of which one was refunded, with all that belongs to them in the books."""
    from notevault.accounts.tests.factories import make_user
    from payments.tests.factories import refund_lines, sell

    for person in (buyer, make_user("second"), make_user("third")):
        order = sell(buyer=person, notes=[note], gateway=gateway, now=now)
    run_jobs()
    line = order.items.get()
    refund_lines(order=order, lines={line.pk: line.paid_paise}, now=now)
    run_jobs()
