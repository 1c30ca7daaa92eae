"""What was left lying about is found and finished, by the schedule or by hand."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from notes.tests.factories import make_note
from notevault.kit import clock
from payments import checkout, refunds
from payments.gateways.base import GatewayUnavailable
from payments.models import Order, Payment, Refund, WebhookEvent
from payments.settlement import settle_payment
from payments.sweepers import SWEEPERS, sweep
from payments.tests.factories import event_body, make_order, payment_entity, signed
from payments.webhooks import inbox

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"


def outcomes(name, now):
    return [row.outcome for row in sweep(name, now=now)]


def minutes(count):
    return timedelta(minutes=count)


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


class TestOrdersLeftBetweenTwoBeats:
    @pytest.fixture
    def left(self, buyer, note, gateway, now):
        gateway.is_down = True
        with pytest.raises(GatewayUnavailable):
            make_order(buyer=buyer, notes=[note], now=now)
        gateway.is_down = False
        return Order.objects.get()

    def test_can_be_paid_afterwards(self, left, gateway, now):
        assert outcomes("unopened-orders", now + minutes(2)) == ["can be paid"]

        left.refresh_from_db()
        assert left.state == "awaiting_payment"
        assert len(gateway._orders) == 1

    def test_get_the_order_that_the_gateway_has_already(self, left, gateway, now):
        existing = gateway.create_order(receipt=left.receipt, amount_paise=9900, notes={})

        outcomes("unopened-orders", now + minutes(2))

        left.refresh_from_db()
        assert left.gateway_order_id == existing.id
        assert len(gateway._orders) == 1

    def test_are_left_to_their_caller_for_a_minute(self, left, now):
        assert outcomes("unopened-orders", now + timedelta(seconds=59)) == []

    def test_stay_while_the_gateway_is_away(self, left, gateway, now):
        gateway.is_down = True

        (row,) = sweep("unopened-orders", now=now + minutes(2))

        assert not row.is_cured
        left.refresh_from_db()
        assert left.state == "created"


class TestTheOthers:
    def test_expire_orders_past_their_time(self, order, now):
        assert outcomes("overdue-orders", now + minutes(29)) == []
        assert outcomes("overdue-orders", now + minutes(30)) == ["expired"]
        assert outcomes("overdue-orders", now + minutes(30)) == []

    def test_ask_for_payments_of_which_nobody_told(self, order, gateway, now):
        gateway.pay(order.gateway_order_id)

        assert outcomes("unheard-payments", now + minutes(1)) == ["asked"]

        order.refresh_from_db()
        assert order.state == "paid"

    def test_take_what_is_authorised_and_not_captured(self, order, gateway, now):
        held = gateway.pay(order.gateway_order_id, status="authorized")
        settle_payment(order_id=order.pk, payment=held, source="test", now=now)

        assert outcomes("uncaptured-payments", now + minutes(1)) == ["decided"]

        order.refresh_from_db()
        assert order.state == "paid"
        assert outcomes("uncaptured-payments", now + minutes(1)) == []

    def owe(self, order, gateway, now):
        paid = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
        payment = Payment.objects.get()
        return refunds.give_back(payment=payment, amount_paise=9900, why="test", now=now)

    def test_send_refunds_that_were_never_sent(self, order, gateway, now):
        self.owe(order, gateway, now)

        assert outcomes("owed-refunds", now + minutes(1)) == ["processed"]
        assert outcomes("owed-refunds", now + minutes(1)) == []

    def test_look_up_refunds_that_take_their_time(self, order, gateway, now):
        refund = self.owe(order, gateway, now)
        made = gateway.refund_payment(
            refund.payment.gateway_payment_id,
            amount_paise=9900,
            idempotency_key=refund.idempotency_key,
        )
        Refund.objects.update(state="pending", gateway_refund_id=made.id)

        assert outcomes("pending-refunds", now + minutes(1)) == ["decided"]

        order.refresh_from_db()
        assert order.state == "refunded"

    def test_put_events_without_a_job_back(self, order, gateway, now, run_jobs):
        body = event_body(
            "payment.captured",
            {"payment": payment_entity(gateway.pay(order.gateway_order_id))},
            created_at=now,
        )
        inbox.receive(**signed(body, SECRET), event_id="evt_000001", now=now)
        assert outcomes("lost-events", now + minutes(2)) == []
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")

        assert outcomes("lost-events", now + minutes(2)) == ["is to be handled"]
        run_jobs()

        assert WebhookEvent.objects.get().state == "handled"

    def test_go_on_after_a_row_that_fails(self, buyer, stranger, note, gateway, now, monkeypatch):
        for person in (buyer, stranger):
            make_order(buyer=person, notes=[note], now=now)
        close = checkout.expire_order

        def fail_once(**options):
            monkeypatch.setattr(checkout, "expire_order", close)
            raise ValueError("a bug")

        monkeypatch.setattr(checkout, "expire_order", fail_once)

        assert outcomes("overdue-orders", now + minutes(31)) == ["failed: ValueError", "expired"]


class TestAGatewayThatDoesNotAnswer:
    @pytest.fixture
    def five(self, seller, buyer, gateway, now):
        """Orders to ask for."""
        return [
            make_order(buyer=buyer, notes=[make_note(seller=seller)], now=now) for _ in range(5)
        ]

    def test_for_one_row_keeps_no_other_waiting(self, five, gateway, now, monkeypatch):
        listed = gateway.list_order_payments
        first = five[0].gateway_order_id

        def silent_for_one(order_id):
            if order_id == first:
                raise GatewayUnavailable(retry_after=5)
            return listed(order_id)

        monkeypatch.setattr(gateway, "list_order_payments", silent_for_one)

        rows = list(sweep("unheard-payments", now=now + minutes(2)))

        assert [row.is_cured for row in rows].count(True) == 4

    def test_is_asked_three_times_and_then_left_alone(self, five, gateway, now):
        gateway.is_down = True

        rows = list(sweep("unheard-payments", now=now + minutes(2)))

        assert [row.is_cured for row in rows] == [False] * 3


class TestTheCommand:
    def run(self, *arguments):
        out = StringIO()
        code = 0
        try:
            call_command("sweep", *arguments, stdout=out, stderr=out)
        except SystemExit as stop:
            code = stop.code
        return code, out.getvalue()

    @pytest.fixture
    def overdue(self, buyer, note, gateway):
        return make_order(buyer=buyer, notes=[note], now=clock.now() - minutes(45))

    def test_sweeps_all_and_counts(self, overdue):
        code, out = self.run()

        overdue.refresh_from_db()
        assert (code, overdue.state) == (0, "expired")
        assert "overdue-orders: 1 done, 0 left" in out

    def test_changes_nothing_in_a_dry_run(self, overdue):
        code, out = self.run("overdue-orders", "--dry-run")

        overdue.refresh_from_db()
        assert (code, overdue.state) == (0, "awaiting_payment")
        assert f"overdue-orders: 1 found\n  {overdue.pk}" in out

    def test_exits_with_1_when_something_is_left(self, overdue, gateway):
        gateway.is_down = True

        code, out = self.run("unheard-payments")

        assert code == 1
        assert "0 done, 1 left" in out

    @pytest.mark.parametrize("arguments", [["brooms"], ["--limit", "0"]])
    def test_refuses_nonsense_with_2(self, arguments, db):
        code, out = self.run(*arguments)

        assert code == 2
        assert "brooms" in out or "--limit" in out

    def test_explains_each_sweeper(self, capsys):
        with pytest.raises(SystemExit):
            call_command("sweep", "--help")

        shown = "".join(capsys.readouterr().out.split())
        for name, sweeper in SWEEPERS.items():
            assert "".join(f"{name}: {sweeper.about}".split()) in shown
