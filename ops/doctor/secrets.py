"""Secrets of our own: long, not the ones of development, and each another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.conf import settings

from notevault.settings.required import MIN_LENGTH, SECRETS, looks_default, published_values
from ops.doctor.finding import Finding, Level, Visit, fail, ok

# What is derived is as good as what it is derived from.
OURS = (*SECRETS, "METRICS_TOKEN", "PAGERDUTY_ROUTING_KEY")
SHORTEST_TOKEN = 16
NEW_ONE = "`openssl rand -hex 64` makes one"


def examine(visit: Visit) -> Iterator[Finding]:
    previous = {"INVOICE_SECRET_PREVIOUS": ",".join(settings.INVOICE_SECRETS_PREVIOUS)}
    values = {name: previous.get(name) or getattr(settings, name, "") for name in OURS}
    yield from _defaults(visit, values)
    yield from _equal(values)
    yield _metrics_token(visit, values["METRICS_TOKEN"])


def _defaults(visit: Visit, values: Mapping[str, str]) -> Iterator[Finding]:
    published = published_values(settings.BASE_DIR / ".env.example")
    poor = [name for name, value in values.items() if looks_default(name, value, published)]
    for name in poor:
        least = MIN_LENGTH.get(name, 8)
        yield Finding(
            visit.grave,
            f"{name} is a default, a placeholder, or too short.",
            f"Set {name} to at least {least} random characters. {NEW_ONE}; Razorpay and "
            "Cloudinary show theirs in their dashboards.",
        )
    if not poor:
        yield ok("Each secret is long and of our own.")


def _equal(values: Mapping[str, str]) -> Iterator[Finding]:
    names: dict[str, list[str]] = {}
    for name, value in values.items():
        if value:
            names.setdefault(value, []).append(name)
    shared = [" and ".join(same) for same in names.values() if len(same) > 1]
    for same in shared:
        yield fail(
            f"{same} are equal: who learns one has both.",
            f"Give each a value of its own. {NEW_ONE}.",
        )
    if not shared:
        yield ok("No two secrets are equal.")


def _metrics_token(visit: Visit, token: str) -> Finding:
    if len(token) >= SHORTEST_TOKEN:
        return ok("METRICS_TOKEN is set.")
    if token:
        return Finding(
            Level.WARN,
            "METRICS_TOKEN is short enough to be guessed.",
            f"Set it to {SHORTEST_TOKEN} random characters or more. {NEW_ONE}.",
        )
    return Finding(
        Level.WARN,
        "METRICS_TOKEN is not set: nobody can read /metrics in production.",
        f"{NEW_ONE}; set it here, and as the scraper's bearer token.",
    )
