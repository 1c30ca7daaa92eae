"""The promises about payouts and coupons hold for what the code does, and name what breaks one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F

from notevault.accounts.tests.factories import make_user
from notevault.kit.ids import uuid7
from payments import escrow
from payments.invariants import findings, sellers
from payments.ledger.posting import Leg, Posting, post
from payments.models import Coupon, LedgerTransaction, Payout, PayoutBatch
from payments.payouts import request_payout
from payments.states import AccountKind, TransactionKind
from payments.tests.factories import UPI, make_coupon, sell
from payments.tests.proving import unguarded, verify

pytestmark = pytest.mark.django_db(transaction=True)
AFTER_ESCROW = timedelta(days=8)
OF_A_PAYOUT = "What the ledger has of a payout is that payout's amount, out of its seller's account"


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


IN_TRANSIT = "Every payout is in transit until it is paid or rejected, and is back when it returned"


def pay_by_hand(payout):
    Payout.objects.update(state="rejected")
    return payout.pk


def take_from_nobody(payout):
    unguarded(
        "UPDATE payments_ledgertransaction SET subject_id = gen_random_uuid()"
        " WHERE kind = 'payout_requested'"
    )
    return payout.pk


def write(kind, subject_id, seller_id, paise, at):
    """A posting as somebody may write it by hand: it sums to zero, and that is all."""
    legs = [
        Leg(AccountKind.PAYOUTS_IN_TRANSIT, -paise, owner_id=seller_id),
        Leg(AccountKind.BANK, paise),
    ]
    with transaction.atomic():
        post([Posting(kind, subject_id, legs)], now=at)
    return LedgerTransaction.objects.get(kind=kind, subject_id=subject_id).pk


def pay_for_no_payout(payout):
    seller, paise = payout.seller_id, payout.amount_paise
    return write(TransactionKind.PAYOUT_PAID, uuid7(), seller, paise, payout.created_at)


def pay_from_another_seller(payout):
    other = make_user("another-seller").pk
    paise = payout.amount_paise
    return write(TransactionKind.PAYOUT_PAID, payout.pk, other, paise, payout.created_at)


def pay_a_paisa_more(payout):
    at, paise = payout.created_at, payout.amount_paise
    batch = PayoutBatch.objects.create(format="upi", made_at=at, count=1, sum_paise=paise)
    Payout.objects.update(state="paid", utr="432109876543", paid_at=at, batch=batch)
    paid = write(TransactionKind.PAYOUT_PAID, payout.pk, payout.seller_id, paise, at)
    unguarded(
        "UPDATE payments_ledgerentry SET amount_paise = amount_paise + 1 WHERE account_id IN"
        " (SELECT id FROM payments_ledgeraccount WHERE kind = 'bank')"
    )
    return paid


def miscount_a_coupon(payout):
    Coupon.objects.update(uses=F("uses") + 1)
    return Coupon.objects.get().pk


PLANTED = [
    (
        pay_by_hand,
        IN_TRANSIT,
    ),
    (
        take_from_nobody,
        IN_TRANSIT,
    ),
    (pay_for_no_payout, OF_A_PAYOUT),
    (pay_from_another_seller, OF_A_PAYOUT),
    (pay_a_paisa_more, OF_A_PAYOUT),
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
        assert plant is take_from_nobody or not any(broken.values())

    def test_can_be_found_by_every_check(self):
        assert {about for _, about in PLANTED} == {check.about for check in sellers.CHECKS}
