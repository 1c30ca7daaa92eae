"""Settlements: every captured payment, processed refund and lost dispute, settled at once."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity, collection, stable_id
from payments.sandbox.errors import RazorpayError, unknown_id
from payments.sandbox.store import decode
from payments.sandbox.validation import (
    LARGEST_INTEGER,
    Page,
    read_integer,
    read_page,
    refuse_extra_fields,
)

IST = timezone(timedelta(hours=5, minutes=30), "IST")
MOST_ROWS = 1000


def combined_recon(sandbox: Sandbox, query: Mapping[str, str]) -> Entity:
    """What was settled in a month or on a day of Indian time, oldest first."""
    page = read_page(query, largest=MOST_ROWS)
    start, end = _window(query)
    rows = sandbox.store.list_settled(Page(start=start, end=end, count=page.count, skip=page.skip))
    return collection([_recon_item(row) for row in rows])


def adjust_settlement(sandbox: Sandbox, *, entity_id: str, body: Mapping[str, Any]) -> Entity:
    """Have the report show a payment, refund or lost dispute with an amount that is off by
    so many paise."""
    refuse_extra_fields(body, allowed={"difference"})
    store = sandbox.store
    with store.transaction():
        settled = (
            store.find_payment(entity_id)
            or store.find_refund(entity_id)
            or store.find_dispute(entity_id)
        )
        if settled is None:
            raise unknown_id()
        difference = _read_difference(body, amount=settled["amount"])
        store.save_adjustment(entity_id=entity_id, difference=difference)
    return {"entity_id": entity_id, "difference": difference}


def process_settlement(sandbox: Sandbox) -> Entity:
    """Tell the merchant that the settlement of today, in Indian time, is on its way."""
    now = sandbox.clock.timestamp()
    start = _midnight_before(now)
    whole_day = Page(start=int(start.timestamp()), end=now, count=LARGEST_INTEGER, skip=0)
    with sandbox.store.transaction():
        items = [_recon_item(row) for row in sandbox.store.list_settled(whole_day)]
        of_today = _settlement_of(now)
        settlement = {
            "id": of_today["settlement_id"],
            "entity": "settlement",
            "amount": sum(item["credit"] - item["debit"] for item in items),
            "status": "processed",
            "fees": sum(item["fee"] for item in items),
            "tax": sum(item["tax"] for item in items),
            "utr": of_today["settlement_utr"],
            "created_at": now,
        }
        sandbox.emit("settlement.processed", settlement=settlement)
    return settlement


def _read_difference(body: Mapping[str, Any], *, amount: int) -> int:
    value = body.get("difference")
    if not isinstance(value, int) or isinstance(value, bool) or not -amount <= value <= amount:
        raise RazorpayError(
            f"The difference must be an integer from {-amount} to {amount}.", field="difference"
        )
    return value


def _window(query: Mapping[str, str]) -> tuple[int, int]:
    """First and last second of the asked day or month."""
    year = read_integer(query, "year", default=0)
    month = read_integer(query, "month", default=0)
    if not 1000 <= year <= 9998:
        raise RazorpayError("The year must be 4 digits.", field="year")
    if not 1 <= month <= 12:
        raise RazorpayError("The month is not a valid month.", field="month")
    day = read_integer(query, "day", default=0) if query.get("day") else None
    try:
        start = datetime(year, month, 1 if day is None else day, tzinfo=IST)
    except ValueError:
        raise RazorpayError("The day is not a valid day.", field="day") from None
    if day is None:
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=IST)
    else:
        end = start + timedelta(days=1)
    return int(start.timestamp()), int(end.timestamp()) - 1


def _recon_item(row: Any) -> Entity:
    payment: Entity = decode(row["payment"])
    refund = decode(row["refund"]) if row["refund"] else None
    dispute = decode(row["dispute"]) if row["dispute"] else None
    is_out = bool(refund or dispute)
    booked = _adjustment(dispute, row["settled_at"]) if dispute else refund or payment
    amount = booked["amount"] + row["difference"]
    fee, tax = (0, 0) if is_out else (payment["fee"], payment["tax"])
    is_card = payment["method"] == "card"
    return {
        "entity_id": booked["id"],
        "type": booked["entity"],
        "debit": amount if is_out else 0,
        "credit": 0 if is_out else amount - fee,
        "amount": amount,
        "currency": booked["currency"],
        "fee": fee,
        "tax": tax,
        "on_hold": False,
        "settled": True,
        "created_at": booked["created_at"],
        "settled_at": row["settled_at"],
        **_settlement_of(row["settled_at"]),
        "posted_at": None,
        "credit_type": "default",
        "description": "Debit for a lost dispute" if dispute else None,
        "notes": booked["notes"],
        "payment_id": payment["id"] if is_out else None,
        "order_id": payment["order_id"],
        "order_receipt": row["receipt"],
        "method": payment["method"],
        "card_network": "Visa" if is_card else None,
        "card_issuer": None,
        "card_type": "credit" if is_card else None,
        "dispute_id": dispute["id"] if dispute else None,
    }


def _adjustment(dispute: Entity, lost_at: int) -> Entity:
    """A lost dispute as the report books it."""
    return {
        "id": stable_id("adj", dispute["id"]),
        "entity": "adjustment",
        "amount": dispute["amount_deducted"],
        "currency": dispute["currency"],
        "notes": None,
        "created_at": lost_at,
    }


def _settlement_of(settled_at: int) -> dict[str, str]:
    """Each Indian day is one settlement, so its id and UTR never change."""
    day = _midnight_before(settled_at)
    settlement_id = stable_id("setl", day.date().isoformat())
    return {
        "settlement_id": settlement_id,
        "settlement_utr": f"{int(day.timestamp())}{settlement_id[5:11].lower()}",
    }


def _midnight_before(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, IST).replace(hour=0, minute=0, second=0)
