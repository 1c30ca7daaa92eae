"""What the doctor says of the alerts: whether one would reach anybody."""

from __future__ import annotations

from collections.abc import Iterator

from alerts import channels
from ops.doctor.finding import Finding, Visit, fail, ok

REMEDY = (
    "Set SECURITY_WEBHOOK_URL to a webhook of Slack, PagerDuty or your own, or ALERT_EMAILS to "
    "the addresses of those who should know."
)


def examine(visit: Visit) -> Iterator[Finding]:
    remote = [channel.name for channel in channels.remote()]
    if remote:
        yield ok(f"Alerts go to {', '.join(remote)} and the log.")
    else:
        yield Finding(visit.grave, "Alerts reach the log only, and nobody is woken.", REMEDY)
    if visit.send:
        for name, error in channels.send_test(now=visit.now):
            yield _sent(name, error)


def _sent(name: str, error: str) -> Finding:
    if error:
        return fail(
            f"A test alert did not arrive by {name}: {error}",
            "Check the channel's address and keys in the environment, and the receiver.",
        )
    return ok(f"A test alert was taken by {name}.")
