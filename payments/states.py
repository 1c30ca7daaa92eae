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
    # Back only when a bank returns a refund that had been processed.
    OrderState.PARTIALLY_REFUNDED: {OrderState.REFUNDED, OrderState.PAID},
    OrderState.REFUNDED: {OrderState.PARTIALLY_REFUNDED, OrderState.PAID},
}


class PaymentState(models.TextChoices):
    CREATED = "created"
    AUTHORIZED = "authorized"
    FAILED = "failed"
    CAPTURED = "captured"
    QUARANTINED = "quarantined"
    REFUNDED = "refunded"


# We say of these that the gateway has the money, or had it.
TAKEN = (PaymentState.CAPTURED, PaymentState.QUARANTINED, PaymentState.REFUNDED)

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
    # A bank may return a refund that had been processed.
    PaymentState.REFUNDED: {PaymentState.CAPTURED, PaymentState.QUARANTINED},
}


class RefundState(models.TextChoices):
    REQUESTED = "requested"
    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"


REFUND_MOVES: dict[str, set[str]] = {
    RefundState.REQUESTED: {RefundState.PENDING, RefundState.PROCESSED, RefundState.FAILED},
    RefundState.PENDING: {RefundState.PROCESSED, RefundState.FAILED},
    # The buyer's bank may return it days later.
    RefundState.PROCESSED: {RefundState.FAILED},
    # The gateway may have done what we were told it refused.
    RefundState.FAILED: {RefundState.PROCESSED},
}


class RequestState(models.TextChoices):
    """A buyer, or staff for a buyer, asks for money back."""

    REQUESTED = "requested"
    # One of two staff has agreed.
    ENDORSED = "endorsed"
    APPROVED = "approved"
    COMPLETED = "completed"
    # The gateway or the bank refused: staff decide again.
    FAILED = "failed"
    REJECTED = "rejected"


REQUEST_MOVES: dict[str, set[str]] = {
    RequestState.REQUESTED: {RequestState.ENDORSED, RequestState.APPROVED, RequestState.REJECTED},
    RequestState.ENDORSED: {RequestState.APPROVED, RequestState.REJECTED},
    RequestState.APPROVED: {RequestState.COMPLETED, RequestState.FAILED},
    RequestState.COMPLETED: {RequestState.FAILED},
    RequestState.FAILED: {RequestState.APPROVED, RequestState.COMPLETED, RequestState.REJECTED},
    # Its refund failed, and then the gateway made it after all.
    RequestState.REJECTED: {RequestState.COMPLETED},
}


class Decider(models.TextChoices):
    """Who decides a request: a rule, one of the staff, or two of them."""

    AUTOMATIC = "automatic"
    STAFF = "staff"
    TWO_STAFF = "two_staff"


class Reason(models.TextChoices):
    FILE_BROKEN = "file_broken"
    NOT_AS_DESCRIBED = "not_as_described"
    BOUGHT_BY_MISTAKE = "bought_by_mistake"
    OTHER = "other"


class DisputeState(models.TextChoices):
    OPEN = "open"
    UNDER_REVIEW = "under_review"
    ACTION_REQUIRED = "action_required"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


LIVE_DISPUTE = (DisputeState.OPEN, DisputeState.UNDER_REVIEW, DisputeState.ACTION_REQUIRED)
_DECIDED = {DisputeState.WON, DisputeState.LOST, DisputeState.CLOSED}

DISPUTE_MOVES: dict[str, set[str]] = {
    DisputeState.OPEN: {DisputeState.UNDER_REVIEW, DisputeState.ACTION_REQUIRED, *_DECIDED},
    # The bank may ask for more, any number of times.
    DisputeState.UNDER_REVIEW: {DisputeState.ACTION_REQUIRED, *_DECIDED},
    DisputeState.ACTION_REQUIRED: {DisputeState.UNDER_REVIEW, *_DECIDED},
    DisputeState.WON: set(),
    DisputeState.LOST: set(),
    DisputeState.CLOSED: set(),
}


