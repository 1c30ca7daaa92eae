"""The proof of the promises as it runs by itself: kept, alerted, and read by the metrics."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from alerts.models import Severity
from alerts.services import raise_alert, resolve_alert
from ops.transactions import use_case
from payments import invariants
from payments.invariants import Proof
from payments.models import LedgerProof

KEEP = timedelta(days=90)
ALERT_KEY = "ledger-proof"

log = structlog.get_logger("notevault.proofs")


def prove_promises(*, now: datetime) -> LedgerProof | None:
    """Prove all promises and keep the outcome; a broken one raises a CRITICAL alert,
    and the next proof without any resolves it.

    None, and nothing is done, while another proof is running.
    """
    try:
        proof = invariants.prove(invariants.CHECKS, alone=True)
    except invariants.ProofRunning:
        log.info("proof.still_running")
        return None
    log.info("proof.done", broken=proof.broken, seconds=round(proof.seconds, 1))
    return _keep(proof=proof, now=now)


@use_case
def _keep(*, proof: Proof, now: datetime) -> LedgerProof:
    kept = LedgerProof.objects.create(
        ran_at=now,
        seconds=proof.seconds,
        broken=proof.broken,
        first_broken=proof.first_broken,
        checks=proof.as_json()["checks"],
    )
    LedgerProof.objects.filter(ran_at__lt=now - KEEP).delete()
    if proof.broken:
        raise_alert(
            kind="payments.promise_broken",
            severity=Severity.CRITICAL,
            message=f"{proof.broken} rows break a promise about money. {proof.first_broken}",
            metadata={"proof_id": str(kept.pk), "broken": proof.broken},
            dedupe_key=ALERT_KEY,
            now=now,
        )
    else:
        resolve_alert(dedupe_key=ALERT_KEY, now=now, why="every promise holds again")
    return kept
