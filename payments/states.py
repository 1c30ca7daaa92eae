"""The state machines of money. States only go forward; a late capture is legal."""

from django.db import models


class OrderState(models.TextChoices):
    CREATED = "created"
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


_CLOSED_UNPAID = {OrderState.EXPIRED, OrderState.CANCELLED, OrderState.FAILED}
OPEN_ORDER = (OrderState.CREATED, OrderState.AWAITING_PAYMENT)

ORDER_MOVES: dict[str, set[str]] = {
    OrderState.CREATED: {OrderState.AWAITING_PAYMENT, OrderState.PAID, *_CLOSED_UNPAID},
    OrderState.AWAITING_PAYMENT: {OrderState.PAID, *_CLOSED_UNPAID},
    OrderState.EXPIRED: {OrderState.PAID},
    OrderState.CANCELLED: {OrderState.PAID},
    OrderState.FAILED: {OrderState.PAID},
    OrderState.PAID: {OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED},
    OrderState.PARTIALLY_REFUNDED: {OrderState.REFUNDED},
    OrderState.REFUNDED: set(),
}


class PaymentState(models.TextChoices):
    CREATED = "created"
    AUTHORIZED = "authorized"
    FAILED = "failed"
    CAPTURED = "captured"
    QUARANTINED = "quarantined"
    REFUNDED = "refunded"


PAYMENT_MOVES: dict[str, set[str]] = {
    PaymentState.CREATED: {
        PaymentState.AUTHORIZED,
        PaymentState.FAILED,
        PaymentState.CAPTURED,
        PaymentState.QUARANTINED,
        PaymentState.REFUNDED,
    },
    # The bank may say yes after it said no.
    PaymentState.FAILED: {
        PaymentState.AUTHORIZED,
        PaymentState.CAPTURED,
        PaymentState.QUARANTINED,
        PaymentState.REFUNDED,
    },
    # Never back to failed: an old event would tell the payer to pay again.
    PaymentState.AUTHORIZED: {
        PaymentState.CAPTURED,
        PaymentState.QUARANTINED,
        PaymentState.REFUNDED,
    },
    PaymentState.CAPTURED: {PaymentState.REFUNDED},
    PaymentState.QUARANTINED: {PaymentState.CAPTURED, PaymentState.REFUNDED},
    PaymentState.REFUNDED: set(),
}


class RefundState(models.TextChoices):
    REQUESTED = "requested"
    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"


REFUND_MOVES: dict[str, set[str]] = {
    RefundState.REQUESTED: {RefundState.PENDING, RefundState.PROCESSED, RefundState.FAILED},
    RefundState.PENDING: {RefundState.PROCESSED, RefundState.FAILED},
    RefundState.PROCESSED: set(),
    # The gateway may have done what we were told it refused.
    RefundState.FAILED: {RefundState.PROCESSED},
}


class EventState(models.TextChoices):
    RECEIVED = "received"
    HANDLED = "handled"
    ACKNOWLEDGED = "acknowledged"


class ItemOutcome(models.TextChoices):
    """What became of a line once its money was captured."""

    PENDING = "pending"
    GRANTED = "granted"
    GIVEN_BACK = "given_back"


class RunState(models.TextChoices):
    RUNNING = "running"
    FINISHED = "finished"
    ABANDONED = "abandoned"


class BreakKind(models.TextChoices):
    """How our books differ from the gateway's or from the settlement report."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT = "amount"
    STATUS = "status"
    FEE = "fee"
    DUPLICATE = "duplicate"


class BreakSubject(models.TextChoices):
    PAYMENT = "payment"
    REFUND = "refund"
    SETTLEMENT = "settlement"


class BreakState(models.TextChoices):
    OPEN = "open"
    HEALED = "healed"
    CLOSED = "closed"


BREAK_MOVES: dict[str, set[str]] = {
    BreakState.OPEN: {BreakState.HEALED, BreakState.CLOSED},
    # It shows again, or with other figures than those that a person has closed.
    BreakState.HEALED: {BreakState.OPEN},
    BreakState.CLOSED: {BreakState.OPEN},
}


class CouponScope(models.TextChoices):
    """Which lines of an order a coupon makes cheaper."""

    GLOBAL = "global", "every note"
    CATEGORY = "category", "the notes of a category"
    SELLER = "seller", "the notes of a seller"
    NOTE = "note", "one note"


class CouponUseState(models.TextChoices):
    RESERVED = "reserved"
    GIVEN_BACK = "given_back"
    SPENT = "spent"


LIVE_COUPON_USE = (CouponUseState.RESERVED, CouponUseState.SPENT)

COUPON_USE_MOVES: dict[str, set[str]] = {
    CouponUseState.RESERVED: {CouponUseState.SPENT, CouponUseState.GIVEN_BACK},
    # The money came after the order had been closed; its price stays what it was.
    CouponUseState.GIVEN_BACK: {CouponUseState.SPENT},
    CouponUseState.SPENT: set(),
}
