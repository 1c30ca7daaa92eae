"""What the money counts in this process, once it has committed."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from ops.instruments import count

WEBHOOK_EVENTS = Counter(
    "notevault_webhook_events",
    "Webhooks received: accepted, duplicate, or refused_ for their signature, form or time",
    ["event", "outcome"],
)
WEBHOOK_LAG = Histogram(
    "notevault_webhook_lag_seconds",
    "From an event at the gateway until we accepted it",
    buckets=(1, 2, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600),
)
WEBHOOKS_HANDLED = Counter(
    "notevault_webhook_handled",
    "Events acted on (handled), or that asked nothing of us (acknowledged)",
    ["event", "outcome"],
)
ORDERS_CREATED = Counter("notevault_orders_created", "Orders placed")
SETTLEMENTS = Counter(
    "notevault_settlements", "Orders paid, by who told us of the money", ["source"]
)
SETTLED_PAISE = Counter("notevault_settled_paise", "What was paid for them")
REFUNDS = Counter(
    "notevault_refunds", "Refunds that became requested, processed or failed", ["outcome"]
)

OTHER = "other"
# Of the words that `settle_payment` is given, the first says it.
SOURCES = {
    "webhook": "webhook",
    "verify": "verify",
    "gateway": "poll",
    "our": "capture",
    "reconciliation": "reconciliation",
    "staff": "staff",
}


def count_order() -> None:
    """A step, as the two below."""
    count(ORDERS_CREATED)


def count_settlement(*, source: str, amount_paise: int) -> None:
    count(SETTLEMENTS, SOURCES.get(source.partition(" ")[0], OTHER))
    count(SETTLED_PAISE, by=amount_paise)


def count_refund(outcome: str) -> None:
    count(REFUNDS, outcome)
