"""The gateway's twin in memory: the same contract, with a payer one can direct.

For tests and for trying things out; holds nothing beyond the life of its process.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

from payments.gateways.base import (
    GatewayDispute,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    GatewayRejected,
    GatewayUnavailable,
    SettledEntry,
)
from payments.gateways.signatures import sign

_ALPHABET = string.ascii_letters + string.digits
_IST = timezone(timedelta(hours=5, minutes=30))


def _new_id(prefix: str) -> str:
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(14))}"


class MemoryGateway:
    key_id = "rzp_test_memory"

    def __init__(self, *, key_secret: str = "memory") -> None:  # noqa: S107 signs nothing real
        self.key_secret = key_secret
        self.is_down = False
        self._lock = threading.RLock()
        self._orders: dict[str, GatewayOrder] = {}
        self._payments: dict[str, GatewayPayment] = {}
        self._refunds: dict[str, GatewayRefund] = {}
        self._disputes: dict[str, GatewayDispute] = {}
        self._keys: dict[str, str] = {}
        # When money moved and was settled, both at once: payments, refunds, lost disputes.
        self._moved_at: dict[str, datetime] = {}

    # What a payer does

    def pay(
        self, order_id: str, *, amount_paise: int | None = None, status: str = "captured"
    ) -> GatewayPayment:
        """One attempt to pay the order; `status` is authorized, captured or failed."""
        with self._lock:
            order = self._orders[order_id]
            payment = GatewayPayment(
                id=_new_id("pay"),
                order_id=order_id,
                amount_paise=order.amount_paise if amount_paise is None else amount_paise,
                currency=order.currency,
                status=status,
                is_captured=status == "captured",
                method="upi",
                fee_paise=None,
                tax_paise=None,
                refunded_paise=0,
                error_code="BAD_REQUEST_ERROR" if status == "failed" else "",
                error_description="Payment failed" if status == "failed" else "",
                created_at=datetime.now(UTC),
            )
            self._payments[payment.id] = payment
            if status == "captured":
                self._mark_paid(payment)
            return payment

    def dispute(self, payment_id: str, *, amount_paise: int | None = None) -> GatewayDispute:
        """The payer asks the bank for the money back."""
        with self._lock:
            payment, now = self._payments[payment_id], datetime.now(UTC).replace(microsecond=0)
            made = GatewayDispute(
                id=_new_id("disp"),
                payment_id=payment_id,
                amount_paise=payment.amount_paise if amount_paise is None else amount_paise,
                deducted_paise=0,
                currency=payment.currency,
                status="open",
                phase="chargeback",
                reason_code="goods_or_services_not_received_or_partially_received",
                respond_by=now + timedelta(days=7),
                created_at=now,
            )
            self._disputes[made.id] = made
            return made

    def move_dispute(
        self, dispute_id: str, status: str, *, deducted_paise: int | None = None
    ) -> GatewayDispute:
        """One step on; a lost one takes all of its amount, unless told how much."""
        with self._lock:
            dispute = self._disputes[dispute_id]
            taken = dispute.amount_paise if deducted_paise is None else deducted_paise
            moved = replace(dispute, status=status, deducted_paise=taken if status == "lost" else 0)
            self._disputes[dispute_id] = moved
            if moved.deducted_paise:
                self._moved_at[dispute_id] = datetime.now(UTC)
            return moved

    def signature(self, payment: GatewayPayment) -> str:
        """What Checkout hands to the payer's client."""
        return sign(f"{payment.order_id}|{payment.id}".encode(), secret=self.key_secret)

    def return_refund(self, refund_id: str) -> GatewayRefund:
        """The payer's bank sends back a refund that was processed."""
        with self._lock:
            refund = replace(self._refunds[refund_id], status="failed")
            payment = self._payments[refund.payment_id]
            refunded = payment.refunded_paise - refund.amount_paise
            self._payments[payment.id] = replace(
                payment, refunded_paise=refunded, status="captured"
            )
            self._refunds[refund_id] = refund
            return refund

    # The port

    def checkout_url(self, order_id: str) -> str:
        return ""

    def create_order(
        self, *, receipt: str, amount_paise: int, notes: Mapping[str, str]
    ) -> GatewayOrder:
        with self._reached():
            existing = self.find_order(receipt=receipt)
            if existing is None:
                if amount_paise < 100:
                    raise GatewayRejected("Order amount less than minimum amount allowed")
                order_id = _new_id("order")
                existing = GatewayOrder(order_id, receipt, amount_paise, 0, "INR", "created")
                self._orders[order_id] = existing
            elif existing.amount_paise != amount_paise:
                raise GatewayRejected("Order receipt should be unique.")
            return existing

    def find_order(self, *, receipt: str) -> GatewayOrder | None:
        with self._reached():
            return next((o for o in self._orders.values() if o.receipt == receipt), None)

    def get_order(self, order_id: str) -> GatewayOrder:
        with self._reached():
            if order_id not in self._orders:
                raise GatewayRejected("The id provided does not exist")
            return self._orders[order_id]

    def list_order_payments(self, order_id: str) -> list[GatewayPayment]:
        with self._reached():
            if order_id not in self._orders:
                raise GatewayRejected("The id provided does not exist")
            return [p for p in self._payments.values() if p.order_id == order_id]

    def get_payment(self, payment_id: str) -> GatewayPayment:
        with self._reached():
            if payment_id not in self._payments:
                raise GatewayRejected("The id provided does not exist")
            return self._payments[payment_id]

    def capture_payment(self, payment_id: str, *, amount_paise: int) -> GatewayPayment:
        with self._reached():
            payment = self.get_payment(payment_id)
            if payment.status == "captured":
                return payment
            if payment.status != "authorized" or payment.amount_paise != amount_paise:
                raise GatewayRejected("This payment cannot be captured")
            captured = replace(payment, status="captured", is_captured=True)
            self._payments[payment_id] = captured
            self._mark_paid(captured)
            return captured

    def refund_payment(
        self, payment_id: str, *, amount_paise: int, idempotency_key: str
    ) -> GatewayRefund:
        with self._reached():
            if idempotency_key in self._keys:
                known = self._refunds[self._keys[idempotency_key]]
                if (known.payment_id, known.amount_paise) != (payment_id, amount_paise):
                    raise GatewayRejected("The key was used with another body")
                return known
            payment = self.get_payment(payment_id)
            left = payment.amount_paise - payment.refunded_paise
            if not payment.is_captured or not 100 <= amount_paise <= left:
                raise GatewayRejected("The refund amount is not allowed")
            refund = GatewayRefund(
                _new_id("rfnd"), payment_id, amount_paise, "INR", "processed", idempotency_key
            )
            self._refunds[refund.id] = refund
            self._moved_at[refund.id] = datetime.now(UTC)
            self._keys[idempotency_key] = refund.id
            refunded = payment.refunded_paise + amount_paise
            status = "refunded" if refunded == payment.amount_paise else payment.status
            self._payments[payment_id] = replace(payment, refunded_paise=refunded, status=status)
            return refund

    def list_refunds(self, payment_id: str) -> list[GatewayRefund]:
        with self._reached():
            self.get_payment(payment_id)
            return [r for r in self._refunds.values() if r.payment_id == payment_id]

    def list_payments(self, *, start: datetime, end: datetime) -> Iterator[GatewayPayment]:
        with self._reached():
            found = [p for p in self._payments.values() if start <= p.created_at < end]
        yield from found

    def list_refunds_between(self, *, start: datetime, end: datetime) -> Iterator[GatewayRefund]:
        with self._reached():
            found = [r for r in self._refunds.values() if start <= self._moved_at[r.id] < end]
        yield from found

    def get_dispute(self, dispute_id: str) -> GatewayDispute:
        with self._reached():
            if dispute_id not in self._disputes:
                raise GatewayRejected("The id provided does not exist")
            return self._disputes[dispute_id]

    def list_disputes(self, *, start: datetime, end: datetime) -> Iterator[GatewayDispute]:
        with self._reached():
            found = [d for d in self._disputes.values() if start <= d.created_at < end]
        yield from found

    def list_settled(self, *, day: date) -> Iterator[SettledEntry]:
        with self._reached():
            on_day = [i for i, at in self._moved_at.items() if at.astimezone(_IST).date() == day]
            found = [self._settled(entity_id, day) for entity_id in on_day]
        yield from found

    def _settled(self, entity_id: str, day: date) -> SettledEntry:
        refund, dispute = self._refunds.get(entity_id), self._disputes.get(entity_id)
        out = refund or dispute
        payment = self._payments[out.payment_id if out else entity_id]
        amount_paise = dispute.deducted_paise if dispute else (refund or payment).amount_paise
        return SettledEntry(
            entity_id=f"adj_{entity_id[-14:]}" if dispute else entity_id,
            type="adjustment" if dispute else "refund" if refund else "payment",
            amount_paise=amount_paise,
            fee_paise=0,
            tax_paise=0,
            credit_paise=0 if out else amount_paise,
            debit_paise=amount_paise if out else 0,
            currency=payment.currency,
            settlement_id=f"setl_{day:%Y%m%d}000000",
            utr=f"{day:%Y%m%d}",
            settled_at=self._moved_at[entity_id],
            payment_id=payment.id if out else "",
            order_receipt=self._orders[payment.order_id].receipt,
            dispute_id=dispute.id if dispute else "",
        )

    def _reached(self) -> threading.RLock:
        """The lock under which every call runs, or GatewayUnavailable."""
        if self.is_down:
            raise GatewayUnavailable(retry_after=5)
        return self._lock

    def _mark_paid(self, payment: GatewayPayment) -> None:
        order = self._orders[payment.order_id]
        self._orders[order.id] = replace(
            order, status="paid", amount_paid_paise=payment.amount_paise
        )
        self._moved_at[payment.id] = datetime.now(UTC)
