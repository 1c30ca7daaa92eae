"""The ledger at the staff's desk: "where is my money?" is answered to the paisa."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from notevault.accounts.tests.factories import make_user
from payments.models import LedgerTransaction, Order, Payment, Payout, PayoutBatch
from payments.refunds import give_back
from payments.settlement import settle_payment
from payments.tests.factories import make_order, make_payout, told
from payments.tests.test_disputes import sell

pytestmark = pytest.mark.django_db
PAGES = reverse("admin:payments_ledgertransaction_changelist")


def desk_of(group):
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def desk():
    return desk_of("Finance")


@pytest.fixture
def payment(buyer, note, gateway, now, run_jobs):
    """Refunded in part, among another sale."""
    for person in (buyer, make_user("other")):
        order = make_order(buyer=person, notes=[note], now=now)
        paid = told(gateway.pay(order.gateway_order_id), fee_paise=234)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    payment = Payment.objects.get(order__buyer=buyer)
    give_back(payment=payment, amount_paise=2500, why="test", now=now)
    run_jobs()
    return payment


@pytest.fixture
def trouble(buyer, note, gateway, now):
    return sell(buyer, [note], gateway, now)


def found(desk, text):
    page = desk.get(PAGES, {"q": text})
    return sorted(row.kind for row in page.context["cl"].result_list)


ALL = ["gateway_fee", "refund_owed", "refund_processed", "sale"]


class TestWhereIsMyMoney:
    @pytest.mark.parametrize(
        "name",
        [lambda p: p.order_id, lambda p: p.gateway_payment_id, lambda p: p.order.gateway_order_id],
    )
    def test_is_answered_with_every_transaction_of_the_order(self, desk, payment, name):
        assert found(desk, str(name(payment))) == ALL

    def test_is_answered_for_a_payment_or_a_refund_alone(self, desk, payment):
        refund = payment.refunds.get()

        assert found(desk, str(payment.pk)) == ["gateway_fee", "sale"]
        assert found(desk, str(refund.pk)) == ["refund_owed", "refund_processed"]
        assert found(desk, str(refund.gateway_refund_id)) == ["refund_owed", "refund_processed"]

    def test_is_answered_for_a_dispute_by_its_name_at_the_gateway(self, desk, trouble):
        trouble.tell(trouble.open())

        assert found(desk, trouble.dispute.gateway_dispute_id) == ["dispute_held"]

    def test_is_answered_for_a_payout_by_its_references(self, desk, seller, now):
        payout = make_payout(seller, now=now)
        make_payout(seller, now=now)

        for name in (payout.reference, payout.reference.lower(), payout.code, f"{payout.code}02"):
            assert found(desk, name) == ["payout_requested"]

    def test_is_answered_for_a_payout_by_its_utr(self, desk, seller, now):
        payout = make_payout(seller, now=now)
        batch = PayoutBatch.objects.create(
            format="upi", made_at=now, count=1, sum_paise=payout.amount_paise, content=""
        )
        Payout.objects.update(state="paid", utr="HDFCN52026112712", paid_at=now, batch=batch)

        assert found(desk, "HDFCN52026112712") == ["payout_requested"]

    def test_is_answered_with_nothing_for_what_nobody_knows(self, desk, payment):
        assert found(desk, "pay_unknown") == []

    def test_shows_each_entry_with_the_balance_after_it(self, desk, payment):
        sale = LedgerTransaction.objects.get(subject_id=payment.pk, kind="sale")

        page = desk.get(reverse("admin:payments_ledgertransaction_change", args=[sale.pk]))

        assert "seller_pending" in page.content.decode()
        for amount in ("-₹99.00", "₹84.15", "₹12.59", "₹2.26"):
            assert amount in page.content.decode()

    def test_costs_as_many_queries_for_many_transactions(
        self, desk, payment, django_assert_max_num_queries
    ):
        with django_assert_max_num_queries(14):
            desk.get(PAGES)


class TestAnOrder:
    def page(self, desk, order):
        url = reverse("admin:payments_order_change", args=[order.pk])
        return desk.get(url).content.decode()

    def test_links_to_its_transactions(self, desk, payment):
        assert f"{PAGES}?q={payment.order_id}" in self.page(desk, payment.order)

    def test_does_not_for_those_who_may_not_see_them(self, payment):
        page = self.page(desk_of("Support"), payment.order)

        assert str(payment.order_id) in page
        assert PAGES not in page


class TestTheLedger:
    def test_is_changed_by_nobody(self, desk, payment):
        before = list(LedgerTransaction.objects.values())
        sale = LedgerTransaction.objects.filter(kind="sale").first()

        for verb in ("change", "delete"):
            url = reverse(f"admin:payments_ledgertransaction_{verb}", args=[sale.pk])
            assert desk.post(url, {"post": "yes", "why": "x"}).status_code == 403

        assert list(LedgerTransaction.objects.values()) == before
        assert Order.objects.count() == 2
