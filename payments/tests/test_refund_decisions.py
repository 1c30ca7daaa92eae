"""Deciding a request: yes, no, again; and two people above ₹2,000."""

from __future__ import annotations

import pytest

from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.kit import clock
from payments import refund_requests
from payments.models import Order, Payment, Refund
from payments.refunds import PaymentDisputed, fail_refund
from payments.reversals import LineExhausted
from payments.tests.refunding import (
    AFTER_SALE,
    WHILE_OWED,
    ask,
    ask_for_buyer,
    balances,
    mails_about,
    make_sale,
    make_staff,
    mark_read,
)
from payments.tests.sandbox_access import client_of
from payments.tests.test_races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def support(db):
    return make_staff("support")


@pytest.fixture
def finance(db):
    return make_staff("finance", "Finance")


@pytest.fixture
def asked(buyer, note, gateway, now):
    """Of ₹99, downloaded: one of the staff decides."""
    order = make_sale(buyer=buyer, notes=[note], gateway=gateway, now=now)
    mark_read(order, now)
    return ask(order, now)


@pytest.fixture
def dear(buyer, seller, gateway, now):
    """Of ₹2,500: two decide."""
    note = make_note(seller=seller, price_paise=250_000)
    return ask(make_sale(buyer=buyer, notes=[note], gateway=gateway, now=now), now)


def approve(request, staff, now):
    return refund_requests.approve_request(request_id=request.pk, staff_id=staff.pk, now=now)


def reject(request, staff, now):
    return refund_requests.reject_request(
        request_id=request.pk, staff_id=staff.pk, why="It is as described.", now=now
    )


def retry(request, staff, now):
    return refund_requests.retry_request(request_id=request.pk, staff_id=staff.pk, now=now)


def state_of(request):
    request.refresh_from_db()
    return request.state, Refund.objects.count()


class TestApproving:
    def test_owes_the_money_and_the_request_follows_it(self, asked, support, now, run_jobs):
        approved = approve(asked, support, now)
        suspended, books = NoteAccess.objects.get().suspended_at, balances()
        run_jobs()

        assert (approved.state, suspended, books) == ("approved", now, WHILE_OWED)
        assert (state_of(asked), balances()) == (("completed", 1), {})
        moves = list(asked.moves.order_by("pk").values_list("old", "new", "actor_id"))
        assert moves == [
            ("requested", "approved", support.pk),
            ("approved", "completed", None),
        ]
        assert NoteAccess.objects.get().revoked_at is not None

    def test_a_second_time_is_refused(self, asked, support, finance, now):
        approve(asked, support, now)

        with pytest.raises(refund_requests.RefundNotPending):
            approve(asked, finance, now)

        assert state_of(asked) == ("approved", 1)

    def test_one_s_own_purchase_is_refused(self, asked, now):
        with pytest.raises(refund_requests.OwnRefund):
            approve(asked, asked.buyer, now)

        assert state_of(asked) == ("requested", 0)

    def test_waits_for_the_bank_that_looks_into_the_payment(self, asked, support, now):
        Payment.objects.get().disputes.create(
            gateway_dispute_id="disp_AAAAAAAAAAAAAA", amount_paise=9900, created_at=now
        )

        with pytest.raises(PaymentDisputed):
            approve(asked, support, now)

        assert state_of(asked) == ("requested", 0)
        assert balances() == AFTER_SALE

    def test_more_than_is_left_moves_nothing(self, asked, support, now):
        ask_for_buyer(asked.order, support, now, wanted={asked.order.items.get().pk: 5000})

        with pytest.raises(refund_requests.NothingLeftToRefund):
            approve(asked, support, now)

        assert state_of(asked) == ("requested", 1)

    def test_more_than_is_left_of_a_line_moves_nothing(self, buyer, seller, gateway, support, now):
        notes = [make_note(seller=seller) for _ in range(2)]
        order = make_sale(buyer=buyer, notes=notes, gateway=gateway, now=now)
        mark_read(order, now)
        request = ask(order, now, wanted={notes[0].pk: None})
        line = order.items.get(note=notes[0])
        ask_for_buyer(order, support, now, wanted={line.pk: 5000})

        with pytest.raises(LineExhausted):
            approve(request, support, now)

        assert state_of(request) == ("requested", 1)
        assert Payment.objects.get().given_back_paise == 5000


