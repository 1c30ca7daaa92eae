"""Sales, releases and payouts as the ledger knows them, for the tests of the seller's views."""

from __future__ import annotations

from datetime import datetime
from itertools import cycle, islice
from uuid import UUID

from django.db import connection

from notes.models import Note
from notevault.accounts.models import User
from notevault.kit.ids import uuid7
from payments.gateways.memory import MemoryGateway
from payments.ledger.posting import Leg, Posting, post
from payments.models import Order, OrderItem, Payment
from payments.settlement import settle_payment
from payments.states import AccountKind, TransactionKind
from payments.tests.factories import make_order

FULL_SHARE = 8415  # of a note of 9900 paise with few pages


def sell(gateway: MemoryGateway, *, buyer: User, notes: list[Note], now: datetime) -> Payment:
    """One order, paid; the payment that paid it."""
    order: Order = make_order(buyer=buyer, notes=notes, now=now)
    paid = gateway.pay(order.gateway_order_id)
    settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    return Payment.objects.select_related("order").get(gateway_payment_id=paid.id)


def release(item: OrderItem, *, now: datetime) -> None:
    """The seller's share leaves escrow."""
    legs = [
        Leg(AccountKind.SELLER_PENDING, -item.seller_share_paise, item.seller_id, item.pk),
        Leg(AccountKind.SELLER_AVAILABLE, item.seller_share_paise, item.seller_id, item.pk),
    ]
    post([Posting(TransactionKind.ESCROW_RELEASE, item.pk, legs)], now=now)
    OrderItem.objects.filter(pk=item.pk).update(released_at=now)


def move_payout(
    seller: User, amount_paise: int, kind: TransactionKind, *, payout_id: UUID, now: datetime
) -> None:
    available, in_transit, bank = (
        (AccountKind.SELLER_AVAILABLE, seller.pk),
        (AccountKind.PAYOUTS_IN_TRANSIT, seller.pk),
        (AccountKind.BANK, None),
    )
    source, to = {
        TransactionKind.PAYOUT_REQUESTED: (available, in_transit),
        TransactionKind.PAYOUT_UNDONE: (in_transit, available),
        TransactionKind.PAYOUT_PAID: (in_transit, bank),
    }[kind]
    legs = [Leg(source[0], -amount_paise, source[1]), Leg(to[0], amount_paise, to[1])]
    post([Posting(kind, payout_id, legs)], now=now)


def fill(seller: User, *, entries: int, now: datetime) -> None:
    """This many entries of the seller's, each transaction with one in each of two accounts."""
    post([_between(pending(seller), available(seller)) for _ in range(entries // 2)], now=now)


def fill_ledger(*, sellers: list[User], entries: int, now: datetime) -> None:
    """As many entries of these sellers', so that an index is worth its while."""
    every = cycle(sellers)
    pairs = ((pending(one), available(one)) for one in islice(every, entries // 2))
    post([_between(*pair) for pair in pairs], now=now)
    with connection.cursor() as cursor:
        for table in ("ledgerentry", "ledgeraccount", "ledgertransaction", "orderitem"):
            cursor.execute(f"ANALYZE payments_{table}")


def pending(seller: User) -> Leg:
    return Leg(AccountKind.SELLER_PENDING, -1, seller.pk)


def available(seller: User) -> Leg:
    return Leg(AccountKind.SELLER_AVAILABLE, 1, seller.pk)


def _between(*legs: Leg) -> Posting:
    return Posting(TransactionKind.ACCEPTANCE, uuid7(), legs)