class AccountKind(models.TextChoices):
    """Where money can be. `payments/models/ledger.py` says how it is signed."""

    GATEWAY_CLEARING = "gateway_clearing"
    GATEWAY_FEES = "gateway_fees"
    BANK = "bank"
    SELLER_PENDING = "seller_pending"
    SELLER_AVAILABLE = "seller_available"
    PLATFORM_COMMISSION = "platform_commission"
    TAX_PAYABLE = "tax_payable"
    REFUNDS_PAYABLE = "refunds_payable"
    DISPUTE_HOLDS = "dispute_holds"
    PAYOUTS_IN_TRANSIT = "payouts_in_transit"


OWNED_ACCOUNTS = (
    AccountKind.SELLER_PENDING,
    AccountKind.SELLER_AVAILABLE,
    AccountKind.PAYOUTS_IN_TRANSIT,
)


class TransactionKind(models.TextChoices):
    """What moved the money."""

    SALE = "sale"
    UNEARNED = "unearned"  # captured, and it bought nothing
    ACCEPTANCE = "acceptance"  # out of quarantine
    GATEWAY_FEE = "gateway_fee"
    SETTLED = "settled"  # between the gateway and our bank account
    REFUND_OWED = "refund_owed"
    REFUND_UNDONE = "refund_undone"
    REFUND_PROCESSED = "refund_processed"
    REFUND_RETURNED = "refund_returned"  # processed, then returned by the bank
    DISPUTE_HELD = "dispute_held"
    DISPUTE_RELEASED = "dispute_released"
    DISPUTE_LOST = "dispute_lost"
    ESCROW_RELEASE = "escrow_release"
    PAYOUT_REQUESTED = "payout_requested"
    PAYOUT_UNDONE = "payout_undone"
    PAYOUT_PAID = "payout_paid"
    PAYOUT_RETURNED = "payout_returned"  # paid, then returned by the bank


# Of each of these a subject has one at most.
ONCE = (
    TransactionKind.SALE,
    TransactionKind.UNEARNED,
    TransactionKind.ACCEPTANCE,
    TransactionKind.GATEWAY_FEE,
    TransactionKind.SETTLED,
    TransactionKind.DISPUTE_LOST,
    TransactionKind.ESCROW_RELEASE,
    TransactionKind.PAYOUT_REQUESTED,
    TransactionKind.PAYOUT_PAID,
)


class PayoutState(models.TextChoices):
    """A seller takes money out."""

    REQUESTED = "requested"
    APPROVED = "approved"
    # In a file that staff have taken to the bank.
    EXPORTED = "exported"
    PAID = "paid"
    # The bank refused: staff send it again or give it back.
    FAILED = "failed"
    REJECTED = "rejected"
    # Paid, and the seller's bank sent the money back: it is in the seller's balance again.
    RETURNED = "returned"


PAYOUT_MOVES: dict[str, set[str]] = {
    PayoutState.REQUESTED: {PayoutState.APPROVED, PayoutState.REJECTED},
    PayoutState.APPROVED: {PayoutState.EXPORTED, PayoutState.REJECTED},
    PayoutState.EXPORTED: {PayoutState.PAID, PayoutState.FAILED},
    PayoutState.FAILED: {PayoutState.APPROVED, PayoutState.REJECTED},
    PayoutState.PAID: {PayoutState.RETURNED},
    PayoutState.REJECTED: set(),
    PayoutState.RETURNED: set(),
}
# The bank has said that it paid these, and by which transfer.
PAYOUT_TRANSFERRED = (PayoutState.PAID, PayoutState.RETURNED)
# Their money has left the seller's balance and has not arrived.
PAYOUT_IN_TRANSIT = (
    PayoutState.REQUESTED,
    PayoutState.APPROVED,
    PayoutState.EXPORTED,
    PayoutState.FAILED,
)


class PayoutFormat(models.TextChoices):
    """The bank's two kinds of file."""

    UPI = "upi", "UPI"
    BANK = "bank", "NEFT"


class EventState(models.TextChoices):
    RECEIVED = "received"
    HANDLED = "handled"
    ACKNOWLEDGED = "acknowledged"


class ItemOutcome(models.TextChoices):
    """What became of a line once its money was captured."""

    PENDING = "pending"
    GRANTED = "granted"
    GIVEN_BACK = "given_back"


class InvoiceKind(models.TextChoices):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    DEBIT_NOTE = "debit_note"


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
    DISPUTE = "dispute"


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
