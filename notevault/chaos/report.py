"""The table at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from notevault.chaos import evidence
from notevault.chaos.findings import Harm
from notevault.chaos.schedule import KINDS, Family
from notevault.chaos.simulation import Outcome
from notevault.chaos.state import State
from payments.states import PaymentState

SHOWN = 10


def lines(outcome: Outcome, *, seed: int) -> Iterator[str]:
    yield from _faults(outcome)
    yield ""
    yield from _shop(outcome)
    yield ""
    yield from _verdict(outcome, seed)


def _faults(outcome: Outcome) -> Iterator[str]:
    counts = outcome.counts
    yield f"  {'fault':<36} {'planned':>8} {'injected':>9} {'fired':>7}"
    for family in Family:
        for name in [kind.name for kind in KINDS if kind.family is family]:
            if counts.planned[name]:
                yield _row(name, counts.planned[name], counts.injected[name], counts.fired[name])
    yield _row("all", *(sum(c.values()) for c in (counts.planned, counts.injected, counts.fired)))


def _row(name: str, planned: int, injected: int, fired: int) -> str:
    return f"  {name:<36} {planned:>8} {injected:>9} {fired:>7}"


def _shop(outcome: Outcome) -> Iterator[str]:
    state, records = outcome.state, outcome.records
    states = Counter(payment.state for payment in state.payments)
    answers = ", ".join(f"{count} × {name}" for name, count in sorted(records.answers.items()))
    restarts = ", ".join(f"{count} × {name}" for name, count in sorted(outcome.restarts.items()))
    yield f"  purchases      {records.purchases} begun in {outcome.shopping_s:.0f} s"
    yield f"  answers        {answers}"
    yield f"  slowest        {records.slowest_s:.1f} s"
    yield f"  orders         {len(state.orders)}, {len(state.gateway_orders)} at the gateway"
    yield f"  payments       {len(state.gateway_payments)}, {outcome.captured} captured"
    yield f"  accesses       {len(state.accesses)} live"
    yield f"  refunds        {len(state.gateway_refunds)}"
    yield from _after_sale(state)
    yield f"  quarantined    {states[PaymentState.QUARANTINED]}, waiting for staff"
    yield f"  events         {len(state.events)} stored of {len(state.gateway_events)}"
    poison = outcome.counts.fired["poison_event"]
    yield f"  dead letters   {len(state.open_letters)} open, of {poison} poison events"
    yield f"  restarts       {restarts or 'none'}"


def _after_sale(state: State) -> Iterator[str]:
    yield f"  asked back     {_by_state(state.requests)}"
    yield f"  disputes       {_by_state(state.disputes)}"
    yield f"  payouts        {_by_state(state.payouts)}, {len(state.transfers)} at the bank"
    for coupon in state.coupons:
        yield f"  coupon         {coupon.in_time} uses of {coupon.limit}"
    kinds = Counter(invoice.kind for invoice in state.invoices)
    yield f"  documents      {_counted(kinds)}"


class HasState(Protocol):
    @property
    def state(self) -> str: ...


def _by_state(rows: Sequence[HasState]) -> str:
    return f"{len(rows)}: {_counted(Counter(row.state for row in rows))}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _verdict(outcome: Outcome, seed: int) -> Iterator[str]:
    harms = Counter(finding.harm for finding in outcome.findings)
    yield "  " + ", ".join(f"{harms[harm]} {harm}" for harm in Harm)
    if outcome.converged_s is not None:
        yield f"  converged {outcome.converged_s:.0f} s after the last fault"
    if outcome.is_sound:
        return
    yield ""
    yield f"  seed {seed} broke a promise."
    yield from _broken_answers(outcome.records.broken())
    yield from _broken_rows(outcome)
    if not outcome.captured:
        yield "  nothing was sold, which proves nothing"
    if outcome.ledger:
        yield f"  verify_ledger: {outcome.ledger}"


def _broken_answers(broken: list[str]) -> Iterator[str]:
    for what, times in Counter(broken).most_common(SHOWN):
        yield f"  {times} × {what}"


def _broken_rows(outcome: Outcome) -> Iterator[str]:
    worst_first = sorted(outcome.findings, key=lambda finding: list(Harm).index(finding.harm))
    for finding in worst_first[:SHOWN]:
        yield f"  {finding.harm}: {finding.what} (order {finding.order_id})"
    if len(worst_first) > SHOWN:
        yield f"  … and {len(worst_first) - SHOWN} more"
    first = next((finding for finding in worst_first if finding.order_id), None)
    if first is not None and first.order_id is not None:
        yield f"  The history of order {first.order_id}:"
        for line in evidence.history_of(first.order_id):
            yield f"    {line}"
