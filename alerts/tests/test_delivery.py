"""From an alert to each channel: deliveries, attempts, and what an answer brings about."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog
from django.db import connection

from alerts import channels, delivery, receivers, tasks
from alerts.channels.log import Log
from alerts.models import Alert, AlertDelivery, DeliveryAttempt, Receiver, Severity
from alerts.services import raise_alert, resolve_alert
from notevault.kit import clock
from notevault.kit.ids import uuid7
from notevault.kit.tests.log_output import log_output
from ops import replay, upkeep
from ops.jobs import RetryLater
from ops.models import CircuitBreaker

pytestmark = pytest.mark.django_db

MATTER = {
    "kind": "payments.quarantined",
    "severity": Severity.CRITICAL,
    "message": "Paid too little by canary@example.com.",
    "dedupe_key": "o1",
}


@pytest.fixture
def alert(now, run_jobs):
    structlog.contextvars.clear_contextvars()
    with structlog.contextvars.bound_contextvars(request_id="caller-id"):
        return raise_alert(
            **MATTER, metadata={"order_id": "o1", "email": "canary@example.com"}, now=now
        )


def states():
    return dict(AlertDelivery.objects.filter(news="raised").values_list("channel", "state"))


def waiting_jobs(task="send_delivery"):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args->>'delivery_id', scheduled_at - now() FROM procrastinate_jobs"
            " WHERE task_name = %s AND status = 'todo'",
            [f"alerts.tasks.{task}"],
        )
        return cursor.fetchall()


class TestAnAlert:
    def test_goes_to_every_channel_by_a_job_of_its_own(self, alert, receiver, run_jobs):
        assert run_jobs() == [
            "alerts.tasks.deliver_alert",
            "alerts.tasks.send_delivery",
            "alerts.tasks.send_delivery",
        ]

        alert.refresh_from_db()
        assert states() == {"log": "delivered", "webhook": "delivered"}
        assert alert.delivered_at is not None
        assert len(receiver.requests) == 1

    def test_tells_who_raised_it_and_nothing_secret(self, alert, receiver, run_jobs):
        with log_output() as output:
            run_jobs()

        (line,), (body,) = output.events("alert"), receiver.bodies
        said = body["data"]
        assert said["message"] == line["message"] == "Paid too little by [redacted]."
        assert said["metadata"] == {"order_id": "o1", "email": "[redacted]"} == line["metadata"]
        assert said["request_id"] == line["raised_by"] == line["request_id"] == "caller-id"
        assert said["id"] == line["alert_id"] == str(alert.pk)
        assert said["what_to_do"].startswith("The buyer has paid and has no access.")
        assert said["url"].endswith(f"/admin/alerts/alert/{alert.pk}/change/")

    def test_is_opened_once_however_often_its_job_runs(self, alert, receiver, now):
        for _ in range(2):
            tasks.deliver_alert(alert_id=str(alert.pk))

        assert AlertDelivery.objects.count() == len(waiting_jobs()) == 2

    def test_of_little_weight_spares_who_wants_no_such(self, alert, receiver, run_jobs, settings):
        settings.ALERT_LEAST_SEVERITY = {"webhook": "critical"}
        raise_alert(
            kind="accounts.refresh_reused",
            severity="high",
            message="m",
            dedupe_key="d",
            now=clock.now(),
        )

        run_jobs()

        assert (AlertDelivery.objects.count(), len(receiver.requests)) == (3, 1)

    def test_that_is_not_there_fails_loudly(self, now):
        with pytest.raises(Alert.DoesNotExist):
            delivery.fan_out(alert_id=uuid7(), round_number=1, now=now)


class TestAnAlertWhoseDeliveriesCannotBeOpened:
    def test_is_tried_again_from_its_dead_letter(self, alert, receiver, run_jobs, now):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")
        upkeep.bury_unseen(now=now)

        replay.replay_due(now=now + timedelta(minutes=5))
        run_jobs()

        assert states() == {"log": "delivered", "webhook": "delivered"}


class TestAnAttempt:
    @pytest.fixture
    def pending(self, alert, receiver, now):
        delivery.fan_out(alert_id=alert.pk, round_number=1, now=now)
        return AlertDelivery.objects.get(channel="webhook")

    def test_is_a_row_with_status_error_and_time(self, pending, receiver):
        receiver.answer = (500, {}, b"out of order")

        with pytest.raises(RetryLater, match="webhook: it answered 500: out of order"):
            tasks.send_delivery(delivery_id=str(pending.pk))

        attempt = DeliveryAttempt.objects.get()
        assert (attempt.status, attempt.error) == (500, "it answered 500: out of order")
        assert 0 <= attempt.ms < 5000
        assert states()["webhook"] == "pending"

    def test_has_the_same_id_as_the_one_before(self, pending, receiver):
        receiver.answer = (500, {}, b"")
        with pytest.raises(RetryLater):
            tasks.send_delivery(delivery_id=str(pending.pk))
        receiver.answer = (200, {}, b"")

        tasks.send_delivery(delivery_id=str(pending.pk))

        ids = [headers["webhook-id"] for _, headers, _ in receiver.requests]
        assert ids == [str(pending.pk)] * 2
        assert list(pending.attempts.order_by("pk").values_list("status", flat=True)) == [500, 200]

    def test_is_not_made_of_what_was_delivered(self, pending, receiver):
        for _ in range(2):
            tasks.send_delivery(delivery_id=str(pending.pk))

        assert len(receiver.requests) == DeliveryAttempt.objects.count() == 1

    def test_is_made_with_no_transaction_open(self, pending, receiver, monkeypatch):
        seen = []
        monkeypatch.setattr("alerts.delivery.upstream.lend_connection", lambda: seen.append(1))

        tasks.send_delivery(delivery_id=str(pending.pk))

        # `calling` gives the connection back, which it refuses to do inside of one.
        assert seen == [1]

    def test_keeps_nothing_when_the_log_cannot_be_written(self, pending, monkeypatch):
        def fail(*_, **__):
            raise OSError("the disk is full")

        monkeypatch.setattr("alerts.channels.log.log", type("Log", (), {"error": fail})())
        log = AlertDelivery.objects.get(channel="log")

        with pytest.raises(OSError, match="disk is full"):
            tasks.send_delivery(delivery_id=str(log.pk))

        assert states()["log"] == "pending"

    def test_of_a_receiver_that_fails_too_often_is_not_made(self, pending, receiver):
        CircuitBreaker.objects.create(name="alerts:webhook", forced="open", changed_at=clock.now())

        with pytest.raises(RetryLater, match="failed too often"):
            tasks.send_delivery(delivery_id=str(pending.pk))

        assert (receiver.requests, DeliveryAttempt.objects.count()) == ([], 0)


class TestAReceiverThatAsksForAPause:
    def test_gets_it_and_is_called_again_after_it(self, alert, receiver, run_jobs):
        receiver.answer = (429, {"Retry-After": "90"}, b"slow down")

        run_jobs()

        ((delivery_id, wait),) = waiting_jobs()
        assert delivery_id == str(AlertDelivery.objects.get(channel="webhook").pk)
        assert timedelta(seconds=85) < wait <= timedelta(seconds=135)
        assert (states()["webhook"], DeliveryAttempt.objects.filter(status=429).count()) == (
            "pending",
            1,
        )

    @pytest.fixture
    def impatient(self, alert, receiver, now):
        """It asks for a second, however often it is called."""
        receiver.answer = (429, {"Retry-After": "1"}, b"")
        delivery.fan_out(alert_id=alert.pk, round_number=1, now=now)
        return AlertDelivery.objects.get(channel="webhook")

    def test_again_and_again_is_called_ever_less_often(self, impatient, now):
        waits = []
        for _ in range(14):
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM procrastinate_jobs")
            delivery.send(delivery_id=impatient.pk, now=now)
            waits += [wait for _, wait in waiting_jobs()]

        assert len(waits) == 14
        assert waits[0] < timedelta(seconds=4)
        assert timedelta(seconds=7) < waits[3] < timedelta(seconds=20)
        assert timedelta(minutes=59) < waits[13] <= timedelta(minutes=90)

    def test_is_waited_for_by_one_job_however_often_the_last_one_ran(self, impatient, now):
        for _ in range(2):
            delivery.send(delivery_id=impatient.pk, now=now)

        later = [key for key, wait in waiting_jobs() if wait]
        assert later == [str(impatient.pk)]

    def test_for_three_days_is_one_that_fails(self, alert, receiver, now):
        receiver.answer = (429, {"Retry-After": "90"}, b"")
        delivery.fan_out(alert_id=alert.pk, round_number=1, now=now)
        row = AlertDelivery.objects.get(channel="webhook")

        with pytest.raises(delivery.NotDelivered):
            delivery.send(delivery_id=row.pk, now=now + timedelta(hours=73))


class TestAReceiverThatIsGone:
    @pytest.fixture
    def gone(self, alert, receiver, run_jobs):
        receiver.answer = (410, {}, b"no such hook")
        with log_output() as output:
            run_jobs()
        receiver.output = output
        return receiver

    def test_is_switched_off_and_never_called_again(self, gone, now, run_jobs):
        raise_alert(**{**MATTER, "dedupe_key": "o2"}, now=now)
        run_jobs()

        row = Receiver.objects.get()
        assert (row.channel, row.state) == ("webhook", "disabled")
        assert row.moves.get().why == "it answered 410: no such hook"
        assert len(gone.requests) == 1

    def test_is_alerted_of_on_the_other_channels(self, gone):
        told = [(line["kind"], line["severity"]) for line in gone.output.events("alert")]

        assert told == [("payments.quarantined", "critical"), ("alerts.receiver_gone", "high")]
        assert states() == {"log": "delivered", "webhook": "refused"}

    def test_leaves_no_alert_undelivered(self, gone):
        assert Alert.objects.filter(delivered_at=None).count() == 0

    def test_is_not_called_for_what_was_waiting(self, alert, receiver, run_jobs, now):
        delivery.fan_out(alert_id=alert.pk, round_number=1, now=now)
        receivers.disable(channel=channels.find("webhook"), why="410", now=now)

        run_jobs()

        assert (states()["webhook"], receiver.requests) == ("refused", [])

    def test_is_called_again_once_staff_enable_it(self, gone, now, run_jobs, moderator):
        gone.answer = (200, {}, b"")

        enabled = [
            receivers.enable(
                receiver_id=Receiver.objects.get().pk, actor_id=moderator.pk, why="back", now=now
            )
            for _ in range(2)
        ]
        raise_alert(**{**MATTER, "dedupe_key": "o2"}, now=now)
        run_jobs()

        assert (enabled, len(gone.requests)) == ([True, False], 2)
        assert Receiver.objects.get().moves.last().actor_id == moderator.pk

    def test_is_called_again_under_another_address(self, gone, now, run_jobs, settings):
        gone.answer = (200, {}, b"")
        settings.SECURITY_WEBHOOK_URLS = [gone.url + "/new"]

        raise_alert(**{**MATTER, "dedupe_key": "o2"}, now=now)
        run_jobs()

        assert gone.requests[-1][0] == "/hook/secret-path/new"

    def test_may_go_a_second_time(self, gone, now, settings):
        settings.SECURITY_WEBHOOK_URLS = [gone.url + "/new"]

        off = [
            receivers.disable(channel=channels.find("webhook"), why="410", now=now)
            for _ in range(2)
        ]

        assert (off, receivers.disabled().count()) == ([True, False], 1)


class TestAStorm:
    def test_is_one_delivery_with_the_count_as_it_stands(self, alert, receiver, now, run_jobs):
        for second in range(1, 40):
            raise_alert(**MATTER, now=now + timedelta(seconds=second))

        run_jobs()

        assert [body["data"]["count"] for body in receiver.bodies] == [40]
        assert AlertDelivery.objects.get(channel="webhook").told_count == 40

    def test_is_told_of_in_full_by_the_next_alert(self, alert, receiver, now, run_jobs):
        run_jobs()
        for second in range(1, 8):
            raise_alert(**MATTER, now=now + timedelta(seconds=second))

        raise_alert(**MATTER, now=now + timedelta(minutes=5))
        run_jobs()

        said = [(body["data"]["count"], body["data"]["since_last"]) for body in receiver.bodies]
        assert said == [(1, 0), (1, 7)]

    def test_that_ends_within_its_window_is_told_of_in_full_after_it(
        self, alert, receiver, now, run_jobs
    ):
        run_jobs()
        for second in range(1, 8):
            raise_alert(**MATTER, now=now + timedelta(seconds=second))
        (job,) = waiting_jobs("tell_count")

        for _ in range(2):
            tasks.tell_count(alert_id=str(alert.pk))
            run_jobs()

        said = [(body["data"]["count"], body["data"]["incident_id"]) for body in receiver.bodies]
        assert said == [(1, str(alert.pk)), (8, str(alert.pk))]
        assert timedelta(minutes=4) < job[1] <= timedelta(minutes=5)
        alert.refresh_from_db()
        assert alert.delivered_at is not None

    def test_that_was_told_of_in_full_or_is_over_is_not_told_again(
        self, alert, receiver, now, run_jobs
    ):
        raise_alert(**MATTER, now=now)
        run_jobs()
        tasks.tell_count(alert_id=str(alert.pk))
        raise_alert(**MATTER, now=now)
        resolve_alert(dedupe_key="o1", now=now)

        tasks.tell_count(alert_id=str(alert.pk))
        run_jobs()

        assert [body["type"] for body in receiver.bodies] == ["alert.raised", "alert.resolved"]


class TestTheEnd:
    def test_is_told_to_channels_that_know_the_word(self, alert, receiver, now, run_jobs, settings):
        settings.ALERT_EMAILS = ["ops@example.com"]
        run_jobs()

        resolve_alert(dedupe_key="o1", now=now)
        run_jobs()

        ends = AlertDelivery.objects.filter(news="resolved").values_list("channel", "state")
        assert set(ends) == {("log", "delivered"), ("webhook", "delivered")}
        assert [body["type"] for body in receiver.bodies] == ["alert.raised", "alert.resolved"]
        ids = {headers["webhook-id"] for _, headers, _ in receiver.requests}
        assert len(ids) == 2

    def test_never_comes_before_the_beginning(self, alert, receiver, now, run_jobs):
        resolve_alert(dedupe_key="o1", now=now)

        run_jobs()

        assert [body["type"] for body in receiver.bodies] == ["alert.raised", "alert.resolved"]

    def test_is_told_once(self, alert, receiver, now, run_jobs):
        run_jobs()
        for _ in range(2):
            resolve_alert(dedupe_key="o1", now=now)
            run_jobs()

        assert len(receiver.requests) == 2


class TestTheLog:
    def test_is_always_on(self, settings):
        settings.SECURITY_WEBHOOK_URLS = []

        assert channels.configured() == [Log()]
