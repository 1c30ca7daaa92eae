"""News of disputes and refunds in every order: the books end as the facts are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import Alert
from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments import disputes, refunds
from payments.gateways.base import GatewayDispute, GatewayUnavailable
from payments.models import Dispute, Payment
from payments.states import DISPUTE_MOVES, LIVE_DISPUTE
from payments.tests.disputing import Trouble, books
from payments.tests.test_disputes import SOLD, sell

pytestmark = pytest.mark.django_db

PHASES = ("created", "under_review", "action_required")


@pytest.fixture
def trouble(buyer, note, gateway, now):
    return sell(buyer, [note], gateway, now)


def snapshot(heard, phase):
    """The dispute as an event of that phase shows it."""
    status = {"created": "open", "action_required": "open"}.get(phase, phase)
    return replace(heard, status=status, deducted_paise=9900 if phase == "lost" else 0)


class TestTheEventsOfOneDispute:
    ENDS = {
        "won": (SOLD, "won", 0, 1),
        "closed": (SOLD, "closed", 0, 1),
        "lost": ({}, "lost", 9900, 0),
    }

    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
    def test_in_any_order_and_twice_end_alike(self, order, end, trouble, seller, gateway):
        heard = trouble.open()
        gateway.move_dispute(heard.id, end)
        phases = (*PHASES, end)

        for number in (*order, *reversed(order)):
            trouble.tell(snapshot(heard, phases[number]), phases[number])

        accounts, state, held, accesses = self.ENDS[end]
        dispute = trouble.dispute
        assert (dispute.state, dispute.held_paise) == (state, held)
        assert books(seller) == accounts
        assert trouble.payment.disputed_paise == held
        assert NoteAccess.objects.filter(revoked_at=None).count() == accesses
        assert dispute.moves.filter(new=end).count() == 1
        for move in dispute.moves.all():
            assert move.new in DISPUTE_MOVES[move.old]


class TestALossThatDoesNotSayWhatItCost:
    def unknown(self):
        return Alert.objects.filter(kind="payments.dispute_amount_unknown", severity="high")

    def test_is_asked_for(self, trouble, gateway, seller):
        heard = trouble.open()
        trouble.tell(heard)
        moved = gateway.move_dispute(heard.id, "lost", deducted_paise=5900)

        trouble.tell(replace(moved, deducted_paise=0), "lost")

        dispute = trouble.dispute
        assert (dispute.state, dispute.deducted_paise, dispute.held_paise) == ("lost", 5900, 5900)
        assert trouble.payment.disputed_paise == 5900
        assert not self.unknown().exists()

    def test_there_either_costs_all_of_it_until_staff_have_looked(self, trouble, seller):
        heard = trouble.open(5900)
        trouble.tell(heard)

        trouble.decide(heard, "lost", deducted_paise=0)

        dispute = trouble.dispute
        assert (dispute.state, dispute.deducted_paise, dispute.held_paise) == ("lost", 5900, 5900)
        assert trouble.payment.disputed_paise == 5900
        assert "₹59.00" in self.unknown().get().message

    def test_of_a_dispute_that_the_gateway_does_not_show_costs_all_of_it(self, trouble, seller):
        heard = replace(trouble.open(), id="disp_AAAAAAAAAAAAAA")
        trouble.tell(heard)

        trouble.tell(replace(heard, status="lost"), "lost")

        assert (trouble.dispute.state, books(seller)) == ("lost", {})
        assert self.unknown().count() == 1

    def test_found_by_asking_costs_all_of_it(self, trouble, gateway, seller, now):
        heard = trouble.open()
        trouble.tell(heard)
        gateway.move_dispute(heard.id, "lost", deducted_paise=0)

        disputes.ask_for_dispute(dispute_id=trouble.dispute.pk, now=now)

        assert (trouble.dispute.deducted_paise, books(seller)) == (9900, {})
        assert self.unknown().count() == 1

    def test_moves_nothing_while_the_gateway_is_down(self, trouble, gateway, seller):
        heard = trouble.open()
        trouble.tell(heard)
        before = books(seller)
        gateway.is_down = True

        with pytest.raises(GatewayUnavailable):
            trouble.tell(replace(heard, status="lost"), "lost")

        assert (trouble.dispute.state, books(seller)) == ("open", before)


class TestOldNews:
    def test_of_a_dispute_that_is_over_there_is_asked_for(self, trouble, gateway, seller):
        heard = trouble.open()
        gateway.move_dispute(heard.id, "lost")

        trouble.tell(heard, "created", late=True)

        assert trouble.dispute.state == "lost"
        assert books(seller) == {}

    def test_that_the_gateway_no_longer_shows_is_believed(self, trouble):
        heard = replace(trouble.open(), id="disp_AAAAAAAAAAAAAA")

        trouble.tell(heard, "created", late=True)

        assert trouble.dispute.state == "open"

    @pytest.mark.parametrize("phase", ["created", "under_review"])
    def test_changes_nothing_that_went_on(self, phase, trouble, gateway):
        heard = trouble.open()
        trouble.tell(heard)
        trouble.tell(gateway.move_dispute(heard.id, "under_review"), "under_review")
        asked = gateway.move_dispute(heard.id, "open")
        trouble.tell(asked, "action_required")

        trouble.tell(snapshot(heard, phase), phase)

        assert trouble.dispute.state == "action_required"
        assert trouble.dispute.moves.count() == 2

    def test_that_contradicts_a_decision_is_for_staff(self, trouble, gateway, seller):
        heard = trouble.open()
        trouble.tell(heard)
        trouble.decide(heard, "won")

        trouble.tell(gateway.move_dispute(heard.id, "lost"), "lost")

        assert (trouble.dispute.state, books(seller)) == ("won", SOLD)
        alert = Alert.objects.get(kind="payments.dispute_decided_twice")
        assert alert.severity == "critical"

    def test_may_bring_a_new_deadline_and_a_new_warning(self, trouble, gateway):
        heard = trouble.open()
        trouble.tell(heard)
        Dispute.objects.update(warned_h=24)
        later = replace(heard, respond_by=heard.respond_by + timedelta(days=5))

        disputes.look_at(heard=later, source="test", now=trouble.now)

        assert (trouble.dispute.respond_by, trouble.dispute.warned_h) == (later.respond_by, 0)


# A refund made by hand, of 4000 paise or of all; a bank may return it.
REFUNDS = {
    "none": [],
    "part": [("refund", 4000)],
    "all": [("refund", 9900)],
    "returned": [("refund", 9900), ("return", 9900)],
}
DISPUTES = {
    "won": [("created", 0), ("won", 0)],
    "lost": [("created", 0), ("lost", 9900)],
    "lost in part": [("created", 0), ("lost", 5900)],
    "lost at first news": [("lost", 9900)],
    "open": [("created", 0)],
}


def interleavings(first, second):
    if not first or not second:
        return [[*first, *second]]
    return [
        *([first[0], *rest] for rest in interleavings(first[1:], second)),
        *([second[0], *rest] for rest in interleavings(first, second[1:])),
    ]


CASES = [
    (dispute, refund, number, order)
    for dispute, of_dispute in DISPUTES.items()
    for refund, of_refund in REFUNDS.items()
    for number, order in enumerate(interleavings(of_dispute, of_refund))
]


def expected(dispute, refund):
    """The books as the facts are: nothing of the way by which they were learnt, but for the
    paisa by which an even tax is rounded each time."""
    refunded = {"part": 4000, "all": 9900}.get(refund, 0)
    deducted = dict(DISPUTES[dispute]).get("lost", 0)
    held = 9900 - refunded if dispute == "open" else 0
    kept = max(0, 9900 - refunded - deducted - held)
    shares = {9900: (8415, 1259, 226), 5900: (5015, 750, 135), 4000: (3400, 509, 91), 0: (0, 0, 0)}
    share, commission, tax = shares[kept]
    # What was taken beyond the sale is the house's loss.
    beyond = max(0, refunded + deducted - 9900)
    accounts = {
        "gateway_clearing": -(9900 - refunded - deducted),
        "seller_pending": share,
        "platform_commission": commission - beyond,
        "tax_payable": tax,
        "dispute_holds": held,
    }
    return {kind: paise for kind, paise in accounts.items() if paise}


class TestRefundsAndADispute:
    @pytest.mark.parametrize(
        ("dispute", "refund", "number", "order"),
        CASES,
        ids=[f"{a}, {b} {c}" for a, b, c, _ in CASES],
    )
    def test_in_any_order_take_the_money_once(
        self, dispute, refund, number, order, trouble, seller, gateway
    ):
        heard, made = trouble.open(), None

        for step, amount in order:
            if step == "refund":
                made = trouble.refund_by_hand(amount)
            elif step == "return":
                failed = replace(made, status="failed")
                refunds.take_in_refund(reply=failed, source="test", now=trouble.now)
            elif step == "lost":
                trouble.decide(heard, "lost", deducted_paise=amount)
            elif step == "won":
                trouble.decide(heard, "won")
            else:
                trouble.tell(heard)

        payment = trouble.payment
        found, wanted = books(seller), expected(dispute, refund)
        rounding = found.get("tax_payable", 0) - wanted.get("tax_payable", 0)
        wanted["tax_payable"] = wanted.get("tax_payable", 0) + rounding
        wanted["platform_commission"] = wanted.get("platform_commission", 0) - rounding
        assert found == {kind: paise for kind, paise in wanted.items() if paise}
        assert abs(rounding) <= 1
        assert payment.given_back_paise + payment.disputed_paise <= 9900
        assert payment.disputed_paise == trouble.dispute.held_paise
        is_gone = payment.given_back_paise + payment.disputed_paise == 9900 and dispute != "open"
        whole = refund == "all" or is_gone
        assert NoteAccess.objects.filter(revoked_at=None).count() == (0 if whole else 1)


@dataclass
class Drama:
    """What may happen to one disputed payment, each act at any time."""

    trouble: Trouble
    heard: GatewayDispute
    amount: int
    deducted: int

    def decide(self, end):
        gateway = self.trouble.gateway
        if gateway.get_dispute(self.heard.id).status not in ("won", "lost"):
            gateway.move_dispute(self.heard.id, end, deducted_paise=self.deducted)
        there = gateway.get_dispute(self.heard.id)
        self.trouble.tell(there, there.status)

    def win(self):
        self.decide("won")

    def lose(self):
        self.decide("lost")

    def tell_of_creation(self):
        self.trouble.tell(self.heard)

    def tell_late_of_creation(self):
        self.trouble.tell(self.heard, "created", late=True)

    def tell_of_review(self):
        self.trouble.tell(snapshot(self.heard, "under_review"), "under_review")

    def tell_of_a_question(self):
        self.trouble.tell(self.heard, "action_required")

    def poll(self):
        there = self.trouble.gateway.get_dispute(self.heard.id)
        disputes.look_at(heard=there, source="poll", now=self.trouble.now)

    def refund_by_hand(self):
        if self.trouble.payment.given_back_paise + self.amount <= 9900:
            self.trouble.refund_by_hand(self.amount)

    def refund(self):
        payment = self.trouble.payment
        free = 9900 - payment.given_back_paise - payment.disputed_paise
        is_live = payment.disputes.filter(state__in=LIVE_DISPUTE).exists()
        if self.amount <= free and not is_live:
            refunds.give_back(
                payment=payment, amount_paise=self.amount, why="test", now=self.trouble.now
            )

    def send(self):
        for refund in self.trouble.payment.refunds.filter(state="requested"):
            refunds.send_refund(refund_id=refund.pk, now=self.trouble.now)

    def return_all(self):
        for refund in self.trouble.payment.refunds.all():
            refunds.fail_refund(refund_id=refund.pk, why="returned", now=self.trouble.now)


ACTS = (
    Drama.win,
    Drama.lose,
    Drama.tell_of_creation,
    Drama.tell_late_of_creation,
    Drama.tell_of_review,
    Drama.tell_of_a_question,
    Drama.poll,
    Drama.refund_by_hand,
    Drama.refund,
    Drama.send,
    Drama.return_all,
)


class TestWhateverHappens:
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        acts=st.lists(st.sampled_from(ACTS), max_size=10),
        amount=st.integers(100, 9900),
        deducted=st.integers(0, 12_000),
    )
    def test_the_books_and_the_rows_agree(self, acts, amount, deducted, gateway, now, db):
        seller = make_user(f"seller{Payment.objects.count()}", is_seller=True)
        buyer = make_user(f"buyer{Payment.objects.count()}")
        trouble = sell(buyer, [make_note(seller=seller)], gateway, now)
        before = books()
        drama = Drama(trouble, trouble.open(), amount, deducted)

        for act in acts:
            act(drama)

        payment = trouble.payment
        held = [row for row in payment.disputes.all() if row.state in (*LIVE_DISPUTE, "lost")]
        live = [row.held_paise for row in held if row.state in LIVE_DISPUTE]
        after = books()
        item = payment.order.items.get()
        left = item.seller_share_paise - item.reversed_share_paise
        assert payment.disputed_paise == sum(row.held_paise for row in held)
        assert after.get("dispute_holds", 0) - before.get("dispute_holds", 0) == sum(live)
        assert books(seller).get("seller_pending", 0) == left >= 0
        assert item.reversed_paise == sum(
            row.amount_paise for row in item.reversals.filter(undone_at=None)
        )
        owed = payment.refunds.filter(state__in=["requested", "pending"])
        assert after.get("refunds_payable", 0) - before.get("refunds_payable", 0) == sum(
            owed.values_list("amount_paise", flat=True)
        )
