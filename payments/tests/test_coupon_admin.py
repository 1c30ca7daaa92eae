"""Coupons at the staff's desk."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notes.tests.factories import make_category, make_note
from notevault.accounts.tests.factories import make_user
from payments import checkout
from payments.models import Coupon
from payments.tests.factories import make_coupon, make_order

pytestmark = pytest.mark.django_db

ADD = reverse("admin:payments_coupon_add")
FILLED_IN = {
    "code": "diwali-10",
    "percent": "10",
    "max_discount_paise": "150.50",
    "flat_paise": "",
    "min_order_paise": "0",
    "scope": "global",
    "category": "",
    "seller": "",
    "note": "",
    "valid_from_0": "2026-11-01",
    "valid_from_1": "00:00:00",
    "valid_until_0": "",
    "valid_until_1": "",
    "max_uses": "100",
    "max_uses_per_user": "1",
    "is_active": "on",
    "coupon_uses-TOTAL_FORMS": "0",
    "coupon_uses-INITIAL_FORMS": "0",
}


def member_of(group):
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def finance(db):
    return member_of("Finance")


def change_page(coupon):
    return reverse("admin:payments_coupon_change", args=[coupon.pk])


def complaints(answer):
    form = answer.context["adminform"].form
    return [str(text) for texts in form.errors.values() for text in texts]


class TestANewCoupon:
    def test_is_typed_in_rupees_and_in_any_case(self, finance):
        answer = finance.post(ADD, FILLED_IN)

        assert answer.status_code == 302
        made = Coupon.objects.get()
        assert (made.code, made.percent, made.max_discount_paise) == ("DIWALI-10", 10, 15_050)
        assert (made.flat_paise, made.min_order_paise, made.max_uses) == (None, 0, 100)
        assert (made.uses, made.late_uses, made.is_active) == (0, 0, True)

    def test_of_a_flat_amount_for_a_category(self, finance):
        category = make_category("physics")
        kind = {"percent": "", "max_discount_paise": "", "flat_paise": "50"}

        finance.post(ADD, {**FILLED_IN, **kind, "scope": "category", "category": str(category.pk)})

        made = Coupon.objects.get()
        assert (made.flat_paise, made.percent, made.category) == (5000, None, category)

    @pytest.mark.parametrize(
        ("fields", "complaint"),
        [
            ({"code": "two words"}, "A code has 4 to 20 characters: capital letters, digits"),
            ({"flat_paise": "5"}, "Give either a percentage and the most it may take off"),
            ({"percent": ""}, "Give either a percentage and the most it may take off"),
            ({"percent": "101"}, "A percentage lies between 1 and 100."),
            ({"max_discount_paise": "0"}, "A coupon takes at least one paisa off."),
            ({"max_discount_paise": "1.005"}, "Ensure that there are no more than 2 decimal"),
            ({"min_order_paise": "-1"}, "Ensure this value is greater than or equal to 0."),
            ({"scope": "seller"}, "Name the category, seller or note that the scope speaks of"),
            ({"max_uses": "0"}, "A limit is at least 1; switch the coupon off instead."),
            (
                {"valid_until_0": "2026-10-31", "valid_until_1": "00:00:00"},
                "A coupon ends after it begins.",
            ),
        ],
    )
    def test_is_refused_in_a_sentence(self, finance, fields, complaint):
        answer = finance.post(ADD, {**FILLED_IN, **fields})

        assert answer.status_code == 200
        assert any(text.startswith(complaint) for text in complaints(answer))
        assert not Coupon.objects.exists()

    def test_cannot_take_a_code_that_is_taken(self, finance):
        make_coupon("DIWALI-10")

        answer = finance.post(ADD, FILLED_IN)

        assert complaints(answer) == ["Coupon with this Code already exists."]
        assert Coupon.objects.count() == 1


class TestACouponWithoutOrders:
    def test_may_be_changed_in_everything(self, finance):
        coupon = make_coupon()

        finance.post(change_page(coupon), {**FILLED_IN, "code": "OTHER", "percent": "20"})

        coupon.refresh_from_db()
        assert (coupon.code, coupon.percent, coupon.max_discount_paise) == ("OTHER", 20, 15_050)

    def test_is_locked_while_it_is_changed(self, finance):
        coupon = make_coupon()

        with CaptureQueriesContext(connection) as captured:
            finance.post(change_page(coupon), FILLED_IN)

        locks = [query["sql"] for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
        assert len(locks) == 1
        assert "payments_coupon" in locks[0]


class TestACouponWithOrders:
    @pytest.fixture
    def coupon(self, buyer, note, gateway, now):
        coupon = make_coupon(max_uses=5)
        make_order(buyer=buyer, notes=[note], coupon_code=coupon.code, now=now)
        return coupon

    def test_keeps_its_terms_and_its_counts(self, finance, coupon):
        others = {"code": "OTHER", "percent": "99", "min_order_paise": "1", "uses": "0"}

        answer = finance.post(change_page(coupon), {**FILLED_IN, **others, "max_uses": "7"})

        assert answer.status_code == 302
        coupon.refresh_from_db()
        assert (coupon.code, coupon.percent, coupon.min_order_paise) == ("DIWALI-10", 10, 0)
        assert (coupon.max_uses, coupon.uses) == (7, 1)

    def test_may_be_ended_and_switched_off(self, finance, coupon):
        end = {"valid_until_0": "2026-12-31", "valid_until_1": "23:59:59", "is_active": ""}

        finance.post(change_page(coupon), {**FILLED_IN, **end})

        coupon.refresh_from_db()
        assert (coupon.is_active, coupon.valid_until.year) == (False, 2026)

    def test_may_not_be_limited_to_less_than_its_uses(self, finance, coupon):
        Coupon.objects.update(uses=3)

        answer = finance.post(change_page(coupon), {**FILLED_IN, "max_uses": "2"})

        assert complaints(answer) == ["It has been used 3 times: the limit cannot be lower."]
        coupon.refresh_from_db()
        assert coupon.max_uses == 5

    def test_keeps_its_terms_when_its_only_order_is_over(self, finance, coupon, buyer, now):
        order = coupon.coupon_uses.get().order
        checkout.cancel_order(order_id=order.pk, buyer_id=buyer.pk, now=now)

        finance.post(change_page(coupon), {**FILLED_IN, "percent": "99"})

        coupon.refresh_from_db()
        assert coupon.percent == 10

    def test_lists_its_uses_a_page_at_a_time(self, finance, coupon, seller, gateway, now):
        Coupon.objects.update(max_uses=None)
        page = change_page(coupon)
        with CaptureQueriesContext(connection) as few:
            finance.get(page)
        for number in range(24):
            buyer = make_user(f"buyer{number}")
            make_order(
                buyer=buyer, notes=[make_note(seller=seller)], coupon_code=coupon.code, now=now
            )

        with CaptureQueriesContext(connection) as many:
            first = finance.get(page).content.decode()
        second = finance.get(f"{page}?coupon_uses-page=2").content.decode()

        assert [len(re.findall(r"buyer\d*@", page)) for page in (first, second)] == [20, 5]
        assert len(many) <= len(few)


class TestStaff:
    def test_of_finance_alone_change_coupons(self, finance):
        coupon = make_coupon()
        page = change_page(coupon)

        answers = {
            group: (desk.get(page).status_code, desk.post(page, FILLED_IN).status_code)
            for group, desk in {
                "Finance": finance,
                **{name: member_of(name) for name in ("Support", "Auditor", "Moderator")},
            }.items()
        }

        assert answers == {
            "Finance": (200, 302),
            "Support": (200, 403),
            "Auditor": (200, 403),
            "Moderator": (403, 403),
        }

    def test_delete_none(self, finance):
        coupon = make_coupon()
        url = reverse("admin:payments_coupon_delete", args=[coupon.pk])

        assert finance.post(url, {"post": "yes"}).status_code == 403
        assert Coupon.objects.exists()
