"""Each check of the ledger holds for what the code does, and finds and names what somebody
has planted who got around the triggers."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from notes.tests.factories import make_note
from payments import refunds, reversals
from payments.gateways.base import GatewayRefund
from payments.invariants import accounts, books, returns
from payments.ledger import journal
from payments.ledger.posting import Leg, Posting, post
from payments.models import (
    Dispute,
    LedgerEntry,
    LedgerTransaction,
    Order,
    OrderItem,
    Payment,
    Refund,
    RefundRequest,
)
from payments.settlement import settle_payment
from payments.states import AccountKind, TransactionKind
from payments.tests.factories import make_order, told
from payments.tests.proving import broken, sql, unguarded, verify

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books_of_a_shop(buyer, seller, gateway, now, run_jobs):
    """One order paid twice and refunded in part, and one whose buyer went to the bank."""
    for price in (9900, 9900, 4900):
        order = make_order(
            buyer=buyer, notes=[make_note(seller=seller, price_paise=price)], now=now
        )
        paid = told(gateway.pay(order.gateway_order_id), fee_paise=234)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    again = gateway.pay(order.gateway_order_id)
    settle_payment(order_id=order.pk, payment=again, source="test", now=now)
    refunded, disputed = Payment.objects.filter(amount_paise=9900).order_by("pk")
    with transaction.atomic():
        refunds.give_back(payment=refunded, amount_paise=2500, why="test", now=now)
        hold(disputed, now)
    run_jobs()
    assert verify()[0] == 0


def hold(payment, now):
    dispute = Dispute.objects.create(
        payment=payment,
        gateway_dispute_id="disp_1",
        amount_paise=5000,
        held_paise=5000,
        created_at=now,
    )
    lines = {payment.order.items.get().pk: 5000}
    held = reversals.reverse_lines(lines=lines, dispute=dispute, now=now)
    Payment.objects.filter(pk=payment.pk).update(disputed_paise=5000)
    journal.record_dispute_held(dispute=dispute, payment=payment, reversals=held, now=now)


def the_settling_payment():
    return Payment.objects.filter(settles=True).order_by("pk").first()


def add_a_paisa():
    return unguarded(
        "UPDATE payments_ledgerentry SET amount_paise = amount_paise + 1"
        " WHERE id = (SELECT min(id) FROM payments_ledgerentry) RETURNING transaction_id"
    )


def lose_the_entries():
    transaction_id = LedgerEntry.objects.order_by("pk").last().transaction_id
    unguarded(f"DELETE FROM payments_ledgerentry WHERE transaction_id = '{transaction_id}'")
    return transaction_id


def change_the_currency():
    return unguarded(
        "UPDATE payments_ledgertransaction SET currency = 'USD' WHERE id = (SELECT transaction_id"
        " FROM payments_ledgerentry ORDER BY id LIMIT 1) RETURNING id"
    )


def write_a_balance():
    return unguarded(
        "UPDATE payments_ledgeraccount SET balance_paise = balance_paise + 1"
        " WHERE kind = 'tax_payable' RETURNING id"
    )


def earn_from_nothing():
    write_a_balance()
    return "INR"


def rewrite_an_old_balance():
    return unguarded(
        "UPDATE payments_ledgerentry SET balance_after_paise = 7"
        " WHERE id = (SELECT min(id) FROM payments_ledgerentry) RETURNING id"
    )


def call_a_sale_an_acceptance():
    return unguarded(
        "UPDATE payments_ledgertransaction SET kind = 'acceptance' WHERE id = (SELECT id FROM"
        " payments_ledgertransaction WHERE kind = 'sale' ORDER BY id LIMIT 1) RETURNING subject_id"
    )


def change_the_fee():
    payment = the_settling_payment()
    Payment.objects.filter(pk=payment.pk).update(fee_paise=1)
    return payment.pk


def settle_unheard():
    payment = the_settling_payment()
    Payment.objects.filter(pk=payment.pk).update(settlement_id="setl_1")
    return payment.pk


def settle_a_dispute_unheard():
    dispute = Dispute.objects.get()
    Dispute.objects.update(settlement_id="setl_1")
    return dispute.pk


def settle_out_of_the_fees():
    payment = the_settling_payment()
    legs = [Leg(AccountKind.GATEWAY_FEES, 100), Leg(AccountKind.BANK, -100)]
    settled = Posting(TransactionKind.SETTLED, payment.pk, legs, order_id=payment.order_id)
    with transaction.atomic():
        post([settled], now=payment.created_at)
    return LedgerTransaction.objects.get(kind=TransactionKind.SETTLED).pk


def release_a_line_by_hand():
    return sql(
        "UPDATE payments_orderitem SET released_at = now()"
        " WHERE id = (SELECT id FROM payments_orderitem ORDER BY id LIMIT 1) RETURNING id"
    )


def forget_whose_line_it_was():
    return unguarded(
        "UPDATE payments_ledgerentry SET item_id = NULL WHERE id = (SELECT min(id)"
        " FROM payments_ledgerentry WHERE item_id IS NOT NULL) RETURNING id"
    )


def lower_the_tax():
    item = OrderItem.objects.order_by("pk").first()
    OrderItem.objects.filter(pk=item.pk).update(tax_paise=item.tax_paise - 1)
    return item.order_id


def speak_of_nothing():
    return unguarded(
        "UPDATE payments_ledgertransaction SET subject_id = gen_random_uuid()"
        " WHERE kind = 'dispute_held' RETURNING id"
    )


def name_another_order():
    other = Order.objects.order_by("pk").last()
    return unguarded(
        f"UPDATE payments_ledgertransaction SET order_id = '{other.pk}'"
        " WHERE kind = 'dispute_held' RETURNING id"
    )


def miscount_refunds():
    payment = Payment.objects.get(settles=False)
    Payment.objects.filter(pk=payment.pk).update(given_back_paise=100)
    return payment.pk


def miscount_disputes():
    payment = Dispute.objects.get().payment
    Payment.objects.filter(pk=payment.pk).update(disputed_paise=4999)
    return payment.pk


def miscount_a_line():
    item = OrderItem.objects.order_by("pk").first()
    OrderItem.objects.filter(pk=item.pk).update(reversed_share_paise=1)
    return item.pk


def fail_a_refund_by_hand():
    refund = Refund.objects.filter(reversals__isnull=False).get()
    Refund.objects.filter(pk=refund.pk).update(state="failed")
    return refund.reversals.get().pk


def recall_a_refund():
    refund = Refund.objects.filter(reversals__isnull=False).get()
    Refund.objects.filter(pk=refund.pk).update(state="pending")
    return refund.pk


def win_by_hand():
    dispute = Dispute.objects.get()
    Dispute.objects.update(state="won")
    return dispute.pk


def owe_what_is_paid():
    payment = Payment.objects.get(settles=False)
    payment.refunds.update(state="pending")
    return payment.pk


def approve_without_a_refund():
    payment = the_settling_payment()
    request = RefundRequest.objects.create(
        order=payment.order,
        buyer=payment.order.buyer,
        asked_by=payment.order.buyer,
        state="approved",
        reason="other",
        amount_paise=2500,
        created_at=payment.created_at,
    )
    return request.pk


PLANTED = [
    (approve_without_a_refund, "Every refund request that was approved has its refund"),
    (add_a_paisa, "Every transaction sums to zero in its currency"),
    (lose_the_entries, "Every transaction sums to zero in its currency"),
    (change_the_currency, "Every transaction sums to zero in its currency"),
    (write_a_balance, "Every account's balance is the sum of its entries"),
    (rewrite_an_old_balance, "Every entry goes on from the balance before it"),
    (earn_from_nothing, "Buyer, seller, platform, tax and gateway sum to zero"),
    (
        call_a_sale_an_acceptance,
        "Every captured payment is in the ledger once, with its amount",
    ),
    (change_the_fee, "What the gateway has paid out and kept of a payment is in the ledger"),
    (settle_unheard, "What reached the bank account is in the ledger once its settlement is known"),
    (
        settle_a_dispute_unheard,
        "What reached the bank account is in the ledger once its settlement is known",
    ),
    (
        settle_out_of_the_fees,
        "What is settled moves between the gateway and the bank account alone",
    ),
    (release_a_line_by_hand, "Every line's share is in its seller's account"),
    (
        forget_whose_line_it_was,
        "What moves in a seller's account names its line, or is a payout",
    ),
    (lower_the_tax, "The tax of every order is in the ledger"),
    (speak_of_nothing, "Every transaction is about a row that exists, and names its order"),
    (name_another_order, "Every transaction is about a row that exists, and names its order"),
    (miscount_refunds, "Refunds are counted, and never above the capture"),
    (miscount_disputes, "Disputes are counted as long as they are not won"),
    (miscount_a_line, "Every line counts what was taken back from it"),
    (
        fail_a_refund_by_hand,
        "No line gives for a refund that failed or a dispute that was won",
    ),
    (recall_a_refund, "Every refund took from its lines, and left once it was processed"),
    (win_by_hand, "Every dispute holds its money until it is decided"),
    (
        owe_what_is_paid,
        "What is owed to the buyer of a payment is in the ledger, and not below zero",
    ),
]
GUARDS = "The triggers that guard the ledger and the documents are in place"


class TestAPlantedFault:
    @pytest.mark.parametrize(("plant", "about"), PLANTED, ids=[p.__name__ for p, _ in PLANTED])
    def test_is_found_and_its_row_named(self, books_of_a_shop, plant, about):
        row_id = plant()

        code, out = verify()

        assert code == 1
        assert broken(out)[about].startswith(f"{row_id}: ")

    def test_can_be_found_by_every_check(self):
        found = {about for _, about in PLANTED} | {GUARDS}
        checks = (*accounts.CHECKS, *books.CHECKS, *returns.CHECKS)

        assert found == {check.about for check in checks}


def triggers():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgrelid::regclass::text ~ '^payments_(ledger|invoice)' AND NOT tgisinternal"
        )
        return dict(cursor.fetchall())


class TestAGuardOfTheLedger:
    def test_that_is_switched_off_is_missed(self, db):
        for name, table in triggers().items():
            sql(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
            try:
                _code, out = verify()
            finally:
                sql(f"ALTER TABLE {table} ENABLE TRIGGER {name}")

            assert broken(out) == {GUARDS: f"{name}: trigger {name} of {table} is disabled"}
        assert len(triggers()) == 10

    def test_that_is_dropped_is_missed(self, db):
        sql("ALTER TRIGGER entries_stay ON payments_ledgerentry RENAME TO entries_go")
        try:
            _code, out = verify()
        finally:
            sql("ALTER TRIGGER entries_go ON payments_ledgerentry RENAME TO entries_stay")

        assert broken(out)[GUARDS].endswith("trigger entries_stay of payments_ledgerentry is gone")

    @pytest.mark.parametrize("table", ["payments_ledgerentry", "payments_ledgertransaction"])
    def test_refuses_to_empty_the_ledger_of_a_shop(self, table, books_of_a_shop):
        """Not that of a test: its database says so by its name, which is hidden here."""
        before = LedgerEntry.objects.count()

        with pytest.raises(IntegrityError, match="TRUNCATE refused"), transaction.atomic():
            sql("CREATE SCHEMA shop")
            sql(
                "CREATE FUNCTION shop.current_database() RETURNS name LANGUAGE sql"
                " AS $$ SELECT 'notevault'::name $$"
            )
            sql("SET LOCAL search_path = shop, pg_catalog, public")
            sql(f"TRUNCATE {table} CASCADE")

        assert LedgerEntry.objects.count() == before > 0


class TestARefundThatIsHeardOfBeforeItsPayment:
    def test_is_taken_from_the_lines_once_they_are_sold(self, buyer, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)
        paid = gateway.pay(order.gateway_order_id)
        held = told(paid, status="authorized", is_captured=False)
        settle_payment(order_id=order.pk, payment=held, source="test", now=now)
        reply = GatewayRefund("rfnd_1", paid.id, 4000, "INR", "processed", "")
        refunds.take_in_refund(reply=reply, source="test", now=now)

        news = told(paid, refunded_paise=4000)
        settle_payment(order_id=order.pk, payment=news, source="test", now=now)

        order.refresh_from_db()
        assert order.state == "partially_refunded"
        assert [row.amount_paise for row in Refund.objects.get().reversals.all()] == [4000]
        assert broken(verify()[1]) == {}
