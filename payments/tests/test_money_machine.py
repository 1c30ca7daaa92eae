"""Any sequence of sales, refunds, disputes, escrow, payouts, coupons and time; and after each
step every promise about money holds, to the paisa."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from notevault.kit import clock
from notevault.kit.errors import DomainError
from payments import checkout, escrow, invariants, refunds, sweepers
from payments.disputes import news
from payments.gateways.base import GatewayPayment, GatewayRefund, GatewayRejected
from payments.gateways.memory import MemoryGateway
from payments.models import (
    Coupon,
    LedgerAccount,
    Order,
    OrderItem,
    Payment,
    Payout,
    Refund,
    RefundRequest,
)
from payments.payouts import answers, batches, decisions
from payments.payouts.bank_files import Answer
from payments.payouts.requests import Destination, request_payout
from payments.refund_requests import asking, deciding
from payments.settlement import settle_payment
from payments.states import Reason

pytestmark = pytest.mark.django_db

PRICES = (100, 999, 9900, 45_050, 250_000)
ANY = st.integers(0, 10_000)
PART = st.integers(1, 100)
YES_OR_NO = st.booleans()
CARTS = st.sets(st.sampled_from(range(len(PRICES))), min_size=1)
PAYOUT_DECISIONS = ("approve", "export", "paid", "failed", "retry", "reject", "return")
# The refusals of a shop that works. What else is raised is a bug, and ends the run.
REFUSALS = (DomainError, refunds.PaymentNotKnownYet, refunds.RefundsOverlap)


class FickleGateway(MemoryGateway):
    """It may refuse refunds, or take its time for them."""

    mood = "willing"

    def refund_payment(
        self, payment_id: str, *, amount_paise: int, idempotency_key: str
    ) -> GatewayRefund:
        if self.mood == "refuses" and idempotency_key not in self._keys:
            raise GatewayRejected("Your account does not have enough balance")
        made = super().refund_payment(
            payment_id, amount_paise=amount_paise, idempotency_key=idempotency_key
        )
        return self.show(made.id, "pending") if self.mood == "slow" else made

    def show(self, refund_id: str, status: str) -> GatewayRefund:
        self._refunds[refund_id] = replace(self._refunds[refund_id], status=status)
        return self._refunds[refund_id]

    def return_refund(self, refund_id: str) -> GatewayRefund:
        """The buyer's bank does not take it; the money is with the merchant again."""
        made = self._refunds[refund_id]
        payment = self._payments[made.payment_id]
        back = payment.refunded_paise - made.amount_paise
        self._payments[payment.id] = replace(payment, refunded_paise=back, status="captured")
        return self.show(refund_id, "failed")


