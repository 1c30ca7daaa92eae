"""The receiver is down for six hours, workers die, and every alert arrives in the end.

Real worker processes and a real receiver. Hours pass by moving what is due into the past, and
the breaker's pause with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.db import connection, transaction
from django.db.models import F

from alerts.models import Alert, AlertDelivery, DeliveryAttempt
from alerts.services import raise_alert
from alerts.tests.sinks import sink
from notevault.kit import clock
from ops import replay, tasks
from ops.models import CircuitBreaker, DeadLetter, DeadLetterMove
from ops.tests.own_database import database_url, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

ANSWERS = (503, {}, b"down")
HOURS_DOWN, HOUR, STEP = 6, timedelta(hours=1), timedelta(minutes=10)


@contextmanager
def worker(url, **environment):
    """As many as the test starts; none outlives it."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--queue", "alerts", "--concurrency", "4"],
        cwd=project.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "SECURITY_WEBHOOK_URL": url,
            "ALERT_ALLOW_PRIVATE": "true",
            "ALERT_WEBHOOK_SECRET": "",
            **environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)


def let_time_pass(span=timedelta(minutes=1)):
    """Retries and breakers are due at once; dead letters only when their own time has come."""
    sql("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
    CircuitBreaker.objects.update(changed_at=F("changed_at") - span)
    DeadLetter.objects.filter(state="open").update(
        buried_at=F("buried_at") - span, next_replay_at=F("next_replay_at") - span
    )
    DeadLetter.objects.filter(state="retrying").update(buried_at=F("buried_at") - span)
    replay.replay_due(now=clock.now())


def give_back_its_jobs():
    """Of the worker that was killed just now."""
    sql("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    tasks.retry_stalled_jobs()


def pending():
    return AlertDelivery.objects.filter(channel="webhook", state="pending")


def raise_alerts(count, *, storm_every):
    """`count` matters; each `storm_every`th of them comes up five times."""
    now = clock.now()
    with transaction.atomic():
        for number in range(count):
            for _ in range(5 if number % storm_every == 0 else 1):
                raise_alert(
                    kind="payments.quarantined",
                    severity="critical",
                    message=f"Matter {number}.",
                    dedupe_key=f"matter-{number}",
                    now=now,
                )


def outage(count, tmp_path):
    with sink() as receiver:
        receiver.answer = ANSWERS
        raise_alerts(count, storm_every=10)

        # It dies by a kill while calls are under way,
        with worker(receiver.url) as first:
            wait_for(lambda: len(receiver.requests) >= 5, seconds=40)
            first.send_signal(signal.SIGKILL)
            first.wait()
        let_time_pass()
        give_back_its_jobs()

        # and the next one between a call and its row.
        (tmp_path / "alerts.sent_not_marked").touch()
        with worker(receiver.url, CRASH_POINTS_DIR=str(tmp_path)) as second:
            wait_for(lambda: second.poll() is not None, seconds=40)
        let_time_pass()
        give_back_its_jobs()
        yield receiver

        with worker(receiver.url):
            wait_for(lambda: bury_what_is_due() >= count, seconds=100)
            for _ in range(HOURS_DOWN * HOUR // STEP):
                let_time_pass(STEP)
                time.sleep(0.1)
            receiver.answer = (200, {}, b"ok")
            wait_for(lambda: arrive(), seconds=100)
        yield receiver


def bury_what_is_due():
    let_time_pass()
    return letters().count()


def letters():
    """Of the matters; the watchers tell of other things."""
    ids = AlertDelivery.objects.filter(alert__kind="payments.quarantined").values_list("pk")
    return DeadLetter.objects.filter(arguments__delivery_id__in=[str(pk) for (pk,) in ids])


def arrive():
    let_time_pass(STEP)
    time.sleep(0.3)
    has_opened = Alert.objects.filter(deliveries=None).count() == 0
    return has_opened and not pending().exists()


def check(count, tmp_path):
    steps = outage(count, tmp_path)
    next(steps)
    assert AlertDelivery.objects.filter(channel="webhook", state="delivered").count() == 0

    receiver = next(steps)

    # The watchers tell of the outage itself: that is not what is counted here.
    arrived = [b["data"] for b in receiver.bodies if b["data"]["kind"] == "payments.quarantined"]
    taken = {body["message"]: body["count"] for body in arrived}
    assert set(taken) == {f"Matter {number}." for number in range(count)}
    # A storm is one alert with its count.
    assert Counter(taken.values()) == {5: count // 10, 1: count - count // 10}
    assert len({body["id"] for body in arrived}) == count
    assert Alert.objects.filter(delivered_at=None).count() == 0
    assert DeadLetter.objects.exclude(state="resolved").count() == 0
    assert DeliveryAttempt.objects.filter(status=503).exists()
    # They lay for all that time, and were tried by their own schedule, not at every step.
    assert max(letters().values_list("buried_at", flat=True)) < clock.now() - HOURS_DOWN * HOUR
    replays = DeadLetterMove.objects.filter(row__in=letters(), new="retrying")
    assert count <= replays.count() < count * (HOURS_DOWN * HOUR // STEP)
    steps.close()


class TestASinkThatIsDownForSixHoursWhileTheWorkerIsKilledTwice:
    def test_gets_every_alert_in_the_end(self, run_jobs, tmp_path):
        check(40, tmp_path)

    @pytest.mark.full
    @pytest.mark.timeout(400)
    def test_gets_five_hundred_of_them(self, run_jobs, tmp_path):
        check(500, tmp_path)
