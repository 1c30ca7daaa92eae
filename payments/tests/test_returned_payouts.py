"""A payout that was paid, and that the seller's bank sent back."""

from __future__ import annotations

import pytest

from notevault.accounts.tests.factories import make_user
from payments import payouts
from payments.ledger.balances import balance_paise, balances_of
from payments.models import LedgerTransaction, Payout
from payments.selling import dashboard, statement
from payments.states import AccountKind
from payments.tests.factories import make_payout

pytestmark = pytest.mark.django_db

UTR = "HDFCN52026112712"
WHY = "The account is frozen."


@pytest.fixture
def staff(db):
    return make_user("finance", is_staff=True)


@pytest.fixture
def paid(seller, staff, now):
    payout = make_payout(seller, now=now)
    payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)
    payouts.make_batch(payout_ids=[payout.pk], actor_id=staff.pk, now=now)
    payout.refresh_from_db()
    line = f"reference,utr,status,reason\n{payout.reference},{UTR},paid,"
    payouts.apply_answers(payouts.read_answers(line.encode()), actor_id=staff.pk, now=now)
    payout.refresh_from_db()
    return payout


def give_back(payout, staff, now):
    return payouts.return_payout(payout_id=payout.pk, why=WHY, actor_id=staff.pk, now=now)


def held(seller):
    balances = balances_of(seller.pk)
    return balances["seller_available"], balances["payouts_in_transit"]


def paid_out(seller, now):
    found = dashboard.dashboard(seller_id=seller.pk, days=7, now=now)
    return found["balances"]["paid_out_paise"]


class TestAReturnedPayout:
    def test_is_in_the_sellers_balance_again(self, paid, seller, staff, now):
        before = held(seller), balance_paise(kind=AccountKind.BANK)

        give_back(paid, staff, now)

        assert before == ((0, 0), paid.amount_paise)
        assert (held(seller), balance_paise(kind=AccountKind.BANK)) == ((paid.amount_paise, 0), 0)

    def test_keeps_the_transfer_that_was_made(self, paid, staff, now):
        give_back(paid, staff, now)

        paid.refresh_from_db()
        assert (paid.state, paid.utr, paid.paid_at) == ("returned", UTR, now)
        assert paid.refused_why == WHY

    def test_is_no_longer_counted_as_paid_out(self, paid, seller, staff, now):
        before = paid_out(seller, now)

        give_back(paid, staff, now)

        after = paid_out(seller, now)
        assert (before, after) == (paid.amount_paise, 0)

    def test_reads_as_such_in_the_ledger_of_the_seller(self):
        said = statement.describe("payout_returned", title=None, amount_paise=25_000)

        assert said == "Payout of ₹250.00 sent back by your bank"

    def test_is_told_to_the_seller(self, paid, staff, now, run_jobs, mailoutbox):
        run_jobs()
        mailoutbox.clear()

        give_back(paid, staff, now)
        run_jobs()

        [letter] = mailoutbox
        assert letter.subject == "Payout of ₹250.00 came back"
        assert WHY in letter.body
        assert UTR in letter.body

    def test_may_be_asked_for_anew(self, paid, seller, staff, now):
        give_back(paid, staff, now)

        anew = payouts.request_payout(
            seller_id=seller.pk,
            amount_paise=paid.amount_paise,
            destination=payouts.Destination(upi_id="asha@okaxis"),
            now=now,
        )

        assert (anew.state, held(seller)) == ("requested", (0, paid.amount_paise))


class TestARefusedReturn:
    def test_of_one_that_has_come_back_already_moves_nothing(self, paid, seller, staff, now):
        give_back(paid, staff, now)

        with pytest.raises(payouts.PayoutMoveRefused, match="It is returned"):
            give_back(paid, staff, now)

        assert held(seller) == (paid.amount_paise, 0)
        assert LedgerTransaction.objects.filter(kind="payout_returned").count() == 1

    def test_of_one_that_was_not_paid_moves_nothing(self, seller, staff, now):
        payout = make_payout(seller, now=now)

        with pytest.raises(payouts.PayoutMoveRefused, match="It is requested"):
            give_back(payout, staff, now)

        assert held(seller) == (0, payout.amount_paise)

    def test_of_ones_own_moves_nothing(self, paid, seller, now):
        with pytest.raises(payouts.OwnPayout):
            give_back(paid, seller, now)

        assert Payout.objects.get().state == "paid"