class MoneyMachine(RuleBasedStateMachine):
    """`gateway`, `run_jobs` and the moment it begins at are given by the test."""

    gateway: FickleGateway
    run_jobs: Any
    begins_at: datetime

    # The world

    @initialize()
    def open_shop(self) -> None:
        self.empty = transaction.savepoint()
        self.traveller = time_machine.travel(self.begins_at, tick=False)
        self.traveller.start()
        self.gateway.__init__()  # type: ignore[misc]  # nothing of the run before
        self.gateway.mood = "willing"
        sellers = [make_user(f"seller{number}", is_seller=True) for number in range(2)]
        self.buyers = [make_user(f"buyer{number}") for number in range(2)]
        self.staff = [make_user(f"staff{number}", is_staff=True) for number in range(2)]
        self.sellers = sellers
        self.notes = [
            make_note(seller=sellers[place % 2], price_paise=price)
            for place, price in enumerate(PRICES)
        ]
        Coupon.objects.create(
            code="HALF-OFF",
            percent=50,
            max_discount_paise=20_000,
            max_uses=2,
            max_uses_per_user=1,
            valid_from=clock.now(),
        )
        self.buy(0, {1, 2, 3}, coupon=False)

    def teardown(self) -> None:
        if hasattr(self, "empty"):
            self.traveller.stop()
            transaction.set_rollback(False)
            transaction.savepoint_rollback(self.empty)

    def pick(self, rows: Any, place: int) -> Any:
        """One of them, or nothing when there is none."""
        found = list(rows.order_by("pk") if hasattr(rows, "order_by") else rows)
        return found[place % len(found)] if found else None

    # Sales

    @rule(buyer=ANY, notes=CARTS, coupon=YES_OR_NO)
    def buy(self, buyer: int, notes: set[int], coupon: bool) -> None:
        before = Order.objects.count()
        self.order(buyer, notes, coupon)
        made = Order.objects.order_by("pk").last()
        if Order.objects.count() > before and made is not None and made.gateway_order_id:
            self.settle(self.gateway.pay(made.gateway_order_id))

    @rule(buyer=ANY, notes=CARTS, coupon=YES_OR_NO)
    def order(self, buyer: int, notes: set[int], coupon: bool) -> None:
        with suppress(*REFUSALS):
            checkout.start_checkout(
                buyer_id=self.pick(self.buyers, buyer).pk,
                note_ids=[self.notes[place].pk for place in notes],
                coupon_code="HALF-OFF" if coupon else None,
                now=clock.now(),
            )

    @rule(order=ANY, fee=st.sampled_from((None, 0, 2)), heard=st.booleans())
    def pay(self, order: int, fee: int | None, heard: bool) -> None:
        row = self.pick(Order.objects.exclude(gateway_order_id=None), order)
        if row is not None:
            paid = self.gateway.pay(row.gateway_order_id)
            fee_paise = None if fee is None else paid.amount_paise * fee // 100
            self.gateway._payments[paid.id] = replace(paid, fee_paise=fee_paise)
            if heard:
                self.settle(self.gateway._payments[paid.id])

    @rule(payment=ANY, off=st.sampled_from((-50, 0, 0, 70)))
    def hear_of_payment(self, payment: int, off: int) -> None:
        told = self.pick(list(self.gateway._payments.values()), payment)
        if told is not None:
            is_first = not Payment.objects.filter(gateway_payment_id=told.id).exists()
            if is_first and off:
                told = replace(told, amount_paise=told.amount_paise + off)
                self.gateway._payments[told.id] = told
            self.settle(told)

    def settle(self, told: GatewayPayment) -> None:
        order = Order.objects.get(gateway_order_id=told.order_id)
        settle_payment(order_id=order.pk, payment=told, source="test", now=clock.now())

    @rule(order=ANY)
    def cancel(self, order: int) -> None:
        row = self.pick(Order.objects.all(), order)
        if row is not None:
            with suppress(*REFUSALS):
                checkout.cancel_order(order_id=row.pk, buyer_id=row.buyer_id, now=clock.now())

    @rule(payment=ANY, accept=YES_OR_NO)
    def decide_quarantine(self, payment: int, accept: bool) -> None:
        from payments.settlement import accept_quarantined

        row = self.pick(Payment.objects.all(), payment)
        if row is not None:
            decide = accept_quarantined if accept else refunds.give_back_rest
            with suppress(*REFUSALS):
                decide(payment_id=row.pk, actor_id=self.staff[0].pk, now=clock.now())

    # Refunds

    @rule(item=ANY, part=PART, reason=st.sampled_from(list(Reason)), in_part=YES_OR_NO)
    def ask_for_refund(self, item: int, part: int, reason: Reason, in_part: bool) -> None:
        line = self.pick(OrderItem.objects.exclude(outcome="pending"), item)
        if line is not None:
            with suppress(*REFUSALS):
                asking.ask(
                    order_id=line.order_id,
                    buyer_id=line.buyer_id,
                    wanted={line.note_id: line.paid_paise * part // 100 if in_part else None},
                    reason=reason,
                    comment="",
                    now=clock.now(),
                )

    @rule(item=ANY, part=PART, staff=ANY)
    def ask_for_buyer(self, item: int, part: int, staff: int) -> None:
        line = self.pick(OrderItem.objects.exclude(outcome="pending"), item)
        if line is not None:
            with suppress(*REFUSALS):
                asking.ask_for_buyer(
                    order_id=line.order_id,
                    staff_id=self.pick(self.staff, staff).pk,
                    wanted={line.pk: line.paid_paise * part // 100},
                    reason=Reason.OTHER,
                    comment="",
                    now=clock.now(),
                    request_id=uuid4(),
                )

    @rule(request=ANY, staff=ANY, decision=st.sampled_from(("approve", "reject", "retry")))
    def decide_refund(self, request: int, staff: int, decision: str) -> None:
        row = self.pick(RefundRequest.objects.all(), request)
        if row is not None:
            decide = getattr(deciding, f"{decision}_request")
            why = {"why": "no"} if decision == "reject" else {}
            with suppress(*REFUSALS):
                decide(
                    request_id=row.pk,
                    staff_id=self.pick(self.staff, staff).pk,
                    now=clock.now(),
                    **why,
                )

    @rule(mood=st.sampled_from(("willing", "willing", "refuses", "slow")))
    def change_mood_of_gateway(self, mood: str) -> None:
        self.gateway.mood = mood

    @rule()
    def work_off_the_queue(self) -> None:
        self.run_jobs()

    @rule(refund=ANY, status=st.sampled_from(("processed", "failed")))
    def decide_slow_refund(self, refund: int, status: str) -> None:
        pending = [r for r in self.gateway._refunds.values() if r.status == "pending"]
        made = self.pick(pending, refund)
        if made is not None:
            if status == "failed":
                reply = self.gateway.return_refund(made.id)
            else:
                reply = self.gateway.show(made.id, status)
            self.hear_of_refund(reply)

    @rule(refund=ANY)
    def return_refund(self, refund: int) -> None:
        done = Refund.objects.filter(state="processed").values_list("gateway_refund_id", flat=True)
        made = self.pick([r for r in self.gateway._refunds.values() if r.id in set(done)], refund)
        if made is not None:
            self.hear_of_refund(self.gateway.return_refund(made.id))

    @rule(payment=ANY, part=PART)
    def refund_in_dashboard(self, payment: int, part: int) -> None:
        paid = self.pick([p for p in self.gateway._payments.values() if p.is_captured], payment)
        if paid is not None and self.gateway.mood != "refuses":
            with suppress(GatewayRejected):
                made = self.gateway.refund_payment(
                    paid.id,
                    amount_paise=paid.amount_paise * part // 100,
                    idempotency_key=uuid4().hex,
                )
                self.gateway._refunds[made.id] = made = replace(made, receipt="")
                self.hear_of_refund(made)

    def hear_of_refund(self, reply: GatewayRefund) -> None:
        with suppress(*REFUSALS):
            refunds.take_in_refund(reply=reply, source="test", now=clock.now())

    # Disputes

    @rule(payment=ANY, part=PART)
    def dispute(self, payment: int, part: int) -> None:
        paid = self.pick([p for p in self.gateway._payments.values() if p.is_captured], payment)
        if paid is not None:
            amount = max(1, paid.amount_paise * part // 100)
            made = self.gateway.dispute(paid.id, amount_paise=amount)
            with suppress(*REFUSALS):
                news.look_at(heard=made, source="test", now=clock.now())

    @rule(dispute=ANY, status=st.sampled_from(("under_review", "won", "lost", "lost", "closed")))
    def move_dispute(self, dispute: int, status: str) -> None:
        live = [d for d in self.gateway._disputes.values() if d.status in ("open", "under_review")]
        found = self.pick(live, dispute)
        if found is not None:
            moved = self.gateway.move_dispute(found.id, status)
            with suppress(*REFUSALS):
                news.look_at(heard=moved, source="test", now=clock.now())

    # Time, escrow and payouts

    @rule(hours=st.sampled_from((1, 12, 49, 169)))
    def let_time_pass(self, hours: int) -> None:
        later = clock.now() + timedelta(hours=hours)
        self.traveller.stop()
        self.traveller = time_machine.travel(later, tick=False)
        self.traveller.start()

    @rule(seller=ANY, part=PART)
    def ask_for_payout(self, seller: int, part: int) -> None:
        owner = self.pick(self.sellers, seller)
        available = LedgerAccount.objects.filter(owner=owner, kind="seller_available").first()
        if available is not None:
            with suppress(*REFUSALS):
                request_payout(
                    seller_id=owner.pk,
                    amount_paise=available.balance_paise * part // 100,
                    destination=Destination(upi_id="seller@okbank"),
                    now=clock.now(),
                )

    @rule(
        payout=ANY,
        decision=st.sampled_from(PAYOUT_DECISIONS),
    )
    def decide_payout(self, payout: int, decision: str) -> None:
        row = self.pick(Payout.objects.all(), payout)
        if row is not None:
            with suppress(*REFUSALS):
                self.take_to_bank(row, decision)

    def take_to_bank(self, payout: Payout, decision: str) -> None:
        by = {"actor_id": self.staff[0].pk, "now": clock.now()}
        if decision == "export":
            batches.make_batch(payout_ids=[payout.pk], **by)
        elif decision in ("paid", "failed"):
            utr = f"UTR{payout.pk.int % 10**12:012d}"
            answer = Answer(line=1, name=str(payout.pk), status=decision, utr=utr, reason="closed")
            answers.apply_answers([answer], **by)
        elif decision in ("reject", "return"):
            getattr(decisions, f"{decision}_payout")(payout_id=payout.pk, why="no", **by)
        else:
            getattr(decisions, f"{decision}_payout")(payout_id=payout.pk, **by)

    @rule()
    def sweep(self) -> None:
        for name in sweepers.SWEEPERS:
            for swept in sweepers.sweep(name, now=clock.now()):
                assert not swept.outcome.startswith("failed:"), swept
        for _ in escrow.release_due(now=clock.now()):
            pass

    # The promises

    @invariant()
    def every_promise_holds(self) -> None:
        with connection.cursor() as cursor:
            # What a commit would check.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        broken = [
            (check.about, finding.what)
            for check in invariants.CHECKS
            for finding in invariants.findings(check)
        ]
        assert broken == []

    @invariant()
    def buyer_seller_platform_tax_and_gateway_sum_to_nothing(self) -> None:
        assert not LedgerAccount.objects.aggregate(sum=Sum("balance_paise"))["sum"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, run_jobs: Any, now: datetime) -> Iterator[type]:
    from payments import gateways

    twin = FickleGateway()
    gateways.get_gateway.cache_clear()
    monkeypatch.setattr(gateways, "import_string", lambda _: lambda: twin)
    yield type(
        "Machine",
        (MoneyMachine,),
        {"gateway": twin, "run_jobs": staticmethod(run_jobs), "begins_at": now},
    )
    gateways.get_gateway.cache_clear()


def live(machine: type, *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class TestAnySequence:
    def test_of_a_few_steps_keeps_every_promise(self, machine):
        live(machine, examples=12, steps=30)

    @pytest.mark.full
    @pytest.mark.timeout(1800)
    def test_of_many_steps_keeps_every_promise(self, machine):
        live(machine, examples=150, steps=60)
