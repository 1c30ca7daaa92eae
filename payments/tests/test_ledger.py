"""What each event of a sale and its refunds moves in the ledger, to the paisa.

The note of the tests costs 9900 paise and has few pages: commission 1485, of which 226 are
GST, and 8415 for the seller.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from notes.models import NoteAccess
from notes.tests.factories import make_note
from payments import refunds, reversals
from payments.ledger.balances import balance_paise, balances_of
from payments.ledger.posting import Leg, Posting, Unbalanced, post
from payments.models import LedgerAccount, LedgerEntry, LedgerTransaction, Payment, Refund
from payments.settlement import accept_quarantined, settle_payment
from payments.states import AccountKind, TransactionKind
from payments.tests.factories import make_order, told

pytestmark = pytest.mark.django_db


def balances():
    """Of every account that is not empty, by kind."""
    rows = LedgerAccount.objects.exclude(balance_paise=0).values_list("kind", "balance_paise")
    return dict(rows)


SOLD = {
    "gateway_clearing": -9900,
    "seller_pending": 8415,
    "platform_commission": 1259,
    "tax_payable": 226,
}


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


@pytest.fixture
def payment(order, gateway, now):
    settle(order, gateway.pay(order.gateway_order_id), now)
    return Payment.objects.get()


def settle(order, paid, now):
    return settle_payment(order_id=order.pk, payment=paid, source="test", now=now)


def refund(payment, amount_paise, now, run_jobs, **options):
    made = refunds.give_back(
        payment=payment, amount_paise=amount_paise, why="test", now=now, **options
    )
    run_jobs()
    return made


class TestASale:
    def test_is_shared_between_seller_house_and_tax(self, payment):
        assert balances() == SOLD

    def test_that_is_heard_of_again_moves_nothing(self, payment, order, gateway, now):
        settle(order, gateway.get_payment(payment.gateway_payment_id), now)

        assert balances() == SOLD
        assert LedgerTransaction.objects.count() == 1

    def test_says_what_the_gateway_keeps(self, order, gateway, now):
        settle(order, told(gateway.pay(order.gateway_order_id), fee_paise=234), now)

        assert balances() == {**SOLD, "gateway_clearing": -9666, "gateway_fees": -234}

    def test_of_a_note_that_is_owned_already_is_owed_back(
        self, buyer, seller, order, gateway, now, run_jobs
    ):
        other = make_order(buyer=buyer, notes=[make_note(seller=seller)], now=now)
        NoteAccess.objects.create(
            note=order.items.get().note, buyer=buyer, reference=other.pk, granted_at=now
        )

        settle(order, gateway.pay(order.gateway_order_id), now)

        assert balances() == {"gateway_clearing": -9900, "refunds_payable": 9900}
        run_jobs()
        assert balances() == {}

    def test_paid_twice_owes_the_second_payment_from_the_start(self, order, gateway, now, run_jobs):
        settle(order, gateway.pay(order.gateway_order_id), now)

        settle(order, gateway.pay(order.gateway_order_id), now)

        assert balances() == {**SOLD, "gateway_clearing": -19800, "refunds_payable": 9900}
        run_jobs()
        assert balances() == SOLD


class TestAPaymentInQuarantine:
    @pytest.fixture
    def quarantined(self, order, gateway, now):
        settle(order, told(gateway.pay(order.gateway_order_id), amount_paise=10_000), now)
        return Payment.objects.get(state="quarantined")

    def test_is_owed_to_its_buyer(self, quarantined):
        assert balances() == {"gateway_clearing": -10_000, "refunds_payable": 10_000}

    def test_that_is_accepted_is_a_sale_and_still_owes_what_was_too_much(
        self, quarantined, moderator, now
    ):
        accept_quarantined(payment_id=quarantined.pk, actor_id=moderator.pk, now=now)

        assert balances() == {**SOLD, "gateway_clearing": -10_000, "refunds_payable": 100}

    def test_that_is_too_little_and_accepted_costs_the_house(self, order, gateway, moderator, now):
        settle(order, told(gateway.pay(order.gateway_order_id), amount_paise=9000), now)

        accept_quarantined(payment_id=Payment.objects.get().pk, actor_id=moderator.pk, now=now)

        assert balances() == {**SOLD, "gateway_clearing": -9000, "platform_commission": 359}


class TestARefund:
    def test_of_the_whole_takes_back_what_each_had(self, payment, now, run_jobs):
        refund(payment, 9900, now, lambda: None)
        assert balances() == {"gateway_clearing": -9900, "refunds_payable": 9900}

        run_jobs()

        assert balances() == {}
        assert NoteAccess.objects.filter(revoked_at=None).count() == 0

    def test_of_a_part_takes_back_a_part_of_each_and_leaves_the_access(
        self, payment, now, run_jobs
    ):
        refund(payment, 3300, now, run_jobs)

        assert balances() == {
            "gateway_clearing": -6600,
            "seller_pending": 8415 - 2805,
            "platform_commission": 1259 - 419,
            "tax_payable": 226 - 76,  # 75 cannot be halved into CGST and SGST
        }
        assert NoteAccess.objects.filter(revoked_at=None).count() == 1

    def test_in_three_parts_leaves_nothing_behind(self, payment, now, run_jobs):
        for part in (3301, 101, 6498):
            refund(Payment.objects.get(), part, now, run_jobs)

        assert balances() == {}
        assert NoteAccess.objects.filter(revoked_at=None).count() == 0
        assert payment.order.items.get().outcome == "given_back"

    def test_after_the_escrow_is_taken_from_what_the_seller_has(
        self, payment, seller, now, run_jobs
    ):
        payment.order.items.update(released_at=now)

        refund(payment, 9900, now, run_jobs)

        assert balances_of(seller.pk) == {"seller_pending": 8415, "seller_available": -8415}

    def test_that_is_refused_gives_everything_back_to_the_line(self, payment, now):
        owed = refund(payment, 9900, now, lambda: None)

        refunds.fail_refund(refund_id=owed.pk, why="no balance", now=now)

        item = payment.order.items.get()
        assert balances() == SOLD
        assert (item.reversed_paise, item.reversed_share_paise, item.reversed_tax_paise) == (
            0,
            0,
            0,
        )

    def test_that_a_bank_returns_restores_the_access_and_the_sale(
        self, payment, order, now, run_jobs
    ):
        made = refund(payment, 9900, now, run_jobs)

        refunds.fail_refund(refund_id=made.pk, why="the account is closed", now=now)

        order.refresh_from_db()
        payment.refresh_from_db()
        assert balances() == SOLD
        assert (order.state, payment.state, payment.given_back_paise) == ("paid", "captured", 0)
        assert NoteAccess.objects.filter(revoked_at=None).count() == 1
        assert order.items.get().outcome == "granted"

    def test_that_goes_through_after_all_takes_it_again(self, payment, gateway, now, run_jobs):
        made = refund(payment, 9900, now, run_jobs)
        refunds.fail_refund(refund_id=made.pk, why="the account is closed", now=now)

        for reply in gateway.list_refunds(payment.gateway_payment_id):
            refunds.record_reply(refund_id=made.pk, reply=reply, now=now)

        assert Refund.objects.get().state == "processed"
        assert balances() == {}

    def test_of_one_line_of_two_leaves_the_other_its_money(
        self, buyer, seller, gateway, now, run_jobs
    ):
        notes = [make_note(seller=seller), make_note(seller=seller)]
        order = make_order(buyer=buyer, notes=notes, now=now)
        settle(order, gateway.pay(order.gateway_order_id), now)
        first, second = order.items.order_by("pk")

        refund(Payment.objects.get(), 9900, now, run_jobs, lines={first.pk: 9900})

        assert balances() == SOLD
        order.refresh_from_db()
        live = NoteAccess.objects.filter(revoked_at=None).values_list("reference", flat=True)
        assert (order.state, list(live)) == ("partially_refunded", [second.pk])

    def test_of_more_than_is_left_of_a_line_is_refused(self, payment, now):
        item = payment.order.items.get()

        with pytest.raises(reversals.LineExhausted), transaction.atomic():
            refunds.give_back(
                payment=payment, amount_paise=9900, why="test", now=now, lines={item.pk: 9901}
            )

        assert balances() == SOLD
        assert Refund.objects.count() == 0


class TestTheDatabase:
    def legs(self, *amounts):
        kinds = (AccountKind.GATEWAY_CLEARING, AccountKind.PLATFORM_COMMISSION)
        return [Leg(kind, amount) for kind, amount in zip(kinds, amounts, strict=True)]

    def run(self, sql):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)

    @pytest.mark.parametrize("table", ["payments_ledgerentry", "payments_ledgertransaction"])
    @pytest.mark.parametrize("sql", ["UPDATE {} SET at = now()", "DELETE FROM {}"])
    def test_refuses_to_change_or_delete_what_is_written(self, payment, table, sql):
        before = list(LedgerEntry.objects.order_by("pk").values())

        with pytest.raises(IntegrityError, match="never changed or deleted"):
            self.run(sql.format(table))

        assert list(LedgerEntry.objects.order_by("pk").values()) == before

    def test_refuses_a_balance_that_is_written_by_hand(self, payment):
        with pytest.raises(IntegrityError, match="never changed or deleted"):
            self.run("UPDATE payments_ledgeraccount SET balance_paise = 1000000")

        assert balances() == SOLD

    def test_keeps_the_balance_and_writes_it_beside_each_entry(self, payment, seller):
        entries = LedgerEntry.objects.filter(account__owner=seller)

        assert [(e.amount_paise, e.balance_after_paise) for e in entries] == [(8415, 8415)]
        assert LedgerEntry.objects.aggregate(sum=Sum("amount_paise"))["sum"] == 0

    def test_is_not_even_asked_for_what_does_not_sum_to_zero(self, payment, now):
        posting = Posting(TransactionKind.SETTLED, payment.pk, self.legs(-100, 99))

        with pytest.raises(Unbalanced):
            post([posting], now=now)

        assert balances() == SOLD


@pytest.mark.django_db(transaction=True)
class TestATransactionThatDoesNotSumToZero:
    SQL = """
    WITH made AS (
        INSERT INTO payments_ledgertransaction (id, kind, subject_id, currency, why, at)
        VALUES (gen_random_uuid(), 'settled', gen_random_uuid(), '{currency}', '', now())
        RETURNING id)
    INSERT INTO payments_ledgerentry (transaction_id, account_id, amount_paise, at)
    SELECT made.id, a.id, CASE a.kind WHEN 'tax_payable' THEN 226 ELSE {other} END, now()
    FROM made, payments_ledgeraccount a WHERE a.kind IN ('tax_payable', 'platform_commission')
    """

    def run(self, currency, other):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(self.SQL.format(currency=currency, other=other))

    @pytest.mark.parametrize(("currency", "other"), [("INR", -225), ("USD", -226)])
    def test_cannot_commit(self, payment, currency, other):
        with pytest.raises(IntegrityError, match="does not sum to zero"):
            self.run(currency, other)

        assert balances() == SOLD

    def test_commits_once_it_does(self, payment):
        self.run("INR", -226)

        assert balance_paise(kind=AccountKind.TAX_PAYABLE) == 452


class TestABalance:
    def test_is_one_query_by_its_index(self, payment, seller, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert balance_paise(kind=AccountKind.SELLER_PENDING, owner_id=seller.pk) == 8415

    def test_of_nobody_is_nothing(self, payment, buyer):
        assert balance_paise(kind=AccountKind.SELLER_PENDING, owner_id=buyer.pk) == 0


class TestTheEscrow:
    def test_begins_with_the_sale_and_lasts_a_week(self, payment, now):
        item = payment.order.items.get()

        assert (item.release_at, item.released_at) == (now + timedelta(days=7), None)
