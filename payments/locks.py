"""Every row lock of the money code. Order: order → payment → refund, request, dispute, payout →
ledger accounts by id."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from payments.models import (
    Coupon,
    Dispute,
    InvoiceSeries,
    LedgerAccount,
    Order,
    Payment,
    Payout,
    ReconciliationBreak,
    Refund,
    RefundRequest,
)
from payments.states import AccountKind, BreakState


def lock_order(order_id: UUID) -> Order:
    return Order.objects.select_for_update().get(pk=order_id)


def lock_free_orders(order_ids: Set[UUID]) -> set[UUID]:
    """Those of the orders that nobody else has locked, locked in the order of their ids."""
    orders = Order.objects.filter(pk__in=order_ids).order_by("pk")
    return set(orders.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))


def lock_payment(gateway_payment_id: str) -> Payment | None:
    return Payment.objects.select_for_update().filter(gateway_payment_id=gateway_payment_id).first()


def lock_payment_with_order(**which: UUID | str) -> tuple[Order, Payment] | None:
    """A payment, by `pk` or `gateway_payment_id`, and its order, in lock order; None for a
    payment that is not known."""
    found = Payment.objects.filter(**which)
    order_id = found.values_list("order_id", flat=True).first()
    if order_id is None:
        return None
    return lock_order(order_id), found.select_for_update().get()


def lock_payments(order: Order) -> list[Payment]:
    """All payments of an order that is locked already."""
    return list(order.payments.select_for_update().order_by("pk"))


def lock_refunds(payment: Payment) -> list[Refund]:
    """All refunds of a payment that is locked already."""
    return list(payment.refunds.select_for_update().order_by("pk"))


def lock_disputes(payment: Payment) -> list[Dispute]:
    """All disputes of a payment that is locked already, the oldest first."""
    return list(payment.disputes.select_for_update().order_by("created_at", "pk"))


def lock_refund(refund_id: UUID) -> tuple[Order, Payment, Refund]:
    """The refund and all that its completion touches, in lock order."""
    ids = Refund.objects.values_list("payment__order_id", "payment_id").get(pk=refund_id)
    order = lock_order(ids[0])
    payment = Payment.objects.select_for_update().get(pk=ids[1])
    return order, payment, Refund.objects.select_for_update().get(pk=refund_id)


def lock_sale(order_id: UUID) -> tuple[Order, Payment | None]:
    """An order and the payment that it was fulfilled with."""
    order = lock_order(order_id)
    return order, order.payments.select_for_update().filter(settles=True).first()


def lock_request(request_id: UUID) -> tuple[Order, Payment, RefundRequest]:
    """A request for a refund, with the sale that it is about, in lock order."""
    requests = RefundRequest.objects.filter(pk=request_id)
    order, payment = lock_sale(requests.values_list("order_id", flat=True).get())
    if payment is None:
        raise Payment.DoesNotExist
    return order, payment, requests.select_for_update().get()


def lock_or_open_break(
    matter: Mapping[str, str], *, defaults: Mapping[str, Any]
) -> tuple[ReconciliationBreak, bool]:
    """The one row of a matter, and whether it is new. Locked with no other row."""
    breaks = ReconciliationBreak.objects.select_for_update()
    return breaks.get_or_create(**matter, defaults=defaults)


def lock_untold_breaks() -> list[ReconciliationBreak]:
    """The open breaks that no alert has told of. Locked with no other row."""
    untold = ReconciliationBreak.objects.filter(state=BreakState.OPEN, told_at=None)
    return list(untold.select_for_update().order_by("pk"))


def lock_payout(payout_id: UUID) -> Payout:
    return Payout.objects.select_for_update().get(pk=payout_id)


def lock_payouts(payout_ids: Collection[UUID]) -> list[Payout]:
    return list(Payout.objects.select_for_update().filter(pk__in=payout_ids).order_by("pk"))


def lock_utrs() -> None:
    """One transaction at a time writes UTRs, so that each sees those of the one before.
    Taken before any row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('payouts.utr', 0))")


def lock_coupon(coupon_id: UUID) -> Coupon:
    """Nobody reserves a use of it meanwhile. Locked with no other row."""
    return Coupon.objects.select_for_update(no_key=True).get(pk=coupon_id)


def lock_invoice_series(prefix: str, financial_year: str) -> InvoiceSeries:
    """The counter, made on its first use. Locked last: every document of its year waits for it."""
    series = InvoiceSeries.objects.select_for_update()
    return series.get_or_create(prefix=prefix, financial_year=financial_year)[0]


Place = tuple[AccountKind, UUID | None, str]


def lock_accounts(places: Set[Place]) -> dict[Place, int]:
    """The ids of the ledger accounts of these kinds, owners and currencies, locked in the
    order of their ids. Those that are missing are opened."""
    wanted = Q()
    for kind, owner_id, currency in places:
        wanted |= Q(kind=kind, owner_id=owner_id, currency=currency)
    accounts = LedgerAccount.objects.filter(wanted).order_by("pk").select_for_update(no_key=True)
    found = _by_place(accounts)
    missing = sorted((place for place in places if place not in found), key=str)
    if not missing:
        return found
    LedgerAccount.objects.bulk_create(
        [LedgerAccount(kind=kind, owner_id=owner, currency=cur) for kind, owner, cur in missing],
        ignore_conflicts=True,
    )
    return _by_place(accounts)


def _by_place(accounts: QuerySet[LedgerAccount]) -> dict[Place, int]:
    rows = accounts.all().values_list("pk", "kind", "owner_id", "currency")
    return {(AccountKind(kind), owner, currency): pk for pk, kind, owner, currency in rows}
