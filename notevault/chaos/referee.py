"""Finds every payment, refund, access, event or job that broke a promise.

Pure: it compares the gateway's books with ours (see state.py) and touches neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from uuid import UUID

from notevault.chaos import after_sale, money_out
from notevault.chaos.findings import Finding, Harm
from notevault.chaos.state import OurPayment, State
from payments.gateways.base import GatewayPayment
from payments.states import EventState, OrderState, PaymentState, RefundState

RECEIPT = "nv_"
PAID = (OrderState.PAID, OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED)
CLOSED = (OrderState.EXPIRED, OrderState.CANCELLED, OrderState.FAILED)
OWED = (RefundState.REQUESTED, RefundState.PENDING)


def judge(state: State) -> list[Finding]:
    """All that is wrong; empty once the system has converged."""
    return [finding for rule in RULES for finding in rule(state)]


def captured_payments(state: State) -> Iterator[Finding]:
    """I1: each captured payment is access, or a refund, or quarantined by design."""
    for payment in state.gateway_payments:
        ours = state.payment_by_id.get(payment.id)
        if not payment.is_captured:
            yield from _never_captured(state, payment, ours)
        elif ours is None:
            order = state.order_by_gateway_id.get(payment.order_id)
            yield Finding(
                Harm.LOST, f"captured {payment.id} is not known here", order.id if order else None
            )
        elif ours.state == PaymentState.QUARANTINED:
            yield from _quarantined(state, payment, ours)
        else:
            yield from _accounted(state, payment, ours)


def _never_captured(
    state: State, payment: GatewayPayment, ours: OurPayment | None
) -> Iterator[Finding]:
    order = state.order_by_gateway_id.get(payment.order_id)
    if ours is not None and ours.settles:
        yield Finding(Harm.DOUBLED, f"{payment.id} settles, never captured", ours.order_id)
    if payment.status == "authorized" and order is not None and order.state not in PAID:
        yield Finding(Harm.STUCK, f"authorised {payment.id} is not captured", order.id)


def _quarantined(state: State, payment: GatewayPayment, ours: OurPayment) -> Iterator[Finding]:
    order = state.order_by_id[ours.order_id]
    if (payment.amount_paise, payment.currency) == (order.total_paise, order.currency):
        yield Finding(Harm.STUCK, f"{payment.id} is in quarantine and fits its order", order.id)


def _accounted(state: State, payment: GatewayPayment, ours: OurPayment) -> Iterator[Finding]:
    """What the buyer keeps, what came back and what disputes took add up to what was
    captured. A dispute may take what was refunded before it was heard of, and what is
    refunded in the dashboard nobody here can prevent: so of those only as much counts as
    the others leave."""
    amount, order_id = payment.amount_paise, ours.order_id
    made = state.gateway_refunds_of.get(payment.id, [])
    keys = {refund.key for refund in state.refunds_of.get(payment.id, [])}
    back = sum(refund.amount_paise for refund in made)
    back_by_us = sum(refund.amount_paise for refund in made if refund.receipt in keys)
    lost = min(state.lost_paise_of[payment.id], max(0, amount - back))
    kept = state.kept_paise_of[order_id] if ours.settles else 0
    what = f"{payment.id}: {amount} captured, {kept} kept, {back} back, {lost} lost in disputes"
    if ours.state not in (PaymentState.CAPTURED, PaymentState.REFUNDED):
        yield Finding(Harm.LOST, f"captured {payment.id} is {ours.state} here", order_id)
    elif kept + back + lost < amount:
        yield Finding(Harm.LOST, what, order_id)
    elif kept and (back + lost >= amount or kept + back_by_us + lost > amount):
        yield Finding(Harm.DOUBLED, what, order_id)
    elif back >= amount and ours.state != PaymentState.REFUNDED:
        yield Finding(Harm.STUCK, f"{payment.id} is refunded there, {ours.state} here", order_id)


def gateway_refunds(state: State) -> Iterator[Finding]:
    """I4: never above the capture, never two for one reason, none unknown here."""
    known = {refund.gateway_refund_id for refund in state.refunds}
    for payment in state.gateway_payments:
        ours = state.payment_by_id.get(payment.id)
        order_id = ours.order_id if ours else None
        made = state.gateway_refunds_of.get(payment.id, [])
        back = sum(refund.amount_paise for refund in made)
        if back > payment.amount_paise:
            yield Finding(
                Harm.DOUBLED, f"{payment.id}: {back} back of {payment.amount_paise}", order_id
            )
        receipts = Counter(refund.receipt for refund in made if refund.receipt)
        for receipt in (receipt for receipt, times in receipts.items() if times > 1):
            yield Finding(Harm.DOUBLED, f"{payment.id}: refund {receipt} made twice", order_id)
        for refund in made:
            if payment.is_captured and refund.id not in known:
                yield Finding(Harm.LOST, f"{refund.id} of {payment.id} unknown here", order_id)


def our_refunds(state: State) -> Iterator[Finding]:
    """None is owed any more, those done were made, and there is one for one reason.

    One that failed is no finding of its own: its money is, unless it went back otherwise.
    """
    made = {refund.id for refund in state.gateway_refunds if refund.status != "failed"}
    ours = {refund.id for refund in state.gateway_refunds if refund.receipt and refund.id in made}
    for payment_id, refunds in state.refunds_of.items():
        order_id = state.payment_by_id[payment_id].order_id
        for refund in refunds:
            if refund.state in OWED:
                yield Finding(Harm.STUCK, f"refund of {payment_id} is {refund.state}", order_id)
            elif refund.state == RefundState.PROCESSED and refund.gateway_refund_id not in made:
                yield Finding(Harm.LOST, f"refund of {payment_id} is not at the gateway", order_id)
        asked = Counter((r.why, r.request_id) for r in refunds if r.gateway_refund_id in ours)
        for (why, _), times in asked.items():
            if times > 1:
                yield Finding(Harm.DOUBLED, f"{payment_id} refunded twice: {why}", order_id)


def accesses(state: State) -> Iterator[Finding]:
    """I2: one live access per buyer and note, none without money, none whose price has
    gone back."""
    pairs = Counter((access.buyer_id, access.note_id) for access in state.accesses)
    captured = {payment.id for payment in state.gateway_payments if payment.is_captured}
    paid_for = {p.order_id for p in state.payments if p.settles and p.id in captured}
    order_of = {line.id: line.order_id for line in state.lines}
    paid = {line.id: line.paid_paise for line in state.lines}
    for access in state.accesses:
        order_id = order_of.get(access.line_id)
        if pairs[access.buyer_id, access.note_id] > 1:
            yield Finding(Harm.DOUBLED, f"two live accesses to note {access.note_id}", order_id)
        if state.returned_paise_of[access.line_id] >= (paid.get(access.line_id) or 1):
            yield Finding(Harm.DOUBLED, f"access to {access.note_id}, which went back", order_id)
        order = state.order_by_id.get(order_id) if order_id else None
        is_free = order is not None and order.total_paise == 0
        if order_id not in paid_for and not is_free:
            yield Finding(Harm.DOUBLED, f"access to {access.note_id} without money", order_id)


def gateway_orders(state: State) -> Iterator[Finding]:
    """One gateway order for one of ours, and each knows the other."""
    times = Counter(order.receipt for order in state.gateway_orders)
    ours = {f"{RECEIPT}{order.id.hex}": order for order in state.orders}
    for theirs in state.gateway_orders:
        order = ours.get(theirs.receipt)
        if order is None:
            yield Finding(Harm.LOST, f"{theirs.id} ({theirs.receipt}) has no order here")
        elif times[theirs.receipt] > 1:
            yield Finding(Harm.DOUBLED, f"{theirs.id} is one of two gateway orders", order.id)
        elif order.gateway_order_id is None:
            if order.state in CLOSED and not theirs.amount_paid_paise:
                continue  # nobody was ever told its id, so nobody can pay it
            yield Finding(Harm.STUCK, f"{order.state} order does not know {theirs.id}", order.id)
        elif order.gateway_order_id != theirs.id:
            yield Finding(Harm.DOUBLED, f"{theirs.id} is not its gateway order", order.id)


def promises(state: State) -> Iterator[Finding]:
    """What somebody was told is kept, whatever was killed afterwards."""
    by_id = {str(order.id): order for order in state.orders}
    for order_id in sorted(state.promises.orders - by_id.keys()):
        yield Finding(Harm.LOST, "an order that was answered is gone", UUID(order_id))
    for what, told, rows in (
        ("refund request", state.promises.requests, state.requests),
        ("payout", state.promises.payouts, state.payouts),
    ):
        for row_id in sorted(told - {str(row.id) for row in rows}):
            yield Finding(Harm.LOST, f"{what} {row_id} that was answered is gone")
    for order_id in sorted(state.promises.paid & by_id.keys()):
        order = by_id[order_id]
        if order.state not in PAID:
            yield Finding(Harm.LOST, f"an order answered as paid is {order.state}", order.id)


def events(state: State) -> Iterator[Finding]:
    """I5: what was acknowledged is here; what is here is done, or buried in the open."""
    here = {event.event_id for event in state.events}
    for event in state.gateway_events:
        if event.is_acknowledged and event.id not in here:
            yield Finding(Harm.LOST, f"acknowledged {event.event} {event.id} is not here")
    waiting = " ".join(letter.subject for letter in state.open_letters)
    for stored in state.events:
        if stored.state == EventState.RECEIVED and stored.id not in waiting:
            yield Finding(Harm.STUCK, f"{stored.event} {stored.event_id} is not handled")


def jobs(state: State) -> Iterator[Finding]:
    """I5: no job fails without a dead letter."""
    buried = set(state.letters)
    for job in state.failed_jobs:
        if job not in buried:
            yield Finding(Harm.LOST, f"{job.task} {job.subject} failed without a dead letter")


Rule = Callable[[State], Iterator[Finding]]
RULES: tuple[Rule, ...] = (
    captured_payments,
    gateway_refunds,
    our_refunds,
    accesses,
    gateway_orders,
    promises,
    events,
    jobs,
    *after_sale.RULES,
    *money_out.RULES,
)