class TestAbove2000Rupees:
    def test_one_yes_endorses_and_another_s_approves(self, dear, support, finance, now):
        first = (approve(dear, support, now).state, Refund.objects.count(), balances())
        second = approve(dear, finance, now).state

        assert first[:2] == ("endorsed", 0)
        assert "refunds_payable" not in first[2]
        assert (second, Refund.objects.get().amount_paise) == ("approved", 250_000)

    def test_nobody_says_yes_twice(self, dear, support, now):
        approve(dear, support, now)

        with pytest.raises(refund_requests.SameApprover):
            approve(dear, support, now)

        assert state_of(dear) == ("endorsed", 0)

    def test_who_asks_for_the_buyer_is_one_of_the_two(self, dear, support, finance, now):
        reject(dear, finance, now)
        made = ask_for_buyer(dear.order, support, now)
        with pytest.raises(refund_requests.SameApprover):
            approve(made, support, now)
        waiting = state_of(made)

        approve(made, finance, now)

        assert (waiting, state_of(made)) == (("endorsed", 0), ("approved", 1))

    def test_parts_by_one_person_are_no_way_around_it(self, dear, support, finance, now):
        line = dear.order.items.get()
        first = ask_for_buyer(dear.order, support, now, wanted={line.pk: 200_000})

        second = ask_for_buyer(dear.order, support, now, wanted={line.pk: 50_000})

        assert (first.state, second.state) == ("approved", "endorsed")
        assert Refund.objects.count() == 1

    def test_two_asked_for_apart_are_weighed_when_they_are_approved(
        self, buyer, seller, gateway, support, now
    ):
        notes = [make_note(seller=seller, price_paise=150_000) for _ in range(2)]
        order = make_sale(buyer=buyer, notes=notes, gateway=gateway, now=now)
        mark_read(order, now)
        requests = [ask(order, now, wanted={note.pk: None}) for note in notes]

        states = [approve(request, support, now).state for request in requests]

        assert [request.decider for request in requests] == ["staff", "staff"]
        assert states == ["approved", "endorsed"]


class TestRejecting:
    def test_tells_the_buyer_why_and_moves_no_money(self, asked, support, now):
        reject(asked, support, now)

        assert state_of(asked) == ("rejected", 0)
        assert (asked.decided_why, asked.decided_at) == ("It is as described.", now)
        assert balances() == AFTER_SALE

    def test_what_is_approved_is_refused(self, asked, support, now):
        approve(asked, support, now)

        with pytest.raises(refund_requests.RefundNotPending):
            reject(asked, support, now)

        assert state_of(asked) == ("approved", 1)


class TestTryingAgain:
    @pytest.fixture
    def failed(self, asked, support, now):
        approve(asked, support, now)
        fail_refund(refund_id=Refund.objects.get().pk, why="not enough balance", now=now)
        assert state_of(asked) == ("failed", 1)
        return asked

    def test_owes_it_by_a_refund_of_its_own(self, failed, support, now, run_jobs):
        retry(failed, support, now)
        run_jobs()

        assert state_of(failed) == ("completed", 2)
        assert sorted(failed.refunds.values_list("state", flat=True)) == ["failed", "processed"]
        assert balances() == {}

    def test_is_for_what_failed(self, asked, support, now):
        with pytest.raises(refund_requests.RefundNotPending):
            retry(asked, support, now)

        assert state_of(asked) == ("requested", 0)

    def test_may_be_given_up(self, failed, support, now):
        reject(failed, support, now)

        assert state_of(failed) == ("rejected", 1)


class TestTheBuyer:
    def test_hears_of_a_yes(self, asked, support, now):
        approve(asked, support, now)

        assert mails_about(asked) == ["refund_asked", "refund_approved"]

    def test_hears_of_a_no(self, asked, support, now):
        reject(asked, support, now)

        assert mails_about(asked) == ["refund_asked", "refund_rejected"]

    def test_hears_of_what_a_rule_decides_once(self, buyer, note, gateway, now):
        request = ask(make_sale(buyer=buyer, notes=[note], gateway=gateway, now=now), now)

        assert mails_about(request) == ["refund_approved"]

    def test_hears_nothing_of_what_staff_only_endorse(self, dear, support, finance, now):
        made = ask_for_buyer(dear.order, support, now)
        before = mails_about(made)

        approve(made, finance, now)

        assert (before, mails_about(made)) == ([], ["refund_approved"])


@pytest.mark.django_db(transaction=True)
class TestAHundredThreadsApprovingOneRequest:
    def test_make_one_refund_here_and_at_the_gateway(self, shop, buyer, run_jobs):
        order = shop.order().json()
        shop.verify(shop.pay(order))
        paid = Order.objects.get()
        mark_read(paid, clock.now())
        asked = ask(paid, clock.now())
        staff = [make_staff(f"support{number}") for number in range(5)]

        def act(number):
            return approve(asked, staff[number % 5], clock.now()).state

        results = at_once(act, count=100)
        run_jobs()

        assert results == {"approved": 1, "refund_not_pending": 99}
        assert state_of(asked) == ("completed", 1)
        with client_of(shop.gateway) as client:
            made = client.refund.all()["items"]
        assert [refund["amount"] for refund in made] == [9900]


@pytest.mark.django_db(transaction=True)
class TestTwoPeopleAtOnceAbove2000Rupees:
    def test_are_one_endorsement_and_one_approval(self, dear, support, finance, now):
        people = [support, finance]

        results = at_once(lambda n: approve(dear, people[n], now).state, count=2)

        assert results == {"endorsed": 1, "approved": 1}
        assert Refund.objects.count() == 1
