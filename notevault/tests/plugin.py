"""Fixtures for every app's tests. Loaded by pytest.ini, before Django is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from notes.models import Note
    from notevault.accounts.models import User
    from payments.gateways.memory import MemoryGateway

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def buyer(db: None) -> User:
    from notevault.accounts.tests.factories import make_user

    return make_user("buyer")


@pytest.fixture
def stranger(db: None) -> User:
    from notevault.accounts.tests.factories import make_user

    return make_user("stranger")


@pytest.fixture
def seller(db: None) -> User:
    from notevault.accounts.tests.factories import make_user

    return make_user("seller", is_seller=True)


@pytest.fixture
def moderator(db: None) -> User:
    from django.contrib.auth.models import Group

    from notevault.accounts.tests.factories import make_user

    user = make_user("moderator", is_staff=True)
    user.groups.add(Group.objects.get(name="Moderator"))
    return user


@pytest.fixture
def note(seller: User) -> Note:
    """Published, ₹99, without bytes behind its file row."""
    from notes.tests.factories import make_note

    return make_note(seller=seller)


@pytest.fixture
def client_of() -> Callable[[User | None], APIClient]:
    """A client signed in as a user, with a real session and token; None for nobody."""
    from rest_framework.test import APIClient

    from notevault.accounts import services
    from notevault.kit import clock

    def build(user: User | None = None) -> APIClient:
        client = APIClient(raise_request_exception=False)
        if user is not None:
            pair = services.start_session(user=user, now=clock.now())
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        return client

    return build


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[MemoryGateway]:
    """The in-memory twin, in the place of the gateway that settings chose."""
    from payments import gateways
    from payments.gateways.memory import MemoryGateway

    twin = MemoryGateway(key_secret=settings.RAZORPAY_KEY_SECRET)
    gateways.get_gateway.cache_clear()
    monkeypatch.setattr(gateways, "import_string", lambda _: lambda: twin)
    yield twin
    gateways.get_gateway.cache_clear()


@pytest.fixture(autouse=True)
def queue_ends_with_its_test(
    request: pytest.FixtureRequest, django_db_blocker: Any
) -> Iterator[None]:
    """The queue's tables are not Django's to flush: a job that was committed would meet
    whichever test comes next."""
    yield
    marker = request.node.get_closest_marker("django_db")
    commits = marker is not None and marker.kwargs.get("transaction", False)
    if commits or "transactional_db" in request.fixturenames:
        from django.db import connection

        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")


@pytest.fixture
def run_jobs(db: None) -> Callable[[], list[str]]:
    """Run the due jobs of the queue here and now; returns the names of those that ran.

    A job that raises RetryLater stays in the queue; any other error reaches the test.
    """
    from django.db import connection
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.models import ProcrastinateJob

    from ops.jobs import RetryLater

    # What fixtures have deferred is not the test's.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")

    def run() -> list[str]:
        ran: list[str] = []
        seen: set[int] = set()
        while True:
            due = ProcrastinateJob.objects.filter(status="todo").exclude(pk__in=seen)
            job = due.filter(scheduled_at=None).order_by("pk").first()
            if job is None:
                return ran
            seen.add(job.pk)
            try:
                context = SimpleNamespace(job=_as_job(job))
                app.tasks[job.task_name].func(context, **job.args)
            except RetryLater:
                continue
            ran.append(job.task_name)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.pk])

    return run


def _as_job(row: Any) -> Any:
    """A row of the queue as a worker hands it to a task."""
    from procrastinate.jobs import Job

    return Job(
        id=row.pk,
        queue=row.queue_name,
        lock=row.lock,
        queueing_lock=row.queueing_lock,
        task_name=row.task_name,
        task_kwargs=row.args,
        attempts=row.attempts,
    )
