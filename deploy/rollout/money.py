"""After the play: each payment is access or refund, and the gateway was heard at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from deploy.rollout.releases import Release
from notevault.chaos import books, referee
from notevault.chaos.findings import Finding
from notevault.chaos.gateway import Sandbox
from notevault.chaos.records import Records
from notevault.chaos.state import State
from notevault.demo.processes import DemoFailed

CONVERGE_WITHIN_S = 60.0
LOOK_EVERY_S = 1.0
CALM_LOOKS = 2


@dataclass(frozen=True)
class Verdict:
    """`refused_events` were not acknowledged at their first delivery."""

    captured: int
    accesses: int
    refunds: int
    events: int
    refused_events: list[str]
    findings: list[Finding]
    ledger: str

    @property
    def is_sound(self) -> bool:
        """A play in which nothing was sold proves nothing."""
        wrong = self.findings or self.ledger or self.refused_events
        return self.captured > 0 and not wrong


def judge(
    *,
    sandbox: Sandbox,
    records: Records,
    releases: list[Release],
    environment: Mapping[str, str],
) -> Verdict:
    """Wait for what is under way, then compare the gateway's books with ours, and let each
    release prove the ledger."""
    findings, state = _converge(sandbox, records)
    deliveries = sandbox.list_all("/events")
    with ThreadPoolExecutor() as proving:
        complaints = list(proving.map(partial(_prove, environment=environment), releases))
    return Verdict(
        captured=sum(payment.is_captured for payment in state.gateway_payments),
        accesses=len(state.accesses),
        refunds=len(state.gateway_refunds),
        events=len(deliveries),
        refused_events=[
            f"{event['event']} {event['id']}: {event['attempts']} attempts, {event['last_status']}"
            for event in deliveries
            if event["state"] != "delivered" or event["attempts"] != 1
        ],
        findings=findings,
        ledger="\n".join(filter(None, complaints)),
    )


def _converge(sandbox: Sandbox, records: Records) -> tuple[list[Finding], State]:
    calm, deadline = 0, time.monotonic() + CONVERGE_WITHIN_S
    while True:
        state = books.read(sandbox=sandbox, records=records, transfers=[])
        findings = referee.judge(state)
        calm = 0 if findings else calm + 1
        if calm == CALM_LOOKS or (findings and time.monotonic() > deadline):
            return findings, state
        time.sleep(LOOK_EVERY_S)


def _prove(release: Release, *, environment: Mapping[str, str]) -> str:
    """What its verify_ledger complains of, or nothing."""
    try:
        release.manage("verify_ledger", environment=environment)
    except DemoFailed as complaint:
        return str(complaint)
    return ""
