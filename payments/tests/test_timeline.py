"""What a buyer is told when they ask where their money is, and what staff see beside it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments import checkout, refunds, timeline
from payments.models import Dispute, Payment, RefundRequest
from payments.selectors import OrderNotFound
from payments.serializers.orders import HAPPENINGS
from payments.settlement import accept_quarantined, settle_payment
from payments.tests.factories import make_order, told

pytestmark = pytest.mark.django_db

SECRET = "secret of the house"


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


def settle(order, payment, at):
    settle_payment(order_id=order.pk, payment=payment, source="webhook", now=at)


@pytest.fixture
def payment(order, gateway, now):
    settle(order, gateway.pay(order.gateway_order_id), now + timedelta(minutes=1))
    return Payment.objects.get()


def look(order):
    return timeline.buyers_story(order_id=order.pk, buyer_id=order.buyer_id)


def said(order):
    return [(one.what, one.sentence) for one in look(order).happenings]


def whats(order):
    return [one.what for one in look(order).happenings]


ORDERED = ("ordered", "You ordered 1 note for ₹99.00.")
PAID = [
    ORDERED,
    ("payment_received", "We received ₹99.00."),
    ("order_paid", "Your note is in your library."),
]


class TestAPurchase:
    def test_is_told_from_order_to_library(self, order, payment, now):
        story = look(order)

        assert said(order) == PAID
        assert [one.at for one in story.happenings] == [
            now,
            now + timedelta(minutes=1),
            now + timedelta(minutes=1),
        ]
        assert [one.amount_paise for one in story.happenings] == [9900, 9900, None]
        assert story.money.received_paise == 9900
        assert story.money.given_back_paise == story.money.held_by_bank_paise == 0

    def test_tells_of_tries_before_it(self, order, gateway, now):
        failed = gateway.pay(order.gateway_order_id, status="failed")
        settle(order, failed, now + timedelta(minutes=1))
        held = gateway.pay(order.gateway_order_id, status="authorized")
        settle(order, held, now + timedelta(minutes=2))

        assert said(order)[1:] == [
            (
                "payment_failed",
                "A payment of ₹99.00 did not go through. If your bank took it, it returns it.",
            ),
            (
                "payment_held",
                "Your bank holds ₹99.00 for this order. We take it in a moment, or you keep it.",
            ),
        ]
        assert look(order).money.held_by_bank_paise == 9900
        assert look(order).money.received_paise == 0

    def test_that_never_came_has_an_end(self, order, now):
        checkout.cancel_order(order_id=order.pk, buyer_id=order.buyer_id, now=now)

        assert said(order) == [ORDERED, ("order_cancelled", "The order was cancelled.")]

    def test_counts_the_downloads(self, order, payment):
        NoteAccess.objects.update(downloads=3)

        assert look(order).downloads == 3


class TestTimesThatDoNotFollow:
    """Whoever waits for a lock writes later, with the time that it came at."""

    def test_tell_held_received_and_bought_as_they_were_written(self, order, gateway, now):
        held = gateway.pay(order.gateway_order_id, status="authorized")
        settle(order, held, now + timedelta(seconds=9))
        settle(order, told(held, status="captured"), now + timedelta(seconds=3))

        story = look(order)

        assert [one.what for one in story.happenings] == [
            "ordered",
            "payment_held",
            "payment_received",
            "order_paid",
        ]
        assert [one.at for one in story.happenings[1:]] == [now + timedelta(seconds=9)] * 3
        staffs = [one.what for one in timeline.staff_story(order.pk).happenings if one.sentence]
        assert staffs == [one.what for one in story.happenings]

    def test_tell_the_end_of_a_refund_after_its_beginning(self, order, payment, now):
        refund = refunds.give_back(payment=payment, amount_paise=9900, why="x", now=now)
        refunds.fail_refund(refund_id=refund.pk, why="x", now=now - timedelta(seconds=5))

        assert whats(order)[1:] == [
            "payment_received",
            "order_paid",
            "refund_started",
            "refund_failed",
        ]

    def test_tell_a_dispute_after_the_payment_it_is_of(self, order, payment, now):
        Dispute.objects.create(
            payment=payment,
            gateway_dispute_id="disp_AAAAAAAAAAAAAA",
            amount_paise=9900,
            held_paise=9900,
            created_at=now + timedelta(seconds=59),
        )

        assert whats(order)[1:] == ["payment_received", "order_paid", "dispute_opened"]
        assert look(order).happenings[-1].at == now + timedelta(minutes=1)


class TestMoneyThatBoughtNothing:
    def test_paid_twice_is_on_its_way_back_and_then_back(
        self, order, payment, gateway, now, run_jobs
    ):
        settle(order, gateway.pay(order.gateway_order_id), now + timedelta(hours=1))
        on_its_way = look(order).money
        run_jobs()

        assert (on_its_way.received_paise, on_its_way.on_its_way_back_paise) == (19_800, 9900)
        assert said(order)[3:] == [
            (
                "payment_received",
                "We received ₹99.00 once more for this order. It goes back to you.",
            ),
            ("refund_started", "₹99.00 is on its way back to you."),
            (
                "refund_completed",
                "₹99.00 went back to the account you paid from. Your bank shows it within 5 to 7 "
                "working days.",
            ),
        ]
        money = look(order).money
        assert (money.given_back_paise, money.on_its_way_back_paise) == (9900, 0)

    def test_in_quarantine_is_being_looked_into_until_it_is_accepted(
        self, order, gateway, moderator, now
    ):
        settle(order, gateway.pay(order.gateway_order_id, amount_paise=9800), now)
        waiting = said(order)
        accept_quarantined(
            payment_id=Payment.objects.get().pk, actor_id=moderator.pk, now=now + timedelta(hours=1)
        )

        assert waiting == [
            ORDERED,
            (
                "payment_in_review",
                "We received ₹98.00, which is not what the order asks for. We look into it.",
            ),
        ]
        assert said(order)[2:] == [
            ("payment_accepted", "We accepted your payment of ₹98.00."),
            ("order_paid", "Your note is in your library."),
        ]

    def test_in_another_currency_is_told_in_it(self, order, gateway, now):
        settle(order, told(gateway.pay(order.gateway_order_id), currency="USD"), now)

        assert "USD 99.00" in said(order)[1][1]

    def test_of_a_note_that_is_owned_already_is_said(self, buyer, seller, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note, make_note(seller=seller)], now=now)
        NoteAccess.objects.create(note=note, buyer=buyer, reference=uuid4(), granted_at=now)

        settle(order, gateway.pay(order.gateway_order_id), now)

        assert said(order)[2:] == [
            (
                "order_paid",
                "1 of 2 notes went into your library; the price of the rest goes back to you.",
            ),
            ("refund_started", "₹99.00 is on its way back to you."),
        ]


class TestARefund:
    def test_takes_the_note_out_of_the_library(self, order, payment, note, now, run_jobs):
        refunds.give_back(payment=payment, amount_paise=9900, why=SECRET, now=now)
        run_jobs()

        happened = dict(said(order))
        assert happened["note_removed"] == (
            f"“{note.title}” left your library: its price goes back to you."
        )
        assert "refund_completed" in happened

    def test_that_fails_is_told_without_the_reason(self, order, payment, now):
        refund = refunds.give_back(payment=payment, amount_paise=9900, why=SECRET, now=now)
        refunds.fail_refund(refund_id=refund.pk, why=SECRET, now=now + timedelta(days=1))

        assert said(order)[-1] == (
            "refund_failed",
            "This refund of ₹99.00 was not made. Our team sees to it that you get what you are "
            "owed.",
        )
        assert look(order).money.on_its_way_back_paise == 0


@pytest.fixture
def request_of(order, payment, buyer, now):
    def ask(*states, asked_by=buyer, **fields):
        asked = RefundRequest.objects.create(
            order=order,
            buyer=buyer,
            asked_by=asked_by,
            reason="file_broken",
            amount_paise=9900,
            created_at=now + timedelta(days=1),
            **fields,
        )
        for hours, state in enumerate(states, start=1):
            asked.move(
                state, why=SECRET, now=now + timedelta(days=1, hours=hours), actor_id=uuid4()
            )
        return asked

    return ask


class TestARequest:
    def test_is_told_with_the_reason_of_its_rejection(self, order, request_of):
        request_of("rejected", decided_why="The file opens.")

        assert said(order)[3:] == [
            ("refund_asked", "You asked for ₹99.00 back."),
            (
                "refund_rejected",
                "Your refund of ₹99.00 was not approved. The reason: The file opens.",
            ),
        ]

    def test_endorsed_by_one_of_two_is_not_told(self, order, request_of):
        request_of("endorsed", "approved")

        assert whats(order)[3:] == ["refund_asked", "refund_approved"]

    def test_made_by_staff_names_nobody(self, order, request_of, moderator):
        request_of(asked_by=moderator)

        assert said(order)[3:] == [("refund_asked", "₹99.00 was asked back for you.")]


class TestADispute:
    @pytest.fixture
    def dispute(self, payment, now):
        return Dispute.objects.create(
            payment=payment,
            gateway_dispute_id="disp_AAAAAAAAAAAAAA",
            reason_code=SECRET,
            amount_paise=9900,
            held_paise=9900,
            created_at=now + timedelta(days=2),
        )

    def test_holds_the_money_until_the_bank_decides(self, order, dispute):
        assert said(order)[3:] == [
            (
                "dispute_opened",
                "Your bank asked ₹99.00 back for you. It decides, and until then the money is "
                "held.",
            )
        ]
        assert look(order).money.disputed_paise == 9900

    @pytest.mark.parametrize(
        ("state", "what", "sentence", "given_back"),
        [
            ("won", "dispute_ended", "Your bank decided that the payment stands.", 0),
            ("closed", "dispute_ended", "Your bank asks no more: the payment stands.", 0),
            (
                "lost",
                "dispute_paid_back",
                "Your bank decided for you and gives you ₹99.00 back.",
                9900,
            ),
        ],
    )
    def test_ends_as_the_bank_decides(self, order, dispute, now, state, what, sentence, given_back):
        dispute.move("under_review", why=SECRET, now=now + timedelta(days=3))
        dispute.move(state, why=SECRET, now=now + timedelta(days=4))

        assert said(order)[4:] == [(what, sentence)]
        assert look(order).money.given_back_paise == given_back
        assert look(order).money.disputed_paise == 0


class TestTheEndpoint:
    def test_gives_the_entries_and_nothing_of_the_house(
        self, client_of, buyer, order, payment, request_of, now
    ):
        request_of("endorsed", "rejected")
        refund = refunds.give_back(payment=payment, amount_paise=9900, why=SECRET, now=now)
        refunds.fail_refund(refund_id=refund.pk, why=SECRET, now=now)

        seen = client_of(buyer).get(f"/api/v1/orders/{order.pk}/timeline")

        assert seen.status_code == 200
        body = seen.json()
        assert body["entries"][0] == {
            "at": "2026-11-23T12:00:00Z",
            "what": "ordered",
            "sentence": "You ordered 1 note for ₹99.00.",
            "amount_paise": 9900,
        }
        assert SECRET not in seen.text
        assert payment.gateway_payment_id not in seen.text
        assert set(body) == {"money", "entries", "downloads"}

    def test_has_a_code_for_all_that_can_happen(self, order, payment):
        assert set(whats(order)) <= set(HAPPENINGS)
        assert len(HAPPENINGS) == len(set(HAPPENINGS))

    def test_is_404_for_others(self, client_of, stranger, order, payment):
        refused = client_of(stranger).get(f"/api/v1/orders/{order.pk}/timeline")

        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        with pytest.raises(OrderNotFound):
            timeline.buyers_story(order_id=order.pk, buyer_id=stranger.pk)

    def test_costs_the_same_whatever_happened(self, order, payment, gateway, request_of, now):
        with CaptureQueriesContext(connection) as before:
            look(order)
        for hours in range(1, 4):
            settle(order, gateway.pay(order.gateway_order_id), now + timedelta(hours=hours))
            request_of("rejected")

        with CaptureQueriesContext(connection) as after:
            look(order)

        # Only what there was none of before costs another query: histories of refunds and
        # requests.
        assert (len(before), len(after)) == (9, 11)


class TestThePageOfStaff:
    @pytest.fixture
    def page(self, client, order):
        user = make_user("auditor", is_staff=True)
        user.groups.add(Group.objects.get(name="Auditor"))
        client.force_login(user)
        return lambda: client.get(f"/admin/payments/order/{order.pk}/change/").content.decode()

    def test_shows_reasons_people_and_references(
        self, page, order, payment, moderator, now, request_of
    ):
        Payment.objects.update(
            settlement_id="setl_A", settlement_utr="UTR0001", settled_at=now + timedelta(days=2)
        )
        asked = request_of()
        asked.move("rejected", why="<b>seen before</b>", now=now, actor_id=moderator.pk)

        shown = page()

        assert f"{payment.gateway_payment_id} upi · told by webhook" in shown
        assert "setl_A · UTR UTR0001" in shown
        assert "&lt;b&gt;seen before&lt;/b&gt;" in shown
        assert moderator.email in shown
        assert "23 Nov 2026 17:30:00" in shown
        assert "Received <strong>₹99.00</strong>" in shown
