"""The promises about payouts and coupons hold for what the code does, and name what breaks one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from payments import escrow
from payments.invariants import findings, sellers
from payments.models import Coupon, Payout
from payments.payouts import request_payout
from payments.tests.factories import UPI, make_coupon, sell
from payments.tests.proving import unguarded, verify

pytestmark = pytest.mark.django_db(transaction=True)
AFTER_ESCROW = timedelta(days=8)


@pytest.fixture
def payout(buyer, note, gateway, now, run_jobs):
    """Asked for by the seller of a note, which was sold for a coupon."""
    type(note).objects.update(price_paise=90_000)
    coupon = make_coupon()
    sell(buyer=buyer, notes=[note], gateway=gateway, now=now, coupon_code=coupon.code)
    run_jobs()
    later = now + AFTER_ESCROW
    escrow.release_batch(now=later)
    return request_payout(seller_id=note.seller_id, amount_paise=25_000, destination=UPI, now=later)


def pay_by_hand(payout):
    Payout.objects.update(state="rejected")
    return payout.pk


def take_from_nobody(payout):
    unguarded(
        "UPDATE payments_ledgertransaction SET subject_id = gen_random_uuid()"
        " WHERE kind = 'payout_requested'"
    )
    return payout.pk


def miscount_a_coupon(payout):
    Coupon.objects.update(uses=F("uses") + 1)
    return Coupon.objects.get().pk


PLANTED = [
    (pay_by_hand, "Every payout is in transit until it is paid or rejected"),
    (take_from_nobody, "Every payout is in transit until it is paid or rejected"),
    (miscount_a_coupon, "Every coupon counts its uses, and no more than it may have"),
]


class TestThePromises:
    def test_hold_for_a_payout_of_what_a_coupon_left(self, payout):
        code, out = verify()

        assert code == 0, out

    @pytest.mark.parametrize(("plant", "about"), PLANTED)
    def test_name_the_row_that_breaks_one(self, payout, plant, about):
        row_id = plant(payout)

        broken = {check.about: list(findings(check)) for check in sellers.CHECKS}

        assert [row.row_id for row in broken.pop(about)] == [str(row_id)]
        assert not any(broken.values())

    def test_can_be_found_by_every_check(self):
        assert {about for _, about in PLANTED} == {check.about for check in sellers.CHECKS}
