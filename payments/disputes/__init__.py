"""Buyers who ask their bank for the money back: the news, the look-ups, the deadlines.

What a dispute holds of its payment is in `payments.holds`, below the refunds.
"""

from payments.disputes.deadlines import to_warn_of, warn_of_deadline
from payments.disputes.news import hear, look_at
from payments.disputes.polling import ask_for_dispute, find_unheard, to_ask_for

__all__ = [
    "ask_for_dispute",
    "find_unheard",
    "hear",
    "look_at",
    "to_ask_for",
    "to_warn_of",
    "warn_of_deadline",
]
