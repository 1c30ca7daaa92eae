"""What the buyer is told to do next."""

from __future__ import annotations

import pytest

from notes.tests.factories import make_note
from payments import selectors
from payments.selectors import next_action
from payments.tests.factories import make_order


def action(state, *payments, has_access=False, is_refunding=False):
    return next_action(
        state, payment_states=set(payments), has_access=has_access, is_refunding=is_refunding
    )


class TestNextAction:
    @pytest.mark.parametrize(
        ("given", "told"),
        [
            (("created",), "wait"),
            (("awaiting_payment",), "pay"),
            (("awaiting_payment", "failed"), "pay"),
            (("awaiting_payment", "created"), "wait"),
            (("awaiting_payment", "authorized"), "wait"),
            (("awaiting_payment", "failed", "authorized"), "wait"),
            (("awaiting_payment", "quarantined"), "contact_support"),
            (("expired",), None),
            (("expired", "authorized"), "wait"),
            (("cancelled",), None),
            (("refunded", "refunded"), None),
            (("paid", "captured"), "contact_support"),
        ],
    )
    def test_follows_the_money(self, given, told):
        assert action(*given) == told

    def test_is_to_download_once_something_was_granted(self):
        assert action("paid", "captured", has_access=True) == "download"
        assert action("partially_refunded", "captured", has_access=True) == "download"

    def test_is_to_wait_while_money_goes_back(self):
        assert action("paid", "captured", is_refunding=True) == "wait"


@pytest.mark.django_db
class TestLists:
    def test_cost_the_same_for_any_number_of_orders(
        self, buyer, seller, gateway, now, django_assert_num_queries
    ):
        def complete_page():
            return selectors.complete(list(selectors.list_orders(buyer.pk)))

        make_order(buyer=buyer, notes=[make_note(seller=seller)], now=now)
        with django_assert_num_queries(5):
            assert len(complete_page()) == 1
        for _ in range(6):
            notes = [make_note(seller=seller), make_note(seller=seller)]
            make_order(buyer=buyer, notes=notes, now=now)

        with django_assert_num_queries(5):
            assert len(complete_page()) == 7
