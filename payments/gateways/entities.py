"""Razorpay's JSON entities as our dataclasses, for API answers and webhooks alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from payments.gateways.base import (
    GatewayDispute,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    SettledEntry,
)

_ID = re.compile(r"(order|pay|rfnd|disp)_[A-Za-z0-9]{14}")


class MalformedEntity(ValueError):
    """The gateway sent something that is not the entity it should be."""


def is_gateway_id(value: object, prefix: str) -> bool:
    """True for ids such as `pay_29QQoUBi66xm2f`; ids go into paths raw, so check first."""
    return isinstance(value, str) and bool(_ID.fullmatch(value)) and value.startswith(f"{prefix}_")


def order_from(entity: Mapping[str, Any]) -> GatewayOrder:
    return GatewayOrder(
        id=_id(entity, "order"),
        receipt=_text(entity, "receipt"),
        amount_paise=_paise(entity, "amount"),
        amount_paid_paise=_paise(entity, "amount_paid"),
        currency=_currency(entity),
        status=_text(entity, "status"),
    )


def payment_from(entity: Mapping[str, Any]) -> GatewayPayment:
    return GatewayPayment(
        id=_id(entity, "pay"),
        order_id=_id(entity, "order", key="order_id") if entity.get("order_id") else "",
        amount_paise=_paise(entity, "amount"),
        currency=_currency(entity),
        status=_text(entity, "status"),
        is_captured=entity.get("captured") is True,
        method=_text(entity, "method"),
        fee_paise=_paise(entity, "fee") if entity.get("fee") is not None else None,
        tax_paise=_paise(entity, "tax") if entity.get("tax") is not None else None,
        refunded_paise=_paise(entity, "amount_refunded") if entity.get("amount_refunded") else 0,
        error_code=_text(entity, "error_code"),
        error_description=_text(entity, "error_description"),
        created_at=epoch(entity.get("created_at")),
    )


def refund_from(entity: Mapping[str, Any]) -> GatewayRefund:
    return GatewayRefund(
        id=_id(entity, "rfnd"),
        payment_id=_id(entity, "pay", key="payment_id"),
        amount_paise=_paise(entity, "amount"),
        currency=_currency(entity),
        status=_text(entity, "status"),
        receipt=_text(entity, "receipt"),
    )


def dispute_from(entity: Mapping[str, Any]) -> GatewayDispute:
    deducted, respond_by = entity.get("amount_deducted"), entity.get("respond_by")
    return GatewayDispute(
        id=_id(entity, "disp"),
        payment_id=_id(entity, "pay", key="payment_id"),
        amount_paise=_paise(entity, "amount"),
        deducted_paise=0 if deducted is None else _paise(entity, "amount_deducted"),
        currency=_currency(entity),
        status=_text(entity, "status"),
        phase=_text(entity, "phase"),
        reason_code=_text(entity, "reason_code"),
        respond_by=epoch(respond_by) if respond_by else None,
        created_at=epoch(entity.get("created_at")),
    )


def settled_from(entity: Mapping[str, Any]) -> SettledEntry:
    return SettledEntry(
        entity_id=_text(entity, "entity_id"),
        type=_text(entity, "type"),
        amount_paise=_paise(entity, "amount"),
        fee_paise=_paise(entity, "fee"),
        tax_paise=_paise(entity, "tax"),
        credit_paise=_paise(entity, "credit"),
        debit_paise=_paise(entity, "debit"),
        currency=_currency(entity),
        settlement_id=_text(entity, "settlement_id"),
        utr=_text(entity, "settlement_utr"),
        settled_at=epoch(entity.get("settled_at")),
        payment_id=_text(entity, "payment_id"),
        order_receipt=_text(entity, "order_receipt"),
        dispute_id=_text(entity, "dispute_id"),
    )


def epoch(value: object) -> datetime:
    """A Unix time in seconds as an aware datetime."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedEntity(f"not a Unix time: {value!r}")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise MalformedEntity(f"not a Unix time: {value!r}") from error


def _id(entity: Mapping[str, Any], prefix: str, key: str = "id") -> str:
    value = entity.get(key)
    if not is_gateway_id(value, prefix):
        raise MalformedEntity(f"{key} is not a {prefix} id")
    return str(value)


def _paise(entity: Mapping[str, Any], key: str) -> int:
    value = entity.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise MalformedEntity(f"{key} is not an amount in paise")
    return value


def _currency(entity: Mapping[str, Any]) -> str:
    value = _text(entity, "currency")
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise MalformedEntity("currency is not an ISO 4217 code")
    return value


def _text(entity: Mapping[str, Any], key: str) -> str:
    value = entity.get(key)
    return "" if value is None else str(value)
