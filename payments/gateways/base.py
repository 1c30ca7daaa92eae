"""What we ask of a payment gateway. `payments/tests/test_gateways.py` is the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from notevault.kit.errors import DomainError


class GatewayError(DomainError):
    """The base of the four ways in which a call can go wrong."""


class GatewayUnavailable(GatewayError):
    """Nothing has happened over there. Try again later."""

    code = "gateway_unavailable"
    message = "The payment gateway does not answer. Nothing was charged; try again shortly."


class GatewayDeclined(GatewayError):
    """The bank or the network said no; tell the payer why."""

    code = "gateway_declined"


class GatewayRejected(GatewayError):
    """Our request was wrong, so repeating it is of no use."""

    code = "gateway_rejected"
    message = "The payment gateway refused our request. We have been told."


class GatewayOutcomeUnknown(GatewayError):
    """It may have happened or not. Look it up before trying again."""

    code = "gateway_outcome_unknown"
    message = "The payment gateway's answer was lost. Try again: nothing is done twice."


# Asking again later is all that can be done.
NO_ANSWER = (GatewayUnavailable, GatewayOutcomeUnknown)


@dataclass(frozen=True)
class GatewayOrder:
    id: str
    receipt: str
    amount_paise: int
    amount_paid_paise: int
    currency: str
    status: str


@dataclass(frozen=True)
class GatewayPayment:
    """A payment at one moment. `order_id` is empty for one made without an order.

    `status` is created, authorized, captured, refunded or failed; `is_captured` stays
    true after a refund.
    """

    id: str
    order_id: str
    amount_paise: int
    currency: str
    status: str
    is_captured: bool
    method: str
    fee_paise: int | None
    tax_paise: int | None
    refunded_paise: int
    error_code: str
    error_description: str
    created_at: datetime


@dataclass(frozen=True)
class GatewayRefund:
    """`status` is pending, processed or failed."""

    id: str
    payment_id: str
    amount_paise: int
    currency: str
    status: str
    receipt: str


@dataclass(frozen=True)
class GatewayDispute:
    """`status` is open, under_review, won, lost or closed; when the bank asks for more, it
    is open once again. `deducted_paise` is more than 0 only for a lost one."""

    id: str
    payment_id: str
    amount_paise: int
    deducted_paise: int
    currency: str
    status: str
    phase: str
    reason_code: str
    respond_by: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class SettledEntry:
    """One line of the settlement report: how a payment or refund reached our bank account.

    `type` is payment, refund, transfer or adjustment. `credit_paise` came in and
    `debit_paise` went out under that bank reference (`utr`); `fee_paise` includes the tax.
    `order_receipt` is empty for what was made without an order. A lost dispute takes its
    money as an adjustment, which names it in `dispute_id`.
    """

    entity_id: str
    type: str
    amount_paise: int
    fee_paise: int
    tax_paise: int
    credit_paise: int
    debit_paise: int
    currency: str
    settlement_id: str
    utr: str
    settled_at: datetime
    payment_id: str
    order_receipt: str
    dispute_id: str = ""


class Gateway(Protocol):
    """Money over the network. Every method may raise one of the four GatewayErrors, and
    answers or raises within its time-out. None may be called inside a transaction."""

    key_id: str

    def checkout_url(self, order_id: str) -> str:
        """A page on which a person can pay; empty where only their own widget can."""

    def create_order(
        self, *, receipt: str, amount_paise: int, notes: Mapping[str, str]
    ) -> GatewayOrder:
        """One order per receipt: a repeat gives the order that exists already.

        GatewayRejected when that one has another amount.
        """

    def find_order(self, *, receipt: str) -> GatewayOrder | None: ...

    def get_order(self, order_id: str) -> GatewayOrder:
        """GatewayRejected when there is none."""

    def list_order_payments(self, order_id: str) -> list[GatewayPayment]:
        """All attempts to pay an order, in no particular order."""

    def get_payment(self, payment_id: str) -> GatewayPayment: ...

    def capture_payment(self, payment_id: str, *, amount_paise: int) -> GatewayPayment:
        """Take authorised money; capturing what is captured already is a success."""

    def refund_payment(
        self, payment_id: str, *, amount_paise: int, idempotency_key: str
    ) -> GatewayRefund:
        """One refund per key: a repeat with the same amount gives the same refund."""

    def list_refunds(self, payment_id: str) -> list[GatewayRefund]: ...

    def list_payments(self, *, start: datetime, end: datetime) -> Iterator[GatewayPayment]:
        """Each payment made from `start` to before `end` once, page by page.

        Give it a window that is over: in one that still grows, pages shift and rows are
        missed.
        """

    def list_refunds_between(self, *, start: datetime, end: datetime) -> Iterator[GatewayRefund]:
        """Each refund made from `start` to before `end` once, page by page."""

    def get_dispute(self, dispute_id: str) -> GatewayDispute:
        """GatewayRejected when there is none."""

    def list_disputes(self, *, start: datetime, end: datetime) -> Iterator[GatewayDispute]:
        """Each dispute opened from `start` to before `end` once, page by page."""

    def list_settled(self, *, day: date) -> Iterator[SettledEntry]:
        """What was settled on a day of Indian time, page by page."""
