"""Staff who sell notes: others pay them, they do not pay themselves."""

from __future__ import annotations

import pytest

from notevault.accounts.tests.factories import make_user
from notevault.kit.problems import CATALOGUE
from payments import payouts
from payments.ledger.balances import balances_of
from payments.models import Payout
from payments.payouts.bank_files import read_answers
from payments.states import PayoutState
from payments.tests.factories import make_payout

pytestmark = pytest.mark.django_db

UTR = "HDFCN52026112712"


@pytest.fixture
def colleague(db):
    return make_user("finance", is_staff=True)


@pytest.fixture
def own(seller, now):
    return make_payout(seller, now=now)


@pytest.fixture
def bring(own, colleague, now):
    """The payout in a state that a colleague brought it to."""
    by = {"actor_id": colleague.pk, "now": now}

    def bring(state):
        if state != PayoutState.REQUESTED:
            payouts.approve_payout(payout_id=own.pk, **by)
        if state in (PayoutState.EXPORTED, PayoutState.FAILED):
            payouts.make_batch(payout_ids=[own.pk], **by)
        if state == PayoutState.FAILED:
            payouts.fail_payout(payout_id=own.pk, why="Account closed.", **by)

    return bring


def stands(payout):
    """Its state, its history and its seller's money."""
    payout.refresh_from_db()
    return payout.state, payout.moves.count(), balances_of(payout.seller_id)


class TestOnesOwnPayout:
    @pytest.mark.parametrize(
        ("state", "decide", "reason"),
        [
            (PayoutState.REQUESTED, payouts.approve_payout, {}),
            (PayoutState.REQUESTED, payouts.reject_payout, {"why": "no"}),
            (PayoutState.EXPORTED, payouts.fail_payout, {"why": "no"}),
            (PayoutState.FAILED, payouts.retry_payout, {}),
            (PayoutState.FAILED, payouts.reject_payout, {"why": "no"}),
        ],
        ids=["approve", "reject", "fail", "retry", "reject-failed"],
    )
    def test_is_not_decided_on(self, own, bring, seller, now, state, decide, reason):
        bring(state)
        before = stands(own)

        with pytest.raises(payouts.OwnPayout) as refusal:
            decide(payout_id=own.pk, actor_id=seller.pk, now=now, **reason)

        assert CATALOGUE[refusal.value.code].status == 403
        assert stands(own) == before

    def test_is_not_exported(self, own, bring, seller, now):
        bring(PayoutState.APPROVED)
        before = stands(own)

        with pytest.raises(payouts.OwnPayout):
            payouts.make_batch(payout_ids=[own.pk], actor_id=seller.pk, now=now)

        assert stands(own) == before

    def test_is_left_out_of_the_file_with_those_of_others(self, own, bring, seller, colleague, now):
        bring(PayoutState.APPROVED)
        other = make_payout(make_user("another"), now=now)
        payouts.approve_payout(payout_id=other.pk, actor_id=colleague.pk, now=now)

        batch = payouts.make_batch(payout_ids=[own.pk, other.pk], actor_id=seller.pk, now=now)

        assert list(batch.payouts.all()) == [other]
        assert stands(own)[0] == "approved"

    @pytest.mark.parametrize("line", [f"{UTR},paid", ",failed"])
    def test_is_not_answered_for_the_bank(self, own, bring, seller, now, line):
        bring(PayoutState.EXPORTED)
        given = read_answers(f"reference,utr,status\n{own.reference},{line}\n".encode())
        before = stands(own)

        seen = payouts.preview_answers(given, actor_id=seller.pk)
        done = payouts.apply_answers(given, actor_id=seller.pk, now=now)

        sentence = "You cannot decide on a payout of your own."
        for [verdict] in (seen, done):
            assert (verdict.result, verdict.sentence) == ("refused", sentence)
        assert stands(own) == before

    def test_is_paid_by_a_colleague(self, own, bring, colleague, now):
        bring(PayoutState.EXPORTED)
        given = read_answers(f"reference,utr,status\n{own.reference},{UTR},paid\n".encode())

        payouts.apply_answers(given, actor_id=colleague.pk, now=now)

        assert Payout.objects.get().state == "paid"
