"""The worker as a process: what it does when it is killed, and when it is asked to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, transaction

from ops.tests.own_database import database_url, wait_for
from payments import locks
from payments.models import WebhookEvent
from payments.tests.factories import event_body, make_order, payment_entity, signed
from payments.webhooks import inbox

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "sandbox-webhook-secret"


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--concurrency", "1"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def job_states() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status FROM procrastinate_jobs WHERE task_name = 'payments.tasks.handle_event'"
        )
        return [state for (state,) in cursor.fetchall()]


@pytest.fixture
def event(buyer, note, gateway, run_jobs) -> WebhookEvent:
    """A captured payment whose job waits in the queue."""
    from django.utils import timezone

    moment = timezone.now()
    order = make_order(buyer=buyer, notes=[note], now=moment)
    payment = payment_entity(gateway.pay(order.gateway_order_id))
    body = event_body("payment.captured", {"payment": payment}, created_at=moment)
    inbox.receive(**signed(body, SECRET), event_id="evt_000001", now=moment)
    stored = WebhookEvent.objects.get()
    stored.order_id = order.pk
    return stored


@contextmanager
def order_held(event: WebhookEvent) -> Iterator[None]:
    """Someone else holds the order's row, so its job stays under way."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            locks.lock_order(event.order_id)
            held.set()
            done.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()


class TestAWorkerThatIsKilled:
    def test_has_its_job_run_again_within_a_minute(self, event):
        with order_held(event), worker() as killed:
            wait_for(lambda: job_states() == ["doing"], seconds=20)
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        killed_at = time.monotonic()

        with worker():
            wait_for(lambda: "succeeded" in job_states(), seconds=60)

        event.refresh_from_db()
        assert event.state == "handled"
        assert time.monotonic() - killed_at < 60


class TestAWorkerThatIsAskedToStop:
    def test_finishes_its_job_and_exits_with_0(self, event):
        with worker() as asked:
            with order_held(event):
                wait_for(lambda: job_states() == ["doing"], seconds=20)
                asked.send_signal(signal.SIGTERM)
                time.sleep(0.5)
                assert asked.poll() is None

            assert asked.wait(20) == 0

        event.refresh_from_db()
        assert (event.state, job_states()) == ("handled", ["succeeded"])
