"""Asking for a refund: what can be asked, once, and who decides it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from notes import access
from notes.models import NoteAccess
from notes.tests.factories import make_note
from payments import refund_requests
from payments.gateways.base import GatewayRejected
from payments.models import Order, OrderItem, Payment, Refund, RefundRequest
from payments.refund_requests.quoting import NoteNotInOrder
from payments.selectors import OrderNotFound
from payments.tests.disputing import Trouble
from payments.tests.factories import make_order
from payments.tests.refunding import (
    AFTER_SALE,
    WHILE_OWED,
    ask,
    ask_for_buyer,
    balances,
    make_sale,
    make_staff,
    mark_read,
)
from payments.tests.test_races import at_once

pytestmark = pytest.mark.django_db

HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_sale(buyer=buyer, notes=[note], gateway=gateway, now=now)


def download(order, now):
    note_id = order.items.get().note_id
    return access.download_link(note_id=note_id, buyer_id=order.buyer_id, now=now)


def nothing_was_asked():
    return (RefundRequest.objects.count(), Refund.objects.count()) == (0, 0)


class TestARequestThatARuleDecides:
    @pytest.mark.parametrize("after", [timedelta(), 24 * HOURS])
    def test_is_approved_at_once_and_goes_back(self, order, gateway, now, run_jobs, after):
        request = ask(order, now + after)
        state, books = request.state, balances()
        run_jobs()

        request.refresh_from_db()
        order.refresh_from_db()
        assert (request.decider, state, request.state) == ("automatic", "approved", "completed")
        assert (books, balances()) == (WHILE_OWED, {})
        assert (order.state, Payment.objects.get().state) == ("refunded", "refunded")
        assert NoteAccess.objects.get().revoked_at is not None
        (refund,) = gateway.list_refunds(Payment.objects.get().gateway_payment_id)
        assert refund.amount_paise == 9900

    def test_lets_nobody_download_from_that_moment(self, order, now):
        ask(order, now)

        with pytest.raises(access.RefundUnderWay):
            download(order, now)

        left = NoteAccess.objects.get()
        assert (left.downloads, left.first_downloaded_at, left.suspended_at) == (0, None, now)


class TestARequestForStaff:
    def is_for_staff(self, request):
        assert (request.decider, request.state) == ("staff", "requested")
        assert Refund.objects.count() == 0
        assert NoteAccess.objects.filter(suspended_at__isnull=False).count() == 0
        assert balances()["gateway_clearing"] == -sum(
            Payment.objects.values_list("amount_paise", flat=True)
        )

    def test_is_one_of_a_note_that_was_downloaded(self, order, now):
        mark_read(order, now)

        self.is_for_staff(ask(order, now))

    def test_is_one_of_a_note_whose_downloads_were_reset(self, order, now):
        download(order, now)
        access.reset_downloads(access_id=NoteAccess.objects.get().pk)

        self.is_for_staff(ask(order, now + HOURS))

    def test_is_one_of_more_than_a_day_later(self, order, now):
        self.is_for_staff(ask(order, now + 24 * HOURS + timedelta(seconds=1)))

    def test_is_one_of_a_part_whose_buyer_keeps_the_note(self, order, note, now):
        self.is_for_staff(ask(order, now, wanted={note.pk: 9800}))

    def test_is_one_with_one_of_two_notes_read(self, buyer, seller, note, gateway, now):
        order = make_sale(
            buyer=buyer, notes=[note, make_note(seller=seller)], gateway=gateway, now=now
        )
        NoteAccess.objects.filter(note=note).update(downloads=1)

        self.is_for_staff(ask(order, now))


class TestARequestForTwoOfTheStaff:
    def test_is_one_above_2000_rupees(self, buyer, seller, gateway, now):
        dear = make_note(seller=seller, price_paise=200_001)
        order = make_sale(buyer=buyer, notes=[dear], gateway=gateway, now=now)

        request = ask(order, now)

        assert (request.decider, request.state) == ("two_staff", "requested")
        assert Refund.objects.count() == 0

    def test_is_not_one_of_2000_rupees(self, buyer, seller, gateway, now):
        dear = make_note(seller=seller, price_paise=200_000)
        order = make_sale(buyer=buyer, notes=[dear], gateway=gateway, now=now)

        assert ask(order, now).decider == "automatic"

    def test_is_one_that_goes_above_it_with_what_was_approved_before(
        self, buyer, seller, gateway, now
    ):
        notes = [make_note(seller=seller, price_paise=150_000) for _ in range(2)]
        order = make_sale(buyer=buyer, notes=notes, gateway=gateway, now=now)
        first = ask(order, now, wanted={notes[0].pk: None})

        second = ask(order, now, wanted={notes[1].pk: None})

        assert (first.state, second.state) == ("approved", "requested")
        assert (first.decider, second.decider) == ("automatic", "two_staff")


class TestAsking:
    def test_is_open_for_seven_days(self, order, now):
        with pytest.raises(refund_requests.RefundWindowClosed):
            ask(order, now + 7 * DAYS + timedelta(seconds=1))
        assert nothing_was_asked()

        assert ask(order, now + 7 * DAYS).state == "requested"

    def test_is_done_once_for_each_line_even_after_a_no(self, order, moderator, now):
        mark_read(order, now)
        first = ask(order, now)
        refund_requests.reject_request(
            request_id=first.pk, staff_id=moderator.pk, why="As described.", now=now
        )

        with pytest.raises(refund_requests.RefundAlreadyAsked):
            ask(order, now)

        assert RefundRequest.objects.count() == 1

    def test_is_for_what_was_paid(self, buyer, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)

        with pytest.raises(refund_requests.RefundNotAllowed):
            ask(order, now)

        assert nothing_was_asked()

    def test_gives_nothing_back_for_a_free_note(self, buyer, seller, gateway, now):
        make_order(buyer=buyer, notes=[make_note(seller=seller, price_paise=0)], now=now)

        with pytest.raises(refund_requests.NothingLeftToRefund):
            ask(Order.objects.get(), now)

        assert nothing_was_asked()

    def test_of_a_stranger_finds_no_order(self, order, note, stranger, now):
        with pytest.raises(OrderNotFound):
            refund_requests.ask(
                order_id=order.pk,
                buyer_id=stranger.pk,
                wanted={note.pk: None},
                reason="other",
                comment="",
                now=now,
            )

        assert nothing_was_asked()

    def test_for_a_note_of_another_order_finds_none(self, order, now):
        with pytest.raises(NoteNotInOrder):
            ask(order, now, wanted={uuid4(): None})

        assert nothing_was_asked()

    @pytest.mark.parametrize("amount", [1, 99, 9801, 9899, 9901])
    def test_leaves_no_rest_that_could_never_go_back(self, order, note, now, amount):
        with pytest.raises(refund_requests.RefundAmountNotAllowed):
            ask(order, now, wanted={note.pk: amount})

        assert nothing_was_asked()

    @pytest.mark.parametrize("amount", [100, 9800, 9900])
    def test_takes_every_other_amount(self, order, note, now, amount):
        assert ask(order, now, wanted={note.pk: amount}).amount_paise == amount

    def test_of_less_than_the_gateway_sends_is_refused(self, order, now):
        OrderItem.objects.update(reversed_paise=9850)

        with pytest.raises(refund_requests.RefundAmountNotAllowed):
            ask(order, now)

        assert nothing_was_asked()

    def test_of_so_little_is_taken_beside_more(self, buyer, seller, note, gateway, now):
        order = make_sale(
            buyer=buyer, notes=[note, make_note(seller=seller)], gateway=gateway, now=now
        )
        mark_read(order, now)
        order.items.filter(note=note).update(reversed_paise=9850)

        assert ask(order, now).amount_paise == 9950

    def test_is_refused_while_the_bank_looks_into_the_payment(self, order, now):
        Payment.objects.get().disputes.create(
            gateway_dispute_id="disp_AAAAAAAAAAAAAA", amount_paise=9900, created_at=now
        )

        with pytest.raises(refund_requests.sale.PaymentDisputed):
            ask(order, now)

        assert nothing_was_asked()
        assert NoteAccess.objects.get().suspended_at is None


class TestAPartThatIsRefundedBesideADispute:
    def test_leaves_the_buyer_who_wins_nothing_the_note(self, order, gateway, now):
        payment = Payment.objects.get()
        trouble = Trouble(gateway, payment.gateway_payment_id, now)
        heard = trouble.open()
        trouble.tell(heard)
        trouble.refund_by_hand(4000, "pending")
        line = order.items.get()

        trouble.decide(heard, "won")

        assert line.reversed_paise == 9900
        assert download(order, now).downloads_left == 19


@pytest.mark.django_db(transaction=True)
class TestTwentyThreadsAskingForOneLine:
    def test_make_one_request_and_one_refund(self, order, gateway, now):
        results = at_once(lambda _: ask(order, now).state, count=20)

        assert results == {"approved": 1, "refund_already_asked": 19}
        assert (RefundRequest.objects.count(), Refund.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
class TestADownloadAndARequestAtOnce:
    def test_never_give_both_the_note_and_a_refund_by_rule(self, order, gateway, now):
        def act(number):
            if number:
                download(order, now)
                return "downloaded"
            return ask(order, now).state

        results = at_once(act, count=6)

        assert set(results) in ({"approved", "refund_under_way"}, {"requested", "downloaded"})


class TestStaffAskingForABuyer:
    def test_is_approved_at_once_at_any_time(self, order, now, run_jobs):
        mark_read(order, now)
        support = make_staff("support")

        request = ask_for_buyer(order, support, now + 90 * DAYS)
        run_jobs()

        request.refresh_from_db()
        assert (request.state, request.asked_by, request.buyer) == (
            "completed",
            support,
            order.buyer,
        )
        assert request.moves.get(new="approved").actor_id == support.pk
        assert balances() == {}

    def test_may_be_in_parts_up_to_what_is_left(self, order, now, run_jobs):
        support, line = make_staff("support"), order.items.get()
        for amount in (4000, 3000):
            ask_for_buyer(order, support, now, wanted={line.pk: amount})
        run_jobs()
        live = NoteAccess.objects.filter(revoked_at=None, suspended_at=None).count()

        with pytest.raises(refund_requests.RefundAmountNotAllowed):
            ask_for_buyer(order, support, now, wanted={line.pk: 2901})
        ask_for_buyer(order, support, now, wanted={line.pk: 2900})
        run_jobs()

        assert live == 1
        assert NoteAccess.objects.get().revoked_at is not None
        assert sorted(Refund.objects.values_list("amount_paise", flat=True)) == [2900, 3000, 4000]
        assert balances() == {}

    def test_sent_twice_is_one(self, order, now):
        support, request_id = make_staff("support"), uuid4()
        wanted = {order.items.get().pk: 1000}

        asked = [
            ask_for_buyer(order, support, now, wanted=wanted, request_id=request_id)
            for _ in range(2)
        ]

        assert asked[0] == asked[1]
        assert [refund.amount_paise for refund in Refund.objects.all()] == [1000]

    def test_for_themselves_is_refused(self, order, now):
        with pytest.raises(refund_requests.OwnRefund):
            ask_for_buyer(order, order.buyer, now)

        assert nothing_was_asked()


class TestAnApprovedRefundThatFails:
    def test_lets_the_buyer_download_again_and_waits_for_staff(
        self, order, gateway, now, run_jobs, monkeypatch
    ):
        request = ask(order, now)
        monkeypatch.setattr(gateway, "refund_payment", self.refuse)
        run_jobs()

        request.refresh_from_db()
        left = NoteAccess.objects.get()
        assert (request.state, left.suspended_at, left.revoked_at) == ("failed", None, None)
        assert (balances(), Payment.objects.get().given_back_paise) == (AFTER_SALE, 0)

    def refuse(self, *_, **__):
        raise GatewayRejected("Your account does not have enough balance")

    def test_waits_as_long_as_the_gateway_is_down(self, order, gateway, now, run_jobs):
        request = ask(order, now)
        gateway.is_down = True
        assert "payments.tasks.send_refund" not in run_jobs()
        gateway.is_down = False

        run_jobs()

        request.refresh_from_db()
        assert request.state == "completed"
