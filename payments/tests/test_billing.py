"""Who an order is billed to, and what of it is remembered."""

from __future__ import annotations

import pytest

from notes.tests.factories import make_note
from payments.billing import Billing, restate
from payments.checkout import start_checkout
from payments.models import Order
from payments.tests.factories import sell

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/orders"
NINA = {"name": "Nina Kapoor", "state": "MH"}


@pytest.fixture
def api(client_of, buyer):
    return client_of(buyer)


def start(api, note, **more):
    return api.post(ORDERS, {"note_ids": [str(note.pk)], **more}, format="json")


class TestBilling:
    def test_is_kept_on_the_order(self, api, note, gateway):
        order = start(api, note, billing=NINA).json()

        assert order["billing"] == NINA
        row = Order.objects.get()
        assert (row.billing_name, row.billing_state) == ("Nina Kapoor", "MH")

    def test_is_nobody_s_until_it_is_given(self, api, note, gateway):
        assert start(api, note).json()["billing"] is None

    def test_is_remembered_for_the_next_order(self, api, note, seller, gateway):
        start(api, note, billing=NINA)

        assert start(api, make_note(seller=seller)).json()["billing"] == NINA

    def test_of_another_buyer_is_not(self, api, client_of, stranger, note, seller, gateway):
        start(api, note, billing=NINA)

        other = start(client_of(stranger), make_note(seller=seller)).json()

        assert other["billing"] is None

    def test_given_anew_for_the_same_cart_replaces_the_old(self, api, note, gateway):
        first = start(api, note, billing=NINA)
        changed = start(api, note, billing={"name": "N. Kapoor", "state": "KA"})
        silent = start(api, note)

        assert (first.status_code, changed.status_code, silent.status_code) == (201, 200, 200)
        assert changed.json()["billing"] == {"name": "N. Kapoor", "state": "KA"}
        assert silent.json()["billing"] == {"name": "N. Kapoor", "state": "KA"}
        assert Order.objects.count() == 1

    def test_of_a_paid_order_stays(self, buyer, note, gateway, now):
        order = sell(
            buyer=buyer, notes=[note], gateway=gateway, now=now, billing=Billing("Nina", "MH")
        )

        restate(order.pk, Billing("Somebody Else", "KA"))

        order.refresh_from_db()
        assert (order.billing_name, order.billing_state) == ("Nina", "MH")

    @pytest.mark.parametrize(
        ("billing", "param"),
        [
            ({"name": "Nina"}, "billing.state"),
            ({"state": "KA"}, "billing.name"),
            ({"name": " ", "state": "KA"}, "billing.name"),
            ({"name": "x" * 81, "state": "KA"}, "billing.name"),
            ({"name": "a\nb", "state": "KA"}, "billing.name"),
            ({"name": "Nina", "state": "Karnataka"}, "billing.state"),
            ({"name": "Nina", "state": "ka"}, "billing.state"),
            ({"name": "Nina", "state": 29}, "billing.state"),
        ],
    )
    def test_that_is_none_is_refused(self, api, note, gateway, billing, param):
        refused = start(api, note, billing=billing)

        assert refused.status_code == 400
        assert param in {error["param"] for error in refused.json()["errors"]}
        assert Order.objects.count() == 0

    def test_is_not_needed_to_see_a_price(self, api, note):
        seen = api.post(f"{ORDERS}/preview", {"note_ids": [str(note.pk)]}, format="json")

        assert seen.status_code == 200

    def test_of_a_free_order_is_kept_too(self, buyer, seller, gateway, now):
        free = make_note(seller=seller, price_paise=0)
        start_checkout(
            buyer_id=buyer.pk, note_ids=[free.pk], now=now, billing=Billing("Nina", "MH")
        )

        assert Order.objects.get().billing_state == "MH"
