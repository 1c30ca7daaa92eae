"""Refunds through the API, as a buyer's client sees them."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notes.tests.factories import make_note
from notevault.kit import clock
from payments import refund_requests
from payments.models import Payment, Refund, RefundRequest
from payments.refund_requests.reading import _working_day
from payments.tests.factories import make_order
from payments.tests.refunding import (
    PREVIEW,
    REFUNDS,
    ask,
    ask_for_buyer,
    make_sale,
    make_staff,
    mark_read,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client_of, buyer):
    return client_of(buyer)


@pytest.fixture
def order(buyer, note, gateway):
    return make_sale(buyer=buyer, notes=[note], gateway=gateway, now=clock.now())


def post(api, url, body, **headers):
    return api.post(url, body, format="json", headers=headers)


def asking(order, **changes):
    note_ids = order.items.values_list("note_id", flat=True)
    return {
        "order_id": str(order.pk),
        "items": [{"note_id": str(note_id)} for note_id in note_ids],
        "reason": "bought_by_mistake",
        **changes,
    }


class TestPreview:
    def preview(self, api, order, **changes):
        return post(api, PREVIEW, {"order_id": str(order.pk), **changes}).json()

    def test_shows_what_can_be_given_back_and_moves_nothing(self, api, order):
        shown = self.preview(api, order)

        assert (shown["amount_paise"], shown["decider"], shown["currency"]) == (
            9900,
            "automatic",
            "INR",
        )
        assert shown["ask_by"] == (order.paid_at + timedelta(days=7)).isoformat().replace(
            "+00:00", "Z"
        )
        (line,) = shown["items"]
        assert (line["paid_paise"], line["left_paise"], line["amount_paise"]) == (9900, 9900, 9900)
        assert (line["is_whole"], line["decider"], line["refusal"]) == (True, "automatic", None)
        assert RefundRequest.objects.count() == 0

    def test_of_a_part_is_for_staff(self, api, order, note):
        part = {"note_id": str(note.pk), "amount_paise": 4000}

        shown = self.preview(api, order, items=[part])

        assert (shown["amount_paise"], shown["decider"]) == (4000, "staff")
        assert shown["items"][0]["is_whole"] is False

    def test_weighs_the_lines_together(self, api, buyer, seller, gateway):
        notes = [make_note(seller=seller, price_paise=price) for price in (150_000, 150_000)]
        order = make_sale(buyer=buyer, notes=notes, gateway=gateway, now=clock.now())

        shown = self.preview(api, order)

        assert (shown["amount_paise"], shown["decider"]) == (300_000, "two_staff")
        assert [line["decider"] for line in shown["items"]] == ["automatic", "automatic"]

    def refusal(self, api, order, **changes):
        shown = self.preview(api, order, **changes)
        (line,) = shown["items"]
        assert (shown["amount_paise"], line["amount_paise"]) == (0, 0)
        assert (shown["decider"], line["decider"]) == (None, None)
        return line["refusal"]["code"]

    def test_says_that_the_time_is_over(self, api, buyer, note, gateway):
        long_ago = clock.now() - timedelta(days=7, minutes=1)
        order = make_sale(buyer=buyer, notes=[note], gateway=gateway, now=long_ago)

        assert self.refusal(api, order) == "refund_window_closed"

    def test_says_that_it_was_asked_before(self, api, order):
        mark_read(order, clock.now())
        ask(order, clock.now())

        assert self.refusal(api, order) == "refund_already_asked"

    def test_says_that_nothing_is_left(self, api, order, run_jobs):
        ask_for_buyer(order, make_staff("support"), clock.now())

        assert self.refusal(api, order) == "nothing_left_to_refund"

    def test_says_that_the_bank_looks_into_it(self, api, order):
        Payment.objects.get().disputes.create(
            gateway_dispute_id="disp_AAAAAAAAAAAAAA", amount_paise=9900, created_at=clock.now()
        )
        # It holds the whole price, so nothing is left of it either.
        Payment.objects.update(disputed_paise=9900)

        assert self.refusal(api, order) == "payment_disputed"

    def test_says_that_an_amount_cannot_be(self, api, order, note):
        part = {"note_id": str(note.pk), "amount_paise": 9850}

        assert self.refusal(api, order, items=[part]) == "refund_amount_not_allowed"

    def test_of_an_order_that_is_not_paid_says_so(self, api, buyer, note, gateway):
        order = make_order(buyer=buyer, notes=[note], now=clock.now())

        assert self.refusal(api, order) == "refund_not_allowed"

    def test_costs_the_same_for_one_line_and_for_ten(self, api, buyer, seller, note, gateway):
        many = [make_note(seller=seller) for _ in range(10)]
        counts = []
        for notes in ([note], many):
            order = make_sale(buyer=buyer, notes=notes, gateway=gateway, now=clock.now())
            with CaptureQueriesContext(connection) as queries:
                assert len(self.preview(api, order)["items"]) == len(notes)
            counts.append(len(queries))

        assert counts[0] == counts[1]


class TestAsking:
    def test_by_rule_ends_with_the_days_of_the_money(self, api, order, run_jobs):
        made = post(api, REFUNDS, asking(order, comment="I meant the other one."))
        run_jobs()
        done = api.get(f"{REFUNDS}/{made.json()['id']}").json()

        asked = made.json()
        assert (made.status_code, asked["state"], asked["next_step"]) == (
            201,
            "approved",
            "wait_for_gateway",
        )
        assert (asked["decider"], asked["asked_by"]) == ("automatic", "buyer")
        assert (asked["processed_at"], asked["arrives_by"]) == (None, None)
        assert (done["state"], done["next_step"]) == ("completed", "wait_for_bank")
        assert done["processed_at"] is not None
        assert done["arrives_from"] < done["arrives_by"]
        assert [move["state"] for move in done["history"]] == ["requested", "approved", "completed"]
        assert [(i["amount_paise"], i["paid_paise"]) for i in done["items"]] == [(9900, 9900)]

    def test_makes_the_order_wait_and_then_end(self, api, order, run_jobs):
        url = f"/api/v1/orders/{order.pk}"
        post(api, REFUNDS, asking(order))

        before = api.get(url).json()["next_action"]
        run_jobs()

        assert (before, api.get(url).json()["next_action"]) == ("wait", None)

    def test_twice_under_one_key_is_one_request(self, api, order):
        key = {"Idempotency-Key": "refund-0001"}

        answers = [post(api, REFUNDS, asking(order), **key) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert answers[1]["Idempotent-Replayed"] == "true"
        assert (RefundRequest.objects.count(), Refund.objects.count()) == (1, 1)

    def test_twice_without_a_key_is_refused(self, api, order):
        post(api, REFUNDS, asking(order))

        refused = post(api, REFUNDS, asking(order))

        assert (refused.status_code, refused.json()["code"]) == (409, "refund_already_asked")
        assert Refund.objects.count() == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"reason": "i_want_to"},
            {"items": []},
            {"items": [{"note_id": "x"}]},
            {"items": [{"note_id": str(uuid4()), "amount_paise": "100"}]},
            {"items": [{"note_id": str(uuid4()), "amount_paise": -100}]},
            {"items": [{"note_id": "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f"}] * 2},
            {"comment": "x" * 501},
        ],
    )
    def test_with_what_makes_no_sense_is_refused(self, api, order, changes):
        refused = post(api, REFUNDS, asking(order, **changes))

        assert (refused.status_code, refused.json()["code"]) == (400, "validation_failed")
        assert RefundRequest.objects.count() == 0

    def test_while_the_note_is_under_way_gives_no_link(self, api, order, note):
        post(api, REFUNDS, asking(order))

        refused = api.post(f"/api/v1/library/{note.pk}/download")

        assert (refused.status_code, refused.json()["code"]) == (409, "refund_under_way")


class TestReading:
    def test_shows_why_it_was_rejected_and_nothing_of_the_staff(self, api, order):
        mark_read(order, clock.now())
        asked, support = ask(order, clock.now()), make_staff("support")
        refund_requests.reject_request(
            request_id=asked.pk, staff_id=support.pk, why="It is as described.", now=clock.now()
        )

        answer = api.get(f"{REFUNDS}/{asked.pk}")

        shown = answer.json()
        assert (shown["state"], shown["next_step"]) == ("rejected", None)
        assert shown["decided_why"] == "It is as described."
        assert str(support.pk) not in answer.content.decode()

    def test_shows_a_request_of_the_staff_without_their_comment(self, api, order):
        made = ask_for_buyer(order, make_staff("support"), clock.now(), comment="a known crook")

        shown = api.get(f"{REFUNDS}/{made.pk}").json()

        assert (shown["asked_by"], shown["comment"], shown["state"]) == ("support", "", "approved")

    def test_of_others_is_404(self, api, client_of, stranger, order):
        asked = ask(order, clock.now())
        nosy = client_of(stranger)

        answers = [
            nosy.get(f"{REFUNDS}/{asked.pk}"),
            nosy.get(f"{REFUNDS}/{uuid4()}"),
            post(nosy, PREVIEW, {"order_id": str(order.pk)}),
            post(nosy, REFUNDS, asking(order)),
            post(api, REFUNDS, asking(order, items=[{"note_id": str(uuid4())}])),
        ]

        assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "not_found")}
        assert nosy.get(REFUNDS).json()["items"] == []
        assert RefundRequest.objects.count() == 1

    def test_lists_the_newest_first_page_by_page(self, api, buyer, seller, gateway):
        self.ask_for(3, buyer, seller, gateway)

        first = api.get(f"{REFUNDS}?limit=2").json()
        second = api.get(f"{REFUNDS}?limit=2&cursor={first['next_cursor']}").json()

        listed = [row["created_at"] for row in [*first["items"], *second["items"]]]
        assert (len(listed), second["next_cursor"]) == (3, None)
        assert listed == sorted(listed, reverse=True)

    def test_costs_the_same_for_one_and_for_ten(self, api, buyer, seller, gateway):
        counts = []
        for more in (1, 9):
            self.ask_for(more, buyer, seller, gateway)
            with CaptureQueriesContext(connection) as queries:
                api.get(REFUNDS)
            counts.append(len(queries))

        assert RefundRequest.objects.count() == 10
        assert counts[0] == counts[1]

    def ask_for(self, count, buyer, seller, gateway):
        for _ in range(count):
            order = make_sale(
                buyer=buyer, notes=[make_note(seller=seller)], gateway=gateway, now=clock.now()
            )
            ask(order, clock.now())


class TestWorkingDays:
    @pytest.mark.parametrize(
        ("sent", "number", "arrives"),
        [
            ("2026-11-23", 5, "2026-11-30"),  # a Monday
            ("2026-11-27", 1, "2026-11-30"),  # a Friday
            ("2026-11-28", 7, "2026-12-08"),  # a Saturday
        ],
    )
    def test_leave_out_the_weekends(self, sent, number, arrives):
        assert _working_day(date.fromisoformat(sent), number) == date.fromisoformat(arrives)
