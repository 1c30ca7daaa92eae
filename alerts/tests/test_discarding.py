"""What becomes of a delivery when staff discard its dead letter."""

from __future__ import annotations

import pytest

from alerts import delivery, watching
from alerts.metrics import AlertCollector
from alerts.models import Alert, AlertDelivery
from ops import dead_letters, replay
from ops.jobs import RetryLater

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(now):
    """Its delivery is opened by hand: no job waits."""
    return Alert.objects.create(
        kind="payments.quarantined",
        severity="critical",
        message="m",
        dedupe_key="o1",
        raised_at=now,
        last_raised_at=now,
    )


def state():
    return AlertDelivery.objects.get(channel="webhook", alert__kind="payments.quarantined").state


class TestADeadLetterThatStaffDiscard:
    @pytest.fixture
    def letter(self, alert, receiver, now):
        """Of the delivery to the webhook, whose job has given up."""
        delivery.fan_out(alert_id=alert.pk, round_number=1, now=now)
        row = AlertDelivery.objects.get(channel="webhook")
        letter = dead_letters.bury(
            task="alerts.tasks.send_delivery",
            arguments={"delivery_id": str(row.pk)},
            error=RetryLater("it answered 500"),
            job_id=1,
            attempts=4,
            request_id="",
            now=now,
        )
        delivery.send(delivery_id=AlertDelivery.objects.get(channel="log").pk, now=now)
        return letter

    def discard(self, letter, moderator, now):
        replay.discard(letter_id=letter.pk, why="of no use", actor_id=moderator.pk, now=now)
        watching.watch_everything(now=now)

    def test_is_waited_for_until_then(self, letter, now):
        watching.watch_everything(now=now)

        assert state() == "pending"

    def test_is_waited_for_no_more(self, letter, alert, moderator, now):
        replay.discard(letter_id=letter.pk, why="of no use", actor_id=moderator.pk, now=now)

        delivery.close_discarded(now=now)

        (gauge,) = AlertCollector().collect()
        alert.refresh_from_db()
        assert state() == "refused"
        assert (gauge.samples[0].value, alert.delivered_at) == (0, now)

    def test_of_an_alert_that_reached_no_channel_lets_it_go_too(self, alert, moderator, now):
        letter = dead_letters.bury(
            task="alerts.tasks.deliver_alert",
            arguments={"alert_id": str(alert.pk)},
            error=ZeroDivisionError(),
            job_id=1,
            attempts=4,
            request_id="",
            now=now,
        )
        delivery.close_discarded(now=now)
        (before,) = AlertCollector().collect()
        replay.discard(letter_id=letter.pk, why="of no use", actor_id=moderator.pk, now=now)

        delivery.close_discarded(now=now)

        (after,) = AlertCollector().collect()
        assert (before.samples[0].value, after.samples[0].value) == (1, 0)

    def test_is_sent_all_the_same_when_it_is_replayed(
        self, letter, moderator, now, receiver, run_jobs
    ):
        self.discard(letter, moderator, now)

        replay.replay(letter_id=letter.pk, actor_id=moderator.pk, now=now)
        run_jobs()

        letter.refresh_from_db()
        ids = [headers["webhook-id"] for _, headers, _ in receiver.requests]
        assert letter.arguments["delivery_id"] in ids
        assert (state(), letter.state) == ("delivered", "resolved")
