"""Coupons through the API, as a buyer meets them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notes.tests.factories import make_note
from notevault.kit import clock
from payments.models import Coupon, CouponUse, Order
from payments.tests.factories import make_coupon

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/orders"
PREVIEW = "/api/v1/orders/preview"
COUPON_PREVIEW = "/api/v1/coupons/preview"


@pytest.fixture
def api(client_of, buyer):
    return client_of(buyer)


@pytest.fixture
def notes(seller):
    return [make_note(seller=seller, price_paise=10_000) for _ in range(3)]


def send(api, url, notes, code="DIWALI-10"):
    body = {"note_ids": [str(note.pk) for note in notes]}
    if code is not None:
        body["coupon_code"] = code
    return api.post(url, body, format="json")


class TestPreview:
    @pytest.mark.parametrize("url", [PREVIEW, COUPON_PREVIEW])
    def test_shows_both_discounts_and_reserves_nothing(self, api, notes, url):
        coupon = make_coupon(max_uses=1)

        shown = send(api, url, notes).json()

        items = shown.pop("items")
        assert shown == {
            "subtotal_paise": 30_000,
            "coupon_code": "DIWALI-10",
            "bulk_discount_paise": 1500,
            "coupon_discount_paise": 2850,
            "discount_paise": 4350,
            "total_paise": 25_650,
            "currency": "INR",
        }
        assert {
            name: [item[name] for item in items] for name in items[0] if name.endswith("_paise")
        } == {
            "price_paise": [10_000] * 3,
            "bulk_discount_paise": [500] * 3,
            "coupon_discount_paise": [950] * 3,
            "discount_paise": [1450] * 3,
            "paid_paise": [8550] * 3,
        }
        coupon.refresh_from_db()
        assert (coupon.uses, Order.objects.count()) == (0, 0)

    @pytest.mark.parametrize("typed", ["diwali-10", "Diwali-10", " DIWALI-10 "])
    def test_takes_a_code_in_any_case(self, api, note, typed):
        make_coupon()

        assert send(api, COUPON_PREVIEW, [note], typed).json()["coupon_code"] == "DIWALI-10"

    @pytest.mark.parametrize("typed", ["", "ABC", "A" * 21, "TWO WORDS", "ÄÖÜ-10", 10, ["A"]])
    @pytest.mark.parametrize("url", [ORDERS, PREVIEW, COUPON_PREVIEW])
    def test_refuses_what_is_no_code(self, api, note, url, typed):
        refused = send(api, url, [note], typed)

        assert (refused.status_code, refused.json()["code"]) == (400, "validation_failed")
        assert refused.json()["errors"][0]["param"] == "coupon_code"

    def test_of_a_coupon_wants_its_code(self, api, note):
        missing = api.post(COUPON_PREVIEW, {"note_ids": [str(note.pk)]}, format="json")

        assert missing.json()["errors"][0]["param"] == "coupon_code"

    def test_of_a_cart_needs_none(self, api, note):
        assert send(api, PREVIEW, [note], None).json()["coupon_code"] is None


class TestOrder:
    def test_shows_its_coupon_ever_after(self, api, notes, gateway):
        make_coupon()

        made = send(api, ORDERS, notes, "diwali-10")

        order = made.json()
        assert made.status_code == 201
        assert (order["coupon_code"], order["coupon_discount_paise"]) == ("DIWALI-10", 2850)
        assert (order["bulk_discount_paise"], order["total_paise"]) == (1500, 25_650)
        assert order["checkout"]["amount_paise"] == 25_650
        assert [item["coupon_discount_paise"] for item in order["items"]] == [950] * 3
        assert api.get(f"{ORDERS}/{order['id']}").json() == order
        assert api.get(ORDERS).json()["items"] == [order]

    def test_that_costs_nothing_is_paid_at_once(self, api, note, gateway):
        make_coupon(percent=100)

        order = send(api, ORDERS, [note]).json()

        assert (order["state"], order["next_action"], order["total_paise"]) == (
            "paid",
            "download",
            0,
        )
        assert CouponUse.objects.get().state == "spent"

    def test_again_with_the_same_coupon_is_the_same(self, api, note, gateway):
        make_coupon(max_uses=1)

        first, again = (send(api, ORDERS, [note]) for _ in range(2))

        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["id"] == again.json()["id"]
        assert CouponUse.objects.count() == 1

    def test_again_without_it_names_the_open_one(self, api, note, gateway):
        make_coupon()
        first = send(api, ORDERS, [note]).json()

        refused = send(api, ORDERS, [note], None)

        assert (refused.status_code, refused.json()["code"]) == (409, "note_in_open_order")
        assert refused.json()["order_id"] == first["id"]

    def test_lists_cost_no_query_a_coupon(
        self, api, seller, gateway, django_assert_max_num_queries
    ):
        make_coupon(max_uses_per_user=None)
        for _ in range(6):
            send(api, ORDERS, [make_note(seller=seller)])

        with django_assert_max_num_queries(6):
            listed = api.get(ORDERS).json()["items"]

        assert {order["coupon_code"] for order in listed} == {"DIWALI-10"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"code": "OTHER"}, 404, "coupon_not_found"),
            ({"is_active": False}, 404, "coupon_not_found"),
            ({"valid_until": -1}, 409, "coupon_expired"),
            ({"max_uses": 1, "uses": 1}, 409, "coupon_used_up"),
            ({"min_order_paise": 10_000}, 422, "coupon_minimum_not_met"),
        ],
    )
    @pytest.mark.parametrize("url", [ORDERS, PREVIEW, COUPON_PREVIEW])
    def test_say_what_is_wrong(self, api, note, gateway, url, fields, status, code):
        fields = dict(fields)
        if "valid_until" in fields:
            fields["valid_until"] = clock.now() - timedelta(seconds=1)
        make_coupon(**fields)

        refused = send(api, url, [note])

        body = refused.json()
        assert (refused.status_code, body["code"]) == (status, code)
        assert (len(body["detail"]) > 20, body["retryable"]) == (True, False)
        assert Order.objects.count() == 0

    def test_tell_a_buyer_who_has_used_it(self, api, note, notes, gateway):
        make_coupon()
        send(api, ORDERS, [note])

        refused = send(api, COUPON_PREVIEW, notes)

        assert (refused.status_code, refused.json()["code"]) == (409, "coupon_already_used")

    def test_tell_that_it_is_for_other_notes(self, api, note, notes, gateway):
        make_coupon(scope="note", note=note)

        refused = send(api, ORDERS, notes)

        assert (refused.status_code, refused.json()["code"]) == (422, "coupon_not_for_these_notes")
        assert Order.objects.count() == 0

    def test_never_tell_a_hidden_coupon_from_none(self, api, note):
        hidden = make_coupon("HIDDEN", valid_from=clock.now() + timedelta(days=1))
        Coupon.objects.filter(pk=hidden.pk).update(uses=1, max_uses=1)

        answers = [send(api, COUPON_PREVIEW, [note], code).json() for code in ("HIDDEN", "NONE")]

        for answer in answers:
            answer.pop("request_id")
        assert answers[0] == answers[1]


class TestGuessing:
    @pytest.fixture(autouse=True)
    def _two_an_hour(self, settings):
        settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "coupon": "2/h"}

    def test_is_counted_wherever_a_code_is_taken(self, api, note, gateway):
        urls = [ORDERS, PREVIEW, COUPON_PREVIEW]

        answers = [send(api, url, [note], "GUESS") for url in urls]

        assert [answer.status_code for answer in answers] == [404, 404, 429]
        assert answers[2].json()["code"] == "rate_limited"
        assert answers[2]["RateLimit-Limit"] == "2"
        assert int(answers[2]["Retry-After"]) > 0
        assert [send(api, url, [note], "GUESS").status_code for url in urls] == [429] * 3

    def test_does_not_count_who_brings_none(self, api, note, gateway):
        for _ in range(3):
            assert send(api, PREVIEW, [note], None).status_code == 200

        assert send(api, ORDERS, [note], None).status_code == 201

    def test_of_one_buyer_leaves_the_others_alone(self, api, client_of, stranger, note):
        make_coupon()
        for _ in range(3):
            send(api, COUPON_PREVIEW, [note], "GUESS")

        assert send(client_of(stranger), COUPON_PREVIEW, [note]).status_code == 200
