"""The rows of the money. Those with a state are moved by `ops.moves.Stateful.move`, which
leaves a history row each time."""

from payments.models.coupons import Coupon, CouponUse
from payments.models.gateway import Payment, PaymentMove, Refund, RefundMove, WebhookEvent
from payments.models.idempotency import IdempotencyKey
from payments.models.invoices import Invoice, InvoiceSeries
from payments.models.ledger import LedgerAccount, LedgerEntry, LedgerTransaction
from payments.models.orders import RECEIPT_PREFIX, Order, OrderItem, OrderMove
from payments.models.payouts import Payout, PayoutBatch, PayoutMove
from payments.models.proofs import LedgerProof
from payments.models.reconciliation import BreakMove, ReconciliationBreak, ReconciliationRun
from payments.models.requests import RefundRequest, RefundRequestLine, RequestMove
from payments.models.returns import Dispute, DisputeMove, Reversal

__all__ = [
    "RECEIPT_PREFIX",
    "BreakMove",
    "Coupon",
    "CouponUse",
    "Dispute",
    "DisputeMove",
    "IdempotencyKey",
    "Invoice",
    "InvoiceSeries",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerProof",
    "LedgerTransaction",
    "Order",
    "OrderItem",
    "OrderMove",
    "Payment",
    "PaymentMove",
    "Payout",
    "PayoutBatch",
    "PayoutMove",
    "ReconciliationBreak",
    "ReconciliationRun",
    "Refund",
    "RefundMove",
    "RefundRequest",
    "RefundRequestLine",
    "RequestMove",
    "Reversal",
    "WebhookEvent",
]
