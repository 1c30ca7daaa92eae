"""Alerts on the desk of staff."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from alerts import channels, delivery, receivers
from alerts.models import Alert, AlertDelivery, Receiver
from alerts.services import raise_alert
from alerts.tests.sinks import sink
from notevault.accounts.tests.factories import make_user
from notevault.kit.clock import INDIA

pytestmark = pytest.mark.django_db

LIST = "admin:alerts_alert_changelist"


def desk_of(group):
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def finance(db):
    return desk_of("Finance")


@pytest.fixture
def alert(now, run_jobs):
    raised = raise_alert(
        kind="payments.quarantined", severity="critical", message="m", dedupe_key="o1", now=now
    )
    run_jobs()
    return raised


def act(desk, action, row, page=LIST, **given):
    data = {"action": action, "_selected_action": [row.pk], **given}
    return desk.post(reverse(page), data, follow=True)


class TestThePage:
    def test_shows_what_to_do_and_every_attempt(self, finance, alert, settings, now):
        with sink() as receiver:
            receiver.answer = (500, {}, b"<b>broken</b>")
            settings.ALERT_ALLOW_PRIVATE, settings.SECURITY_WEBHOOK_URLS = True, [receiver.url]
            delivery.fan_out(alert_id=alert.pk, round_number=2, now=now)
            row = AlertDelivery.objects.get(channel="webhook")
            with pytest.raises(delivery.NotDelivered):
                delivery.send(delivery_id=row.pk, now=now)

        page = finance.get(reverse("admin:alerts_alert_change", args=[alert.pk])).content.decode()

        assert "The buyer has paid and has no access." in page
        assert "500 it answered 500: &lt;b&gt;broken&lt;/b&gt;" in page
        assert f"{now.astimezone(INDIA):%d %b %H:%M:%S}: 500" in page

    def test_asks_no_more_of_the_database_for_more_attempts(
        self, finance, alert, django_assert_max_num_queries
    ):
        for row in AlertDelivery.objects.all():
            for number in range(30):
                row.attempts.create(at=alert.raised_at, ms=number, error="x")

        with django_assert_max_num_queries(25):
            page = finance.get(reverse("admin:alerts_alert_change", args=[alert.pk]))

        assert "21 earlier, then" in page.content.decode()


class TestStaff:
    def test_acknowledge_and_resolve_with_a_reason(self, finance, alert):
        act(finance, "acknowledge", alert)
        act(finance, "acknowledge", alert)
        act(finance, "resolve", alert, why="given back", confirmed="yes")

        alert.refresh_from_db()
        moves = list(alert.moves.order_by("pk").values_list("new", "why"))
        assert alert.state == "resolved"
        assert moves == [("acknowledged", "by staff"), ("resolved", "given back")]
        assert all(alert.moves.values_list("actor_id", flat=True))
        assert AlertDelivery.objects.filter(news="resolved").count() == 1

    def test_have_it_delivered_again_under_another_id(self, finance, alert, run_jobs):
        act(finance, "deliver_again", alert)
        act(finance, "deliver_again", alert)

        assert run_jobs() == ["alerts.tasks.deliver_alert", "alerts.tasks.send_delivery"]
        rounds = AlertDelivery.objects.order_by("round").values_list("round", "state")
        assert list(rounds) == [(1, "delivered"), (2, "delivered")]
        alert.refresh_from_db()
        assert alert.delivered_at is not None
        move = alert.moves.get()
        assert (move.old, move.new, move.why) == ("open", "open", "delivered again by staff")
        assert move.actor_id is not None

    def test_enable_a_receiver_with_a_reason(self, finance, settings, now):
        settings.SECURITY_WEBHOOK_URLS = ["https://a.example/x"]
        receivers.disable(channel=channels.find("webhook"), why="410", now=now)
        row = Receiver.objects.get()

        page = "admin:alerts_receiver_changelist"
        act(finance, "enable", row, page, why="it is back", confirmed="yes")

        row.refresh_from_db()
        assert (row.state, row.moves.order_by("pk").last().why) == ("enabled", "it is back")

    @pytest.mark.parametrize("action", ["acknowledge", "resolve", "deliver_again"])
    def test_who_only_read_do_none_of_it(self, alert, action):
        act(desk_of("Auditor"), action, alert, why="x", confirmed="yes")

        assert Alert.objects.get().state == "open"
        assert Alert.objects.get().moves.count() == 0
        assert AlertDelivery.objects.count() == 1
