"""What waits goes where it was meant to, though the settings have changed since."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts import channels, delivery, receivers
from alerts.models import AlertDelivery
from alerts.services import raise_alert, resolve_alert
from alerts.tests.sinks import sink

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(settings):
    settings.ALERT_ALLOW_PRIVATE = True
    with sink() as made:
        yield made


@pytest.fixture
def second():
    with sink() as made:
        yield made


@pytest.fixture
def lead_to(settings):
    def change(*sinks):
        settings.SECURITY_WEBHOOK_URLS = [one.url for one in sinks]

    return change


@pytest.fixture
def waiting(first, second, lead_to, now, run_jobs):
    """One delivery for each of two receivers, by the names they had then."""
    lead_to(first, second)
    alert = raise_alert(
        kind="alerts.test", severity="warning", message="m", dedupe_key="k", now=now
    )
    delivery.fan_out(alert_id=alert.pk, round_number=1, now=now)
    return {row.channel: row for row in alert.deliveries.all()}


def state_of(row):
    return AlertDelivery.objects.get(pk=row.pk).state


class TestWhatWaits:
    def test_goes_to_its_receiver_by_the_name_that_it_has_now(
        self, waiting, first, second, lead_to, now
    ):
        lead_to(second)

        delivery.send(delivery_id=waiting["webhook-2"].pk, now=now)

        assert (len(first.requests), len(second.requests)) == (0, 1)
        assert state_of(waiting["webhook-2"]) == "delivered"

    def test_is_counted_for_its_receiver_by_the_name_that_it_has_now(
        self, waiting, first, second, lead_to, now, run_jobs
    ):
        delivery.send(delivery_id=waiting["webhook-2"].pk, now=now)
        again = {"kind": "alerts.test", "severity": "warning", "message": "m", "dedupe_key": "k"}
        raise_alert(**again, now=now + timedelta(seconds=1))
        delivery.send(delivery_id=waiting["webhook"].pk, now=now)
        lead_to(second, first)

        delivery.tell_count(alert_id=waiting["webhook"].alert_id, now=now + timedelta(minutes=5))
        run_jobs()

        assert [body["data"]["count"] for body in first.bodies] == [2]
        assert [body["data"]["count"] for body in second.bodies] == [1, 2]

    @pytest.mark.parametrize("hours", [0, 2])
    def test_is_never_taken_by_another_that_was_told_itself(
        self, waiting, second, lead_to, now, hours
    ):
        lead_to(second)

        with pytest.raises(delivery.NotDelivered, match="no channel of this process"):
            delivery.send(delivery_id=waiting["webhook"].pk, now=now + timedelta(hours=hours))

        assert (state_of(waiting["webhook"]), second.requests) == ("pending", [])

    def test_waits_on_at_a_worker_that_does_not_know_its_channel(
        self, waiting, first, second, lead_to, now
    ):
        lead_to(first)
        with pytest.raises(delivery.NotDelivered):
            delivery.send(delivery_id=waiting["webhook-2"].pk, now=now)
        lead_to(first, second)

        delivery.send(delivery_id=waiting["webhook-2"].pk, now=now)

        assert len(second.requests) == 1

    def test_is_refused_after_three_days_of_that(self, waiting, first, second, lead_to, now):
        lead_to(first)

        delivery.send(delivery_id=waiting["webhook-2"].pk, now=now + timedelta(hours=72))

        assert (state_of(waiting["webhook-2"]), second.requests) == ("refused", [])

    def test_goes_to_the_address_that_took_the_place_of_a_wrong_one(
        self, waiting, first, second, lead_to, now
    ):
        with sink() as right:
            lead_to(first, right)

            with pytest.raises(delivery.NotDelivered):
                delivery.send(delivery_id=waiting["webhook-2"].pk, now=now)
            delivery.send(delivery_id=waiting["webhook-2"].pk, now=now + timedelta(hours=1))

        assert (len(right.requests), second.requests) == (1, [])

    def test_of_an_earlier_release_goes_by_its_name(self, waiting, first, now):
        AlertDelivery.objects.update(address="")

        delivery.send(delivery_id=waiting["webhook"].pk, now=now)

        assert len(first.requests) == 1


class TestTheEnd:
    def test_is_told_to_who_was_told_of_the_beginning(
        self, waiting, first, second, lead_to, now, run_jobs
    ):
        run_jobs()
        lead_to(second)

        resolve_alert(dedupe_key="k", now=now)
        run_jobs()

        assert [body["type"] for body in second.bodies] == ["alert.raised", "alert.resolved"]
        assert len(first.requests) == 1

    def test_is_told_once_though_staff_had_it_delivered_by_another_name(
        self, waiting, first, second, lead_to, now, run_jobs
    ):
        run_jobs()
        lead_to(second)
        delivery.fan_out(alert_id=waiting["log"].alert_id, round_number=2, now=now)
        run_jobs()
        lead_to(first, second)

        resolve_alert(dedupe_key="k", now=now)
        run_jobs()

        for receiver in (first, second):
            assert [body["type"] for body in receiver.bodies].count("alert.resolved") == 1


class TestAReceiverThatIsGone:
    def test_is_not_called_by_another_name(self, waiting, second, lead_to, now, run_jobs):
        receivers.disable(channel=channels.find("webhook-2"), why="410", now=now)
        lead_to(second)

        raise_alert(kind="alerts.test", severity="warning", message="m", dedupe_key="x", now=now)
        run_jobs()

        assert receivers.is_disabled(channels.find("webhook"))
        assert second.requests == []
