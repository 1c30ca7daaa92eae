"""Refunds as buyers and staff ask for them: what can be asked, who decides, and deciding."""

from payments.refund_requests.asking import ask, ask_for_buyer
from payments.refund_requests.checking import check_files
from payments.refund_requests.deciding import (
    OwnRefund,
    RefundNotPending,
    SameApprover,
    approve_request,
    reject_request,
    retry_request,
)
from payments.refund_requests.quoting import quote_for_buyer, quote_for_staff, quote_request
from payments.refund_requests.sale import (
    NothingLeftToRefund,
    RefundAlreadyAsked,
    RefundAmountNotAllowed,
    RefundNotAllowed,
    RefundWindowClosed,
)

__all__ = [
    "NothingLeftToRefund",
    "OwnRefund",
    "RefundAlreadyAsked",
    "RefundAmountNotAllowed",
    "RefundNotAllowed",
    "RefundNotPending",
    "RefundWindowClosed",
    "SameApprover",
    "approve_request",
    "ask",
    "ask_for_buyer",
    "check_files",
    "quote_for_buyer",
    "quote_for_staff",
    "quote_request",
    "reject_request",
    "retry_request",
]
