"""Refunds in Django admin, seen through a browser's requests."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notes.tests.factories import make_note
from notevault.kit import clock
from payments.models import Refund, RefundRequest
from payments.tests.refunding import ask, make_sale, make_staff, mark_read

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/refundrequest/"
MOST_QUERIES = {"refundrequest": 11, "order": 22}


def browser_of(user):
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


@pytest.fixture
def support(db):
    return make_staff("support")


@pytest.fixture
def desk(support):
    return browser_of(support)


@pytest.fixture
def order(buyer, note, gateway):
    made = make_sale(buyer=buyer, notes=[note], gateway=gateway, now=clock.now())
    mark_read(made, clock.now())
    return made


@pytest.fixture
def asked(order):
    return ask(order, clock.now(), comment="Page 3 is blank.")


@pytest.fixture
def dear(buyer, seller, gateway):
    note = make_note(seller=seller, price_paise=250_000)
    return make_sale(buyer=buyer, notes=[note], gateway=gateway, now=clock.now())


def act(desk, action, *rows, **more):
    body = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
    return desk.post(LIST, body)


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def state_of(request):
    request.refresh_from_db()
    return request.state, Refund.objects.count()


class TestTheList:
    def test_shows_who_asks_for_how_much(self, desk, asked):
        page = desk.get(f"{LIST}?state=requested").content.decode()

        assert "₹99.00" in page
        assert asked.buyer.email in page
        assert reverse("admin:payments_order_change", args=[asked.order_id]) in page

    def test_costs_the_same_for_one_and_for_five(self, desk, asked, buyer, seller, gateway):
        counts = []
        for more in (0, 4):
            for _ in range(more):
                notes = [make_note(seller=seller)]
                sale = make_sale(buyer=buyer, notes=notes, gateway=gateway, now=clock.now())
                ask(sale, clock.now())
            with CaptureQueriesContext(connection) as queries:
                desk.get(LIST)
            counts.append(len(queries))

        assert RefundRequest.objects.count() == 5
        assert counts[0] == counts[1]


class TestActions:
    def test_approve(self, desk, support, asked):
        answer = act(desk, "approve", asked)

        assert told(answer) == ["1 approved or endorsed."]
        assert state_of(asked) == ("approved", 1)
        assert asked.moves.get().actor_id == support.pk

    def test_reject_asks_why_first(self, desk, asked):
        page = act(desk, "reject", asked)
        before = state_of(asked)

        act(desk, "reject", asked, confirmed="yes", why="As described.")

        assert "The buyer is told this reason." in page.content.decode()
        assert (before, state_of(asked)) == (("requested", 0), ("rejected", 0))
        assert asked.decided_why == "As described."

    def test_retry_is_for_what_failed(self, desk, asked):
        answer = act(desk, "retry", asked)

        assert "does not wait for that decision" in told(answer)[0]
        assert state_of(asked) == ("requested", 0)

    @pytest.mark.parametrize("group", ["Auditor", "Moderator"])
    def test_are_not_for_everybody(self, group, asked):
        others = browser_of(make_staff("other", group))

        answers = [act(others, action, asked) for action in ("approve", "retry")]
        answers += [
            others.post(f"{LIST}{asked.pk}/decide", {"choice": "approve"}, follow=True),
            others.post(
                reverse("admin:payments_order_refund", args=[asked.order_id]), {"confirmed": "yes"}
            ),
        ]

        assert state_of(asked) == ("requested", 0)
        assert answers[-1].status_code == 403


class TestTheDeskOfOneRequest:
    def url(self, request):
        return reverse("admin:payments_refundrequest_decide", args=[request.pk])

    def test_has_its_lines_downloads_and_a_button(self, desk, asked):
        page = desk.get(reverse("admin:payments_refundrequest_change", args=[asked.pk]))

        text = page.content.decode()
        assert (page.status_code, self.url(asked) in text) == (200, True)
        assert "1 downloads" in text
        assert "Page 3 is blank." in text
        assert " IST; suspended: –" in text
        assert "9900" not in text

    @pytest.mark.parametrize("page", ["refundrequest", "order"])
    def test_costs_the_same_for_one_line_and_for_five(self, desk, page, buyer, seller, gateway):
        counts = []
        for lines in (1, 1, 5):  # the first fills what is remembered
            notes = [make_note(seller=seller) for _ in range(lines)]
            sale = make_sale(buyer=buyer, notes=notes, gateway=gateway, now=clock.now())
            asked = ask(sale, clock.now())
            row = sale.pk if page == "order" else asked.pk
            with CaptureQueriesContext(connection) as queries:
                desk.get(reverse(f"admin:payments_{page}_change", args=[row]))
            counts.append(len(queries))

        assert asked.lines.count() == 5
        assert counts[1] == counts[2] <= MOST_QUERIES[page], counts
        read = "notes_noteaccess"
        assert sum(read in query["sql"] for query in queries) == 1

    def test_shows_the_arithmetic_and_changes_nothing_by_looking(self, desk, asked):
        text = desk.get(self.url(asked)).content.decode()

        for amount in ("₹99.00", "₹84.15", "₹12.59", "₹2.26"):
            assert amount in text
        assert state_of(asked) == ("requested", 0)

    def test_approves(self, desk, asked):
        answer = desk.post(self.url(asked), {"choice": "approve"})

        assert answer.status_code == 302
        assert state_of(asked) == ("approved", 1)

    def test_rejects_with_a_reason_only(self, desk, asked):
        desk.post(self.url(asked), {"choice": "reject", "why": " "})
        before = state_of(asked)

        desk.post(self.url(asked), {"choice": "reject", "why": "As described."})

        assert (before, state_of(asked)) == (("requested", 0), ("rejected", 0))

    def test_shows_a_refusal_as_a_message(self, desk, dear):
        asked = ask(dear, clock.now())
        desk.post(self.url(asked), {"choice": "approve"})

        again = desk.post(self.url(asked), {"choice": "approve"})

        assert "needs two people" in told(again)[-1]
        assert state_of(asked) == ("endorsed", 0)

    def test_takes_no_post_from_another_site(self, support, asked):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(support)

        refused = strict.post(self.url(asked), {"choice": "approve"})

        assert refused.status_code == 403
        assert state_of(asked) == ("requested", 0)

    def test_of_a_request_that_is_not_there_is_404(self, desk):
        missing = reverse("admin:payments_refundrequest_decide", args=[uuid4()])

        assert desk.get(missing).status_code == 404


class TestARefundForABuyer:
    def url(self, order):
        return reverse("admin:payments_order_refund", args=[order.pk])

    def filled(self, desk, order, rupees, **more):
        """The form's own hidden fields, with what staff fill in."""
        text = desk.get(self.url(order)).content.decode()
        (request_id,) = re.findall(r'name="request_id" value="([^"]+)"', text)
        line = str(order.items.get().pk)
        return {"request_id": request_id, line: rupees, "reason": "other", **more}

    def shown(self, desk, order, body):
        text = desk.post(self.url(order), body).content.decode()
        (figures,) = re.findall(r'name="shown" value="([^"]*)"', text)
        return text, {**body, "shown": figures, "confirmed": "yes"}

    def test_begins_with_what_is_left(self, desk, order):
        page = desk.get(self.url(order)).content.decode()

        assert 'value="99.00"' in page or 'value="99"' in page
        assert "(₹, at most 99.00)" in page
        assert "Refund this" not in page

    def test_of_an_order_with_nothing_left_has_no_form(self, desk, asked):
        act(desk, "approve", asked)

        page = desk.get(self.url(asked.order)).content.decode()

        assert "Nothing is left to give back." in page
        assert 'name="request_id"' not in page

    def test_shows_the_arithmetic_before_anything_moves(self, desk, order):
        text, _ = self.shown(desk, order, self.filled(desk, order, "40.00"))

        for amount in ("₹40.00", "₹34.00", "₹5.08", "₹0.92"):
            assert amount in text
        assert (RefundRequest.objects.count(), Refund.objects.count()) == (0, 0)

    def test_is_approved_once_it_is_confirmed(self, desk, support, order):
        _, confirmed = self.shown(desk, order, self.filled(desk, order, "40.00", comment="Sorry"))

        answers = [desk.post(self.url(order), confirmed) for _ in range(2)]  # a double click

        made = RefundRequest.objects.get()
        assert [answer.status_code for answer in answers] == [302, 302]
        assert (made.state, made.amount_paise, made.comment) == ("approved", 4000, "Sorry")
        assert (made.asked_by, made.buyer) == (support, order.buyer)
        assert Refund.objects.get().amount_paise == 4000

    def test_waits_for_another_person_above_2000_rupees(self, desk, dear):
        _, confirmed = self.shown(desk, dear, self.filled(desk, dear, "2500.00"))

        desk.post(self.url(dear), confirmed)

        assert state_of(RefundRequest.objects.get()) == ("endorsed", 0)

    def test_of_other_figures_than_those_shown_is_shown_first(self, desk, order):
        _, confirmed = self.shown(desk, order, self.filled(desk, order, "40.00"))
        confirmed[str(order.items.get().pk)] = "90.00"

        page = desk.post(self.url(order), confirmed)

        assert page.status_code == 200
        assert "₹90.00" in page.content.decode()
        assert RefundRequest.objects.count() == 0

    @pytest.mark.parametrize("rupees", ["99.01", "-1", "x", "1.005", "", "0"])
    def test_of_an_amount_that_cannot_be_is_refused(self, desk, order, rupees):
        body = self.filled(desk, order, rupees, confirmed="yes")

        page = desk.post(self.url(order), body)

        assert page.status_code == 200
        assert RefundRequest.objects.count() == 0

    def test_that_leaves_what_could_never_go_back_is_refused(self, desk, order):
        _, confirmed = self.shown(desk, order, self.filled(desk, order, "98.50"))

        page = desk.post(self.url(order), confirmed)

        assert "leave ₹1 at least" in page.content.decode()
        assert RefundRequest.objects.count() == 0
