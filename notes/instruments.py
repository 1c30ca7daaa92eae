"""What the catalogue counts in this process."""

from __future__ import annotations

from prometheus_client import Counter

DOWNLOADS = Counter(
    "notevault_downloads",
    "Links asked for: given, or refused with a code of the error catalogue",
    ["outcome"],
)
