"""Books opened late: a shop that is older than its ledger gets the one it would have had."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from notes.tests.factories import make_note
from payments import invariants, opening, refunds
from payments.models import LedgerAccount, LedgerEntry, OrderItem, Payment, Reversal
from payments.settlement import accept_quarantined, settle_payment
from payments.tests.factories import make_order, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(buyer, seller, gateway, now, run_jobs):
    """All that could happen: sold, paid twice, returned, in quarantine, accepted, free, open."""

    def order(*prices):
        notes = [make_note(seller=seller, price_paise=price) for price in prices]
        return make_order(buyer=buyer, notes=notes, now=now)

    def settle(order, **known):
        paid = told(gateway.pay(order.gateway_order_id), fee_paise=234, **known)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
        return Payment.objects.get(gateway_payment_id=paid.id)

    twice = order(9900)
    for _ in range(2):
        settle(twice)
    returned, halved = settle(order(9900)), settle(order(9900, 4900))
    for payment, amount in ((returned, 9900), (halved, 2500)):
        give_back(payment, amount, now)
    settled = settle(order(4900))
    Payment.objects.filter(pk=settled.pk).update(settlement_id="setl_1", settlement_utr="U1")
    for accepted in (True, False):
        strange = order(9900)
        held = gateway.pay(strange.gateway_order_id, amount_paise=9800)
        settle_payment(order_id=strange.pk, payment=held, source="test", now=now)
        if accepted:
            payment = Payment.objects.get(gateway_payment_id=held.id)
            accept_quarantined(payment_id=payment.pk, actor_id=seller.pk, now=now)
    order(0)
    order(14900)
    run_jobs()


def give_back(payment, amount_paise, now):
    with transaction.atomic():
        refunds.give_back(payment=payment, amount_paise=amount_paise, why="test", now=now)


def forget_the_ledger():
    """As it was before there was one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE payments_ledgerentry, payments_ledgertransaction, payments_ledgeraccount"
        )
    Reversal.objects.all().delete()
    OrderItem.objects.update(
        tax_paise=0, release_at=None, reversed_paise=0, reversed_share_paise=0, reversed_tax_paise=0
    )


def balances():
    return {
        (kind, owner): paise
        for kind, owner, paise in LedgerAccount.objects.values_list(
            "kind", "owner_id", "balance_paise"
        )
        if paise
    }


def broken():
    return [c.about for c in invariants.CHECKS if next(invariants.findings(c), None)]


def open_books(*options):
    out = StringIO()
    call_command("open_books", *options, stdout=out)
    return out.getvalue()


class TestOpenedBooks:
    def test_are_those_that_would_have_been_kept(self, shop):
        kept, tax = balances(), list(OrderItem.objects.order_by("pk").values_list("tax_paise"))
        settled = {("gateway_clearing", None): 4666, ("bank", None): -4666}
        forget_the_ledger()

        open_books()

        assert broken() == []
        opened = balances()
        assert {place: opened[place] - kept.get(place, 0) for place in settled} == settled
        assert {p: v for p, v in opened.items() if p not in settled} == {
            p: v for p, v in kept.items() if p not in settled
        }
        assert list(OrderItem.objects.order_by("pk").values_list("tax_paise")) == tax

    def test_are_opened_once(self, shop):
        forget_the_ledger()
        open_books()
        entries = LedgerEntry.objects.count()

        said = open_books()

        assert said.startswith("0 orders are older than the ledger, with 0 payments of ₹0.00.")
        assert LedgerEntry.objects.count() == entries

    def test_leave_the_books_of_today_alone(self, shop):
        entries = LedgerEntry.objects.count()
        Payment.objects.update(settlement_id="")

        open_books()

        assert LedgerEntry.objects.count() == entries
        assert broken() == []

    def test_take_up_a_sale_whose_refund_was_posted_meanwhile(
        self, buyer, note, gateway, now, run_jobs
    ):
        order = make_order(buyer=buyer, notes=[note], now=now)
        paid = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
        forget_the_ledger()
        give_back(Payment.objects.get(), 4000, now)
        run_jobs()

        open_books()

        assert broken() == []

    def test_are_only_counted_in_a_dry_run(self, shop):
        forget_the_ledger()

        said = open_books("--dry-run")

        assert "with 7 payments of" in said
        assert "nothing was changed" in said
        assert LedgerEntry.objects.count() == 0


class TestBooksThatWereNotOpened:
    def test_are_what_the_proof_tells_to_open(self, shop):
        forget_the_ledger()
        out = StringIO()

        with pytest.raises(SystemExit):
            call_command("verify_ledger", stdout=out, no_color=True)

        assert "run manage.py open_books" in out.getvalue()
        assert opening.count_unopened().orders == 8
