"""After a run: the books are proved, and the gateway's are laid beside ours."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from notes.models import NoteAccess
from notevault.chaos import books, referee
from notevault.chaos.gateway import Sandbox
from notevault.chaos.records import Records
from notevault.chaos.state import State
from ops.health.jobs import oldest_due_s, open_letters
from payments import invariants
from payments.models import OrderItem, Payment
from payments.states import PaymentState

CONVERGE_WITHIN_S = 30.0
LOOK_AGAIN_S = 0.5
MOST_SHOWN = 20


@dataclass(frozen=True)
class Verdict:
    """`findings` in words, empty when all is well."""

    findings: tuple[str, ...]
    captured: int
    webhooks: int
    queue_age_s: float
    converged_s: float
    proved_s: float


def judge(*, sandbox: Sandbox, orders: Collection[str], paid: Collection[str]) -> Verdict:
    """Wait a while for what is still under way, then compare and prove.

    `orders` and `paid` are those of which an answer has told a visitor.
    """
    queue_age_s = oldest_due_s()
    begun = time.monotonic()
    told = Records(orders=set(orders), paid=set(paid))
    while True:
        state = books.read(sandbox=sandbox, records=told, transfers=[])
        found = [f"{finding.harm}: {finding.what}" for finding in referee.judge(state)]
        found += _without_access()
        converged_s = time.monotonic() - begun
        if not found or converged_s > CONVERGE_WITHIN_S:
            break
        time.sleep(LOOK_AGAIN_S)
    proof = invariants.prove(invariants.CHECKS)
    if proof.broken:
        found.append(f"verify_ledger: {proof.first_broken}")
    if letters := open_letters().count():
        found.append(f"{letters} jobs have given up")
    return Verdict(
        findings=tuple(found[:MOST_SHOWN]),
        captured=_captured(state),
        webhooks=len(state.gateway_events),
        queue_age_s=queue_age_s,
        converged_s=converged_s,
        proved_s=proof.seconds,
    )


def _captured(state: State) -> int:
    return sum(payment.is_captured for payment in state.gateway_payments)


def _without_access() -> list[str]:
    """Nobody refunds in a load test: whatever was captured has bought what it paid for."""
    captured = Payment.objects.filter(state=PaymentState.CAPTURED, settles=True)
    lines = OrderItem.objects.filter(order__in=captured.values("order"))
    live = NoteAccess.objects.filter(revoked_at=None).values("reference")
    return [f"captured, without access: {line}" for line in lines.exclude(pk__in=live)[:MOST_SHOWN]]
