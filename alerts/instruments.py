"""What alerts count in this process."""

from __future__ import annotations

from prometheus_client import Counter

RAISED = Counter(
    "notevault_alerts_raised",
    "Alerts raised, also those that joined one of before",
    ["kind", "severity"],
)
DELIVERIES = Counter(
    "notevault_alert_deliveries",
    "Attempts to deliver: delivered, failed, or refused by the receiver",
    ["channel", "outcome"],
)
