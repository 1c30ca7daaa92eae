"""News of a refund that is decided already: true and late, or old."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.models import Alert
from notes.models import NoteAccess
from notevault.kit import clock
from payments import refunds
from payments.gateways.base import GatewayUnavailable
from payments.models import Order, Payment, Refund, WebhookEvent
from payments.settlement import accept_quarantined, settle_payment
from payments.tests.factories import event_body, make_order, signed
from payments.tests.refunding import AFTER_SALE, ask, balances, make_sale, make_staff
from payments.tests.test_worker import wait_for
from payments.webhooks import handlers, inbox

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"


@pytest.fixture
def asked(buyer, note, gateway, now, run_jobs):
    """A refund of the whole order, processed."""
    request = ask(make_sale(buyer=buyer, notes=[note], gateway=gateway, now=now), now)
    run_jobs()
    return request


def tell(status, now):
    refund = Refund.objects.get()
    entity = {
        "id": refund.gateway_refund_id,
        "payment_id": refund.payment.gateway_payment_id,
        "amount": refund.amount_paise,
        "currency": "INR",
        "status": status,
        "receipt": refund.idempotency_key,
    }
    body = event_body(f"refund.{status}", {"refund": entity}, created_at=now)
    inbox.receive(**signed(body, SECRET), event_id="", now=now)
    event = WebhookEvent.objects.latest("received_at", "id")
    handlers.handle(event_id=event.pk, now=now)
    event.refresh_from_db()
    return event.outcome


def states(request):
    request.refresh_from_db()
    request.order.refresh_from_db()
    payment, item = Payment.objects.get(), request.order.items.get()
    return {
        "refund": Refund.objects.get().state,
        "request": request.state,
        "order": request.order.state,
        "payment": payment.state,
        "given back": payment.given_back_paise,
        "line": (item.outcome, item.reversed_paise),
        "accesses": NoteAccess.objects.filter(revoked_at=None, suspended_at=None).count(),
    }


GONE = {
    "refund": "processed",
    "request": "completed",
    "order": "refunded",
    "payment": "refunded",
    "given back": 9900,
    "line": ("given_back", 9900),
    "accesses": 0,
}
BACK = {
    "refund": "failed",
    "request": "failed",
    "order": "paid",
    "payment": "captured",
    "given back": 0,
    "line": ("granted", 0),
    "accesses": 1,
}


class TestThatAProcessedRefundHasFailed:
    def test_is_taken_over_when_the_bank_has_returned_it(self, asked, gateway, now):
        before = (states(asked), balances())
        gateway.return_refund(Refund.objects.get().gateway_refund_id)

        outcome = tell("failed", now)

        assert before == (GONE, {})
        assert outcome == "refund is failed"
        assert (states(asked), balances()) == (BACK, AFTER_SALE)
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("payments.refund_failed", "critical")
        moves = asked.moves.order_by("pk").values_list("old", "new")
        assert list(moves)[-1] == ("completed", "failed")

    def test_is_old_news_when_the_gateway_says_otherwise(self, asked, now):
        outcome = tell("failed", now)

        assert outcome == "refund is processed"
        assert (states(asked), balances(), Alert.objects.count()) == (GONE, {}, 0)

    def test_waits_while_the_gateway_is_down(self, asked, gateway, now):
        gateway.is_down = True

        with pytest.raises(GatewayUnavailable):
            tell("failed", now)

        assert (states(asked), balances()) == (GONE, {})
        assert WebhookEvent.objects.get().state == "received"


class TestThatAFailedRefundWasProcessed:
    @pytest.fixture
    def failed(self, asked, gateway, now):
        gateway.return_refund(Refund.objects.get().gateway_refund_id)
        tell("failed", now)
        return asked

    def test_is_old_news_when_the_bank_has_returned_it(self, failed, now):
        outcome = tell("processed", now)

        assert outcome == "refund is failed"
        assert (states(failed), balances()) == (BACK, AFTER_SALE)

    def test_is_taken_over_when_the_gateway_has_made_it(self, asked, now):
        refunds.fail_refund(refund_id=Refund.objects.get().pk, why="told so", now=now)
        before = states(asked)

        outcome = tell("processed", now)

        assert before == BACK
        assert outcome == "refund is processed"
        assert (states(asked), balances()) == (GONE, {})

    def test_moves_nothing_when_the_gateway_knows_none_of_that_id(self, failed, gateway, now):
        gateway._refunds.clear()

        outcome = tell("processed", now)

        assert outcome == "refund is not known to the gateway"
        assert (states(failed), balances()) == (BACK, AFTER_SALE)


class TestNewsThatContradictsNothing:
    def test_asks_the_gateway_nothing(self, asked, gateway, now):
        gateway.is_down = True

        assert tell("processed", now) == "refund is processed"

        assert states(asked) == GONE


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("promises")
class TestARefundThatTheBankReturns:
    def test_is_heard_of_through_the_gateway(self, open_shop, telling_sandbox, run_jobs):
        shop = open_shop(telling_sandbox)
        shop.verify(shop.pay(shop.order().json()))
        asked = ask(Order.objects.get(), clock.now())
        run_jobs()
        refund = Refund.objects.get()
        gone = states(asked)

        telling_sandbox.act(f"/refunds/{refund.gateway_refund_id}/fail")
        heard = WebhookEvent.objects.filter(event="refund.failed")
        wait_for(heard.exists, seconds=20)
        run_jobs()

        assert (gone, states(asked)) == (GONE, BACK)
        assert heard.get().outcome == "refund is failed"


class TestAForeignRefund:
    @pytest.fixture
    def order(self, buyer, note, gateway, now):
        return make_sale(buyer=buyer, notes=[note], gateway=gateway, now=now)

    @pytest.fixture
    def made(self, order, gateway):
        """By hand, of the whole payment; nobody has told us yet."""
        payment_id = Payment.objects.get().gateway_payment_id
        made = gateway.refund_payment(payment_id, amount_paise=9900, idempotency_key="by-hand-0001")
        return replace(made, receipt="")

    def test_told_of_before_it_failed_ends_as_the_gateway_says(self, order, made, gateway, now):
        refunds.take_in_news(reply=made, source="test", now=now)
        failed = gateway.return_refund(made.id)

        refunds.take_in_news(reply=failed, source="test", now=now)

        order.refresh_from_db()
        assert (order.state, Refund.objects.get().state) == ("paid", "failed")
        assert balances() == AFTER_SALE

    def test_told_of_after_it_failed_is_old_news(self, order, made, gateway, now):
        gateway.return_refund(made.id)

        told = refunds.take_in_news(reply=made, source="test", now=now)

        order.refresh_from_db()
        assert (told, order.state, Refund.objects.count()) == ("failed", "paid", 0)
        assert balances() == AFTER_SALE

    def test_told_of_after_it_failed_does_not_wait_for_one_of_ours(
        self, order, made, gateway, now, run_jobs
    ):
        refunds.take_in_news(reply=gateway.return_refund(made.id), source="test", now=now)
        ask(order, now)
        run_jobs()

        told = refunds.take_in_news(reply=made, source="test", now=now)

        assert (told, Refund.objects.get().state) == ("failed", "processed")
        assert balances() == {}


class TestAPaymentThatHadComeAndGoneBeforeWeHeardOfIt:
    @pytest.fixture
    def order(self, buyer, note, gateway, now):
        """Its refund, made in the dashboard, was returned by the buyer's bank."""
        order = make_order(buyer=buyer, notes=[note], now=now)
        paid = gateway.pay(order.gateway_order_id)
        made = gateway.refund_payment(paid.id, amount_paise=9900, idempotency_key="by-hand-0001")
        stale = replace(made, receipt="")
        gone = gateway.get_payment(paid.id)
        settle_payment(order_id=order.pk, payment=gone, source="test", now=now)
        refunds.take_in_news(reply=stale, source="test", now=now)
        failed = replace(gateway.return_refund(made.id), receipt="")
        refunds.take_in_news(reply=failed, source="test", now=now)
        return order

    def test_is_in_quarantine_when_its_refund_fails(self, order):
        payment = Payment.objects.get()

        moves = payment.moves.order_by("pk").values_list("new", flat=True)
        assert list(moves) == ["refunded", "quarantined"]
        assert payment.given_back_paise == 0
        assert balances() == {"gateway_clearing": -9900, "refunds_payable": 9900}
        assert not NoteAccess.objects.exists()

    def test_can_be_given_back_by_staff(self, order, now, run_jobs):
        staff = make_staff("finance")

        refunds.give_back_rest(payment_id=Payment.objects.get().pk, actor_id=staff.pk, now=now)
        run_jobs()

        refund = Refund.objects.latest("pk")
        assert (Payment.objects.get().state, refund.state) == ("refunded", "processed")
        assert balances() == {}

    def test_can_be_accepted_by_staff(self, order, now):
        staff = make_staff("finance")

        accept_quarantined(payment_id=Payment.objects.get().pk, actor_id=staff.pk, now=now)

        order.refresh_from_db()
        assert (order.state, Payment.objects.get().state) == ("paid", "captured")
        assert NoteAccess.objects.filter(revoked_at=None).count() == 1
        assert balances() == AFTER_SALE
