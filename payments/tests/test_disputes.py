"""What a dispute does to the money and the access, to the paisa.

A note of 9900 paise was sold: 8415 are the seller's, 1259 the house's, 226 are tax.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from alerts.models import Alert
from notes.models import NoteAccess
from notes.tests.factories import make_note
from payments import refunds
from payments.ledger.posting import Leg, Posting, post
from payments.models import OrderItem, Payment, Refund, Reversal
from payments.settlement import settle_payment
from payments.states import AccountKind, TransactionKind
from payments.tests.disputing import Trouble, books
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db

SOLD = {
    "gateway_clearing": -9900,
    "seller_pending": 8415,
    "platform_commission": 1259,
    "tax_payable": 226,
}
HELD = {"gateway_clearing": -9900, "dispute_holds": 9900}


def sell(buyer, notes, gateway, now):
    order = make_order(buyer=buyer, notes=notes, now=now)
    paid = gateway.pay(order.gateway_order_id)
    settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    return Trouble(gateway, paid.id, now)


@pytest.fixture
def trouble(buyer, note, gateway, now):
    return sell(buyer, [note], gateway, now)


def release_escrow(seller, now):
    """As the hourly release does it."""
    OrderItem.objects.update(released_at=now)
    legs = [
        Leg(AccountKind.SELLER_PENDING, -8415, seller.pk),
        Leg(AccountKind.SELLER_AVAILABLE, 8415, seller.pk),
    ]
    subject = OrderItem.objects.get().pk
    post([Posting(TransactionKind.ESCROW_RELEASE, subject, legs)], now=now)


class TestADisputeThatIsOpened:
    def test_holds_the_whole_sale_and_leaves_the_access(self, trouble, seller):
        assert books(seller) == SOLD

        trouble.tell(trouble.open())

        dispute, payment = trouble.dispute, trouble.payment
        assert books(seller) == HELD
        assert (dispute.state, dispute.amount_paise, dispute.held_paise) == ("open", 9900, 9900)
        assert (payment.disputed_paise, payment.state) == (9900, "captured")
        assert trouble.order.state == "paid"
        assert NoteAccess.objects.get().revoked_at is None

    def test_takes_each_line_apart_as_it_was_shared(self, trouble):
        trouble.tell(trouble.open())

        row = Reversal.objects.get()
        parts = (row.seller_share_paise, row.commission_paise, row.tax_paise)
        assert (row.amount_paise, parts) == (9900, (8415, 1259, 226))

    def test_in_part_holds_that_part(self, trouble, seller):
        trouble.tell(trouble.open(5000))

        assert books(seller) == {
            "gateway_clearing": -9900,
            "seller_pending": 4165,
            "platform_commission": 623,
            "tax_payable": 112,
            "dispute_holds": 5000,
        }

    def test_is_an_alert_with_the_time_to_answer(self, trouble):
        heard = trouble.open()

        trouble.tell(heard)
        trouble.tell(heard)

        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.count) == ("payments.dispute", "high", 1)
        assert alert.metadata["respond_by"] == heard.respond_by.isoformat()
        assert (alert.metadata["dispute_id"], alert.metadata["held_paise"]) == (heard.id, 9900)

    def test_after_the_escrow_takes_what_the_seller_could_pay_out(self, trouble, seller, now):
        release_escrow(seller, now)
        assert books(seller)["seller_available"] == 8415

        trouble.tell(trouble.open())

        assert books(seller) == HELD

    def test_refuses_refunds_of_its_payment(self, trouble):
        trouble.tell(trouble.open())

        with pytest.raises(refunds.PaymentDisputed):
            refunds.refuse_while_disputed(trouble.payment)

    def test_of_money_that_bought_nothing_holds_what_was_owed(self, trouble, seller, now):
        """A second payment of the order, whose refund the gateway refused."""
        paid = trouble.gateway.pay(trouble.order.gateway_order_id)
        settle_payment(order_id=trouble.order.pk, payment=paid, source="test", now=now)
        refunds.fail_refund(refund_id=Refund.objects.get().pk, why="no balance", now=now)
        second = Trouble(trouble.gateway, paid.id, now)

        second.tell(second.open())

        assert books(seller) == {**SOLD, "gateway_clearing": -19_800, "dispute_holds": 9900}
        assert Reversal.objects.count() == 0

    def test_of_a_quarantined_payment_holds_it_there(self, buyer, seller, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)
        paid = gateway.pay(order.gateway_order_id, amount_paise=9000)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
        trouble = Trouble(gateway, paid.id, now)

        trouble.tell(trouble.open())

        assert books() == {"gateway_clearing": -9000, "dispute_holds": 9000}
        assert Payment.objects.get().state == "quarantined"


class TestADisputeThatIsWon:
    @pytest.mark.parametrize("phase", ["won", "closed"])
    def test_gives_everything_back_where_it_was(self, phase, trouble, seller):
        heard = trouble.open()
        trouble.tell(heard)

        trouble.decide(heard, phase)

        dispute = trouble.dispute
        assert books(seller) == SOLD
        assert (dispute.state, dispute.held_paise) == (phase, 0)
        assert dispute.decided_at is not None
        assert trouble.payment.disputed_paise == 0
        assert OrderItem.objects.get().reversed_paise == 0
        assert trouble.order.state == "paid"

    def test_after_the_escrow_gives_the_seller_what_can_be_paid_out(self, trouble, seller, now):
        release_escrow(seller, now)
        heard = trouble.open()
        trouble.tell(heard)

        trouble.decide(heard, "won")

        assert books(seller)["seller_available"] == 8415
        assert "seller_pending" not in books(seller)

    def test_allows_refunds_again(self, trouble):
        heard = trouble.open()
        trouble.tell(heard)
        trouble.decide(heard, "won")

        refunds.refuse_while_disputed(trouble.payment)


class TestADisputeThatIsLost:
    def test_takes_the_sale_and_its_access(self, trouble, seller, now):
        heard = trouble.open()
        trouble.tell(heard)

        trouble.decide(heard, "lost")

        dispute, order = trouble.dispute, trouble.order
        assert books(seller) == {}
        assert (dispute.state, dispute.held_paise, dispute.deducted_paise) == ("lost", 9900, 9900)
        assert NoteAccess.objects.get().revoked_at == now
        assert (order.state, order.items.get().outcome) == ("refunded", "given_back")
        assert trouble.payment.disputed_paise == 9900
        kinds = Alert.objects.order_by("raised_at", "id").values_list("severity", "message")
        assert [severity for severity, _ in kinds] == ["high", "high"]

    def test_in_part_leaves_the_access(self, trouble, seller):
        heard = trouble.open(5000)
        trouble.tell(heard)

        trouble.decide(heard, "lost")

        assert books(seller) == {
            "gateway_clearing": -4900,
            "seller_pending": 4165,
            "platform_commission": 623,
            "tax_payable": 112,
        }
        assert NoteAccess.objects.get().revoked_at is None
        assert trouble.order.state == "partially_refunded"

    def test_for_less_than_was_held_gives_the_rest_back(self, trouble, seller):
        heard = trouble.open()
        trouble.tell(heard)

        trouble.decide(heard, "lost", deducted_paise=5000)

        assert books(seller) == {
            "gateway_clearing": -4900,
            "seller_pending": 4165,
            "platform_commission": 623,
            "tax_payable": 112,
        }
        assert (trouble.dispute.held_paise, trouble.payment.disputed_paise) == (5000, 5000)
        assert NoteAccess.objects.get().revoked_at is None

    def test_takes_only_the_lines_that_went_back_whole(self, buyer, seller, gateway, now):
        notes = [make_note(seller=seller), make_note(seller=seller, price_paise=100)]
        trouble = sell(buyer, notes, gateway, now)
        heard = trouble.open(9950)
        trouble.tell(heard)
        trouble.refund_by_hand(50)

        trouble.decide(heard, "lost")

        assert NoteAccess.objects.filter(revoked_at=None).count() == 0
        assert trouble.order.state == "refunded"
        assert books(seller) == {}

    def test_after_a_refund_costs_the_house_and_not_the_seller(self, trouble, seller, now):
        trouble.refund_by_hand(9900)
        assert books(seller) == {}
        heard = trouble.open()
        trouble.tell(heard)
        assert (trouble.dispute.held_paise, books(seller)) == (0, {})

        trouble.decide(heard, "lost")

        assert books(seller) == {"gateway_clearing": 9900, "platform_commission": -9900}
        alert = Alert.objects.get(kind="payments.taken_twice")
        assert (alert.severity, "9900 more than refunds had left" in alert.message) == (
            "critical",
            True,
        )

    def test_takes_more_than_was_disputed_from_the_house(self, trouble, seller):
        heard = trouble.open(5000)
        trouble.tell(heard)

        trouble.decide(heard, "lost", deducted_paise=5500)

        assert (trouble.dispute.held_paise, trouble.dispute.deducted_paise) == (5000, 5500)
        assert books(seller)["platform_commission"] == 623 - 500
        assert Alert.objects.filter(kind="payments.taken_twice").count() == 1


class TestRefundsMeanwhile:
    def test_made_by_hand_take_their_part_from_the_hold(self, trouble, seller):
        trouble.tell(trouble.open())

        trouble.refund_by_hand(4000)

        assert books(seller) == {"gateway_clearing": -5900, "dispute_holds": 5900}
        assert (trouble.dispute.held_paise, trouble.payment.disputed_paise) == (5900, 5900)
        assert trouble.payment.given_back_paise == 4000
        assert NoteAccess.objects.get().revoked_at is None

    def test_made_by_hand_and_a_lost_dispute_take_the_seller_s_money_once(self, trouble, seller):
        heard = trouble.open()
        trouble.tell(heard)
        trouble.refund_by_hand(4000)

        trouble.decide(heard, "lost")

        assert books(seller) == {"gateway_clearing": 4000, "platform_commission": -4000}
        assert Alert.objects.filter(kind="payments.taken_twice").count() == 1
        assert NoteAccess.objects.get().revoked_at is not None

    def test_of_ours_asked_for_before_keep_running(self, trouble, seller, run_jobs):
        refund = refunds.give_back(
            payment=trouble.payment, amount_paise=4000, why="asked for", now=trouble.now
        )
        trouble.tell(trouble.open())
        assert trouble.dispute.held_paise == 5900

        run_jobs()

        refund.refresh_from_db()
        assert refund.state == "processed"
        assert books(seller) == {"gateway_clearing": -5900, "dispute_holds": 5900}

    def test_that_fail_leave_their_part_to_the_dispute(self, trouble, seller):
        refund = refunds.give_back(
            payment=trouble.payment, amount_paise=9900, why="asked for", now=trouble.now
        )
        trouble.tell(trouble.open())
        assert trouble.dispute.held_paise == 0

        refunds.fail_refund(refund_id=refund.pk, why="disputed", now=trouble.now)

        assert books(seller) == HELD
        assert trouble.dispute.held_paise == 9900

    def test_returned_by_a_bank_relieve_the_house_of_a_lost_dispute(self, trouble, seller):
        made = trouble.refund_by_hand(9900)
        heard = trouble.open()
        trouble.tell(heard)
        trouble.decide(heard, "lost")
        assert books(seller)["platform_commission"] == -9900

        refunds.take_in_refund(reply=replace(made, status="failed"), source="test", now=trouble.now)

        assert books(seller) == {}
        assert trouble.dispute.held_paise == 9900
        assert trouble.order.state == "refunded"
        assert NoteAccess.objects.get().revoked_at is not None

    def test_that_went_through_after_all_find_the_hold_giving_way(self, trouble, seller, gateway):
        refund = refunds.give_back(
            payment=trouble.payment, amount_paise=9900, why="asked for", now=trouble.now
        )
        refunds.fail_refund(refund_id=refund.pk, why="told so", now=trouble.now)
        trouble.tell(trouble.open())
        made = gateway.refund_payment(
            trouble.payment_id, amount_paise=9900, idempotency_key=refund.idempotency_key
        )

        refunds.record_reply(refund_id=refund.pk, reply=made, now=trouble.now)

        assert books(seller) == {}
        assert (trouble.dispute.held_paise, trouble.payment.given_back_paise) == (0, 9900)

    def test_that_want_more_than_there_is_wait_and_leave_the_hold(self, trouble, seller):
        trouble.tell(trouble.open())
        refunds_before = Refund.objects.count()

        with pytest.raises(refunds.RefundsOverlap):
            trouble.refund_by_hand(9901)

        assert (books(seller), Refund.objects.count()) == (HELD, refunds_before)

    def test_are_bounded_by_the_database(self, trouble):
        trouble.tell(trouble.open())

        with transaction.atomic(), pytest.raises(IntegrityError, match="refunds_never_exceed"):
            Payment.objects.update(given_back_paise=1)


class TestTwoDisputesOfOnePayment:
    def test_hold_no_more_than_there_is(self, trouble, seller):
        first, second = trouble.open(6000), trouble.open(6000)
        trouble.tell(first)
        trouble.tell(replace(second, created_at=first.created_at + timedelta(seconds=1)))

        held = trouble.payment.disputes.order_by("created_at").values_list("held_paise", flat=True)
        assert list(held) == [6000, 3900]
        assert books(seller) == HELD

    def test_leave_to_the_other_what_one_lets_go(self, trouble, seller):
        first, second = trouble.open(6000), trouble.open(6000)
        trouble.tell(first)
        trouble.tell(replace(second, created_at=first.created_at + timedelta(seconds=1)))

        trouble.decide(first, "won")

        held = trouble.payment.disputes.order_by("created_at").values_list("held_paise", flat=True)
        assert list(held) == [0, 6000]
        assert trouble.payment.disputed_paise == 6000
