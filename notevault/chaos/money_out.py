"""The referee on sellers' payouts, on coupons and on the documents."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from uuid import UUID

from notevault.chaos.banks import Transfer
from notevault.chaos.findings import Finding, Harm
from notevault.chaos.state import OurPayout, State
from payments.states import (
    OPEN_ORDER,
    PAYOUT_IN_TRANSIT,
    PAYOUT_TRANSFERRED,
    CouponUseState,
    InvoiceKind,
    PayoutState,
)

CODE_LENGTH = 14
OVER = (PayoutState.PAID, PayoutState.REJECTED, PayoutState.RETURNED)


def payouts(state: State) -> Iterator[Finding]:
    """The bank has paid each once that is paid here, and no other."""
    paid: dict[str, list[Transfer]] = defaultdict(list)
    for transfer in state.transfers:
        if transfer.utr:
            paid[transfer.reference[:CODE_LENGTH]].append(transfer)
    for payout in state.payouts:
        yield from _payout(payout, paid.pop(payout.code, []))
    for code in paid:
        yield Finding(Harm.LOST, f"the bank paid {code}, which is not known here")


def _payout(payout: OurPayout, paid: list[Transfer]) -> Iterator[Finding]:
    what = f"payout {payout.code} is {payout.state}"
    is_paid = payout.state in PAYOUT_TRANSFERRED
    if payout.state not in OVER:
        yield Finding(Harm.STUCK, what)
    if len(paid) > is_paid:
        yield Finding(Harm.DOUBLED, f"{what}, and the bank paid it {len(paid)} times")
    elif is_paid and not paid:
        yield Finding(Harm.LOST, f"{what}, and the bank did not pay it")
    elif paid and (paid[0].utr, paid[0].amount_paise) != (payout.utr, payout.amount_paise):
        yield Finding(Harm.DOUBLED, f"{what}, and the bank paid {paid[0].amount_paise}")
    if payout.balance_paise < 0:
        yield Finding(Harm.DOUBLED, f"payout {payout.code} took more than was available")


def sellers(state: State) -> Iterator[Finding]:
    """Nobody was paid more than was ever earned, and what is on its way is in the ledger."""
    taken: dict[UUID, int] = defaultdict(int)
    on_its_way: dict[UUID, int] = defaultdict(int)
    for payout in state.payouts:
        if payout.state not in (PayoutState.REJECTED, PayoutState.RETURNED):
            taken[payout.seller_id] += payout.amount_paise
        if payout.state in PAYOUT_IN_TRANSIT:
            on_its_way[payout.seller_id] += payout.amount_paise
    for seller in state.sellers:
        if taken[seller.id] > seller.released_paise:
            yield Finding(
                Harm.DOUBLED,
                f"seller {seller.id} took {taken[seller.id]} of {seller.released_paise} earned",
            )
        if on_its_way[seller.id] != seller.in_transit_paise:
            yield Finding(
                Harm.LOST,
                f"seller {seller.id} has {on_its_way[seller.id]} on its way, and the ledger "
                f"{seller.in_transit_paise}",
            )


def coupons(state: State) -> Iterator[Finding]:
    """No coupon has more uses than it may have, and no order that is over holds one."""
    for coupon in state.coupons:
        if coupon.in_time > coupon.limit:
            yield Finding(
                Harm.DOUBLED, f"coupon {coupon.code} has {coupon.in_time} uses of {coupon.limit}"
            )
    for use in state.uses:
        order = state.order_by_id[use.order_id]
        if use.state == CouponUseState.RESERVED and order.state not in OPEN_ORDER:
            yield Finding(Harm.STUCK, f"{order.state} order still holds a coupon", order.id)


def invoices(state: State) -> Iterator[Finding]:
    """No number is left out or given twice, and whoever reads what was paid for has one."""
    serials: dict[str, list[int]] = defaultdict(list)
    for invoice in state.invoices:
        serials[invoice.series].append(invoice.serial)
    for series, given in serials.items():
        if len(set(given)) < len(given):
            yield Finding(Harm.DOUBLED, f"a number of {series} was given twice")
        if set(given) != set(range(1, max(given) + 1)):
            yield Finding(Harm.LOST, f"a number of {series} is left out")
    issued = Counter(i.order_id for i in state.invoices if i.kind == InvoiceKind.INVOICE)
    live = {access.line_id for access in state.accesses}
    sold = {line.order_id for line in state.lines if line.id in live and line.paid_paise}
    for order_id in sorted(sold):
        if issued[order_id] != 1:
            harm = Harm.DOUBLED if issued[order_id] else Harm.STUCK
            yield Finding(harm, f"a sale has {issued[order_id]} invoices", order_id)


RULES: tuple[Callable[[State], Iterator[Finding]], ...] = (payouts, sellers, coupons, invoices)
