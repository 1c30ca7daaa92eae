"""Money that sellers take out: the request, the decision, the bank's file and its answer.

request_payout → approve_payout → make_batch → apply_answers → paid, or failed
               → reject_payout                    → return_payout      → retry_payout, or
                                                                         reject_payout
"""

from payments.payouts.answers import Result, Verdict, apply_answers, code_of, preview_answers
from payments.payouts.bank_files import AnswerFileRefused, read_answers
from payments.payouts.batches import (
    MixedFormats,
    NothingToExport,
    list_approved,
    make_batch,
)
from payments.payouts.decisions import (
    PayoutMoveRefused,
    approve_payout,
    fail_payout,
    reject_payout,
    retry_payout,
    return_payout,
)
from payments.payouts.listing import NEWEST, get_payout, list_payouts, masked, shown
from payments.payouts.own import OwnPayout
from payments.payouts.requests import (
    BalanceTooLow,
    Destination,
    PayoutTooSmall,
    request_payout,
)

__all__ = [
    "NEWEST",
    "AnswerFileRefused",
    "BalanceTooLow",
    "Destination",
    "MixedFormats",
    "NothingToExport",
    "OwnPayout",
    "PayoutMoveRefused",
    "PayoutTooSmall",
    "Result",
    "Verdict",
    "apply_answers",
    "approve_payout",
    "code_of",
    "fail_payout",
    "get_payout",
    "list_approved",
    "list_payouts",
    "make_batch",
    "masked",
    "preview_answers",
    "read_answers",
    "reject_payout",
    "request_payout",
    "retry_payout",
    "return_payout",
    "shown",
]
