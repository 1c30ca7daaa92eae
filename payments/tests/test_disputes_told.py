"""How news of disputes reaches us: events, questions of our own, and deadlines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.models import Alert
from payments import disputes, refunds
from payments.models import Dispute, Payment, WebhookEvent
from payments.settlement import settle_payment
from payments.sweepers import sweep
from payments.tests.disputing import Trouble
from payments.tests.factories import event_body, make_order, payment_entity, signed
from payments.tests.test_disputes import sell
from payments.webhooks import handlers, inbox

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


@pytest.fixture
def trouble(buyer, note, gateway, now):
    return sell(buyer, [note], gateway, now)


def dispute_entity(heard):
    """The dispute as Razorpay writes it."""
    return {
        "id": heard.id,
        "entity": "dispute",
        "payment_id": heard.payment_id,
        "amount": heard.amount_paise,
        "currency": heard.currency,
        "amount_deducted": heard.deducted_paise,
        "reason_code": heard.reason_code,
        "respond_by": int(heard.respond_by.timestamp()),
        "status": heard.status,
        "phase": heard.phase,
        "created_at": int(heard.created_at.timestamp()),
    }


def deliver(heard, phase, now, *, payment=None):
    entities = {"dispute": dispute_entity(heard)}
    if payment is not None:
        entities["payment"] = payment_entity(payment)
    body = event_body(f"payment.dispute.{phase}", entities, created_at=now)
    signature = signed(body, SECRET)["signature"]
    inbox.receive(body=body, signature=signature, event_id="", now=now)
    return WebhookEvent.objects.latest("received_at", "id")


def outcomes(name, now):
    return [row.outcome for row in sweep(name, now=now)]


class TestAnEvent:
    @pytest.mark.parametrize(
        ("phase", "status", "state", "severity"),
        [
            ("created", "open", "open", "high"),
            ("under_review", "under_review", "under_review", "warning"),
            ("action_required", "open", "action_required", "high"),
            ("won", "won", "won", "warning"),
            ("lost", "lost", "lost", "high"),
            ("closed", "closed", "closed", "warning"),
        ],
    )
    def test_that_comes_first_is_understood(self, phase, status, state, severity, trouble, now):
        heard = trouble.gateway.move_dispute(trouble.open().id, status)
        stored = deliver(heard, phase, now)

        handlers.handle(event_id=stored.pk, now=now)

        stored.refresh_from_db()
        alert = Alert.objects.get()
        assert (stored.state, stored.outcome) == ("handled", f"dispute is {state}")
        assert (trouble.dispute.state, trouble.dispute.gateway_dispute_id) == (state, heard.id)
        assert (alert.kind, alert.severity) == ("payments.dispute", severity)

    def test_settles_a_payment_that_nobody_told_us_of(self, order, gateway, now):
        paid = gateway.pay(order.gateway_order_id)
        stored = deliver(gateway.dispute(paid.id), "created", now)

        handlers.handle(event_id=stored.pk, now=now)

        order.refresh_from_db()
        assert (order.state, Dispute.objects.get().held_paise) == ("paid", 9900)

    def test_brings_its_payment_along(self, order, gateway, now):
        paid = gateway.pay(order.gateway_order_id)
        stored = deliver(gateway.dispute(paid.id), "created", now, payment=paid)

        handlers.handle(event_id=stored.pk, now=now)

        assert Payment.objects.get().disputed_paise == 9900

    def test_of_a_payment_that_the_gateway_does_not_show_waits(self, trouble, gateway, now):
        heard = trouble.open()
        del gateway._payments[heard.payment_id]
        Payment.objects.update(gateway_payment_id="pay_AAAAAAAAAAAAAA")
        stored = deliver(heard, "created", now)

        with pytest.raises(refunds.PaymentNotKnownYet):
            handlers.handle(event_id=stored.pk, now=now)

        stored.refresh_from_db()
        assert (stored.state, Dispute.objects.count()) == ("received", 0)

    @pytest.mark.parametrize("with_payment", [True, False])
    def test_of_another_product_s_payment_is_acknowledged(self, with_payment, gateway, now):
        foreign = gateway.create_order(receipt="shop-17", amount_paise=9900, notes={})
        paid = gateway.pay(foreign.id)
        stored = deliver(
            gateway.dispute(paid.id), "created", now, payment=paid if with_payment else None
        )

        handlers.handle(event_id=stored.pk, now=now)

        stored.refresh_from_db()
        assert (stored.state, Dispute.objects.count()) == ("acknowledged", 0)

    def test_sixteen_days_old_is_looked_up(self, trouble, gateway, now):
        heard = trouble.open()
        stored = deliver(heard, "created", now)
        gateway.move_dispute(heard.id, "lost")

        handlers.handle(event_id=stored.pk, now=now + timedelta(days=15))

        assert trouble.dispute.state == "lost"

    def test_is_left_for_later_while_the_gateway_is_down(self, trouble, gateway, now, run_jobs):
        stored = deliver(trouble.open(), "created", now - timedelta(days=1))
        gateway.is_down = True
        assert run_jobs() == []

        gateway.is_down = False
        assert "payments.tasks.handle_event" in run_jobs()

        stored.refresh_from_db()
        assert (stored.state, trouble.dispute.state) == ("handled", "open")


class TestAskingForLiveDisputes:
    def test_hears_how_they_stand_each_hour(self, trouble, gateway, now):
        heard = trouble.open()
        trouble.tell(heard)
        gateway.move_dispute(heard.id, "lost")
        assert outcomes("open-disputes", now + timedelta(minutes=59)) == []

        assert outcomes("open-disputes", now + timedelta(hours=1)) == ["lost"]

        assert trouble.dispute.moves.get().why == "told by gateway poll"
        assert outcomes("open-disputes", now + timedelta(days=1)) == []

    def test_learns_that_the_bank_asks_for_more(self, trouble, gateway, now):
        heard = trouble.open()
        trouble.tell(gateway.move_dispute(heard.id, "under_review"), "under_review")
        gateway.move_dispute(heard.id, "open")

        assert outcomes("open-disputes", now + timedelta(hours=1)) == ["action_required"]

    def test_leaves_an_open_one_open(self, trouble, now):
        trouble.tell(trouble.open())

        assert outcomes("open-disputes", now + timedelta(hours=1)) == ["open"]

        assert (trouble.dispute.moves.count(), Alert.objects.count()) == (0, 1)

    def test_of_a_silent_gateway_is_repeated_soon(self, trouble, gateway, now):
        trouble.tell(trouble.open())
        gateway.is_down = True
        at = now + timedelta(hours=1)

        (row,) = sweep("open-disputes", now=at)

        assert not row.is_cured
        assert trouble.dispute.ask_at == at


class TestDisputesWhoseEventsNeverCame:
    @pytest.fixture
    def today(self):
        from notevault.kit import clock

        return clock.now() + timedelta(seconds=1)

    def test_are_found_in_the_gateway_s_list(self, trouble, today):
        trouble.open()

        assert disputes.find_unheard(now=today) == 1

        assert trouble.dispute.held_paise == 9900
        assert disputes.find_unheard(now=today) == 0

    def test_are_found_with_what_became_of_them(self, trouble, gateway, today):
        heard = trouble.open()
        trouble.tell(heard)
        gateway.move_dispute(heard.id, "lost")

        assert disputes.find_unheard(now=today) == 1

        assert trouble.dispute.state == "lost"

    def test_of_other_products_and_strange_payments_stop_no_others(self, trouble, gateway, today):
        foreign = gateway.create_order(receipt="shop-17", amount_paise=9900, notes={})
        gateway.dispute(gateway.pay(foreign.id).id)
        strange = gateway.pay(foreign.id)
        gateway.dispute(strange.id)
        del gateway._payments[strange.id]
        trouble.open()

        assert disputes.find_unheard(now=today) == 1

        assert Dispute.objects.count() == 1

    def test_ask_the_database_no_more_for_many_that_are_known(
        self, trouble, today, django_assert_num_queries
    ):
        for _ in range(3):
            trouble.tell(trouble.open(1000))

        with django_assert_num_queries(1):
            disputes.find_unheard(now=today)


class TestADeadline:
    @pytest.fixture
    def due(self, trouble):
        heard = trouble.open()
        trouble.tell(heard)
        Alert.objects.all().delete()
        return heard.respond_by

    def warnings(self):
        rows = Alert.objects.filter(kind="payments.dispute_unanswered").order_by("raised_at")
        return [row.severity for row in rows]

    def test_is_warned_of_two_days_and_one_day_before_once_each(self, due):
        for hours in (49, 48, 47, 25, 24, 23, 1, -1):
            outcomes("unanswered-disputes", due - timedelta(hours=hours))

        assert self.warnings() == ["high", "critical"]

    def test_that_is_near_at_once_is_warned_of_once(self, due):
        for hours in (5, 4):
            outcomes("unanswered-disputes", due - timedelta(hours=hours))

        assert self.warnings() == ["critical"]

    def test_of_an_answered_dispute_is_no_matter(self, due, trouble, gateway):
        moved = gateway.move_dispute(trouble.dispute.gateway_dispute_id, "under_review")
        trouble.tell(moved, "under_review")

        assert outcomes("unanswered-disputes", due - timedelta(hours=1)) == []

    def test_is_named_in_indian_time(self, trouble, now):
        trouble.tell(trouble.open())
        Dispute.objects.update(respond_by=now + timedelta(hours=30))

        outcomes("unanswered-disputes", now)

        message = Alert.objects.get(kind="payments.dispute_unanswered").message
        assert message.endswith("is not answered, and must be by 24 Nov 2026, 23:30 IST.")


class TestAPaymentThatIsCapturedLater:
    def test_has_its_sale_on_record_before_it_is_disputed(self, order, gateway, now):
        held = gateway.pay(order.gateway_order_id, status="authorized")
        settle_payment(order_id=order.pk, payment=held, source="test", now=now)
        heard = gateway.dispute(held.id)

        with pytest.raises(refunds.PaymentNotKnownYet):
            disputes.hear(heard=heard, phase="created", is_fresh=True, now=now)
        gateway.capture_payment(held.id, amount_paise=9900)
        Trouble(gateway, held.id, now).tell(heard)

        order.refresh_from_db()
        assert (order.state, Payment.objects.get().disputed_paise) == ("paid", 9900)
