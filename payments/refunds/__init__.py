"""Money on its way back: intent, gateway call with a stable key, completion."""

from payments.refunds.elsewhere import (
    PaymentNotKnownYet,
    take_in_news,
    take_in_refund,
    take_in_refunds,
)
from payments.refunds.outcome import (
    credit,
    fail_refund,
    record_reply,
    replace_refund,
    take_from_sale,
)
from payments.refunds.owing import (
    NothingToGiveBack,
    PaymentDisputed,
    RefundsOverlap,
    give_back,
    give_back_rest,
    hear_of_refunds,
    refuse_while_disputed,
    take_from_lines,
)
from payments.refunds.sending import ask_for_refund, send_refund

__all__ = [
    "NothingToGiveBack",
    "PaymentDisputed",
    "PaymentNotKnownYet",
    "RefundsOverlap",
    "ask_for_refund",
    "credit",
    "fail_refund",
    "give_back",
    "give_back_rest",
    "hear_of_refunds",
    "record_reply",
    "refuse_while_disputed",
    "replace_refund",
    "send_refund",
    "take_from_lines",
    "take_from_sale",
    "take_in_news",
    "take_in_refund",
    "take_in_refunds",
]
