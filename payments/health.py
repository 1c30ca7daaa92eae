"""What `/health/detailed` says of the money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from health_check.exceptions import ServiceWarning

from notevault.kit import clock
from ops.health.check import Check
from payments.models import LedgerProof, Payment, WebhookEvent

# The proof runs each hour; one may be missed while a worker is replaced.
PROOF_MAX_AGE = timedelta(hours=2, minutes=30)


def key_mode() -> str:
    """`live`, `test`, or empty for what is no key of Razorpay's."""
    key_id = settings.RAZORPAY_KEY_ID
    return next((mode for mode in ("live", "test") if key_id.startswith(f"rzp_{mode}_")), "")


@dataclass
class Gateway(Check):
    """The keys suit these settings. Asks no network: the breaker says how the calls go."""

    needs_database: ClassVar[bool] = False

    def run(self) -> None:
        self.details["key_mode"] = mode = key_mode()
        self.details["webhook_secrets"] = sum(
            map(
                bool,
                (settings.RAZORPAY_WEBHOOK_SECRET, settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS),
            )
        )
        if mode != ("test" if settings.DEBUG else "live"):
            raise ServiceWarning("the key's mode is not that of these settings")
        if not settings.RAZORPAY_WEBHOOK_SECRET:
            raise ServiceWarning("there is no webhook secret: every event is refused")


@dataclass
class Webhooks(Check):
    """Events come: of payments that we know from elsewhere we have heard that way too."""

    def run(self) -> None:
        now = clock.now()
        last = WebhookEvent.objects.order_by("-received_at").values_list("received_at", flat=True)
        last_at = last.first()
        self.details["last_event_at"] = last_at.isoformat() if last_at else None
        if paid_in_silence(last_event_at=last_at, now=now):
            raise ServiceWarning("payments were captured, and the gateway sent no event of them")


def paid_in_silence(*, last_event_at: datetime | None, now: datetime) -> bool:
    """True when money has come since the last event, and its own should be here. Never when
    WEBHOOKS_SILENT_MIN is 0."""
    silence = timedelta(minutes=settings.WEBHOOKS_SILENT_MIN)
    captured = Payment.objects.filter(captured_at__lte=now - silence).order_by("-pk")
    captured_at = captured.values_list("captured_at", flat=True).first()
    if captured_at is None or not silence:
        return False
    return last_event_at is None or last_event_at < captured_at - silence


@dataclass
class Ledger(Check):
    """The latest proof is young and found nothing.

    Broken rows degrade and no more: a CRITICAL alert is out, a person has to look, and
    neither a restart nor turning buyers away would mend one of them.
    """

    def run(self) -> None:
        proof = LedgerProof.objects.order_by("-ran_at").defer("checks").first()
        if proof is None:
            raise ServiceWarning("no proof has run yet")
        self.details["broken_rows"] = proof.broken
        self.details["proved_at"] = proof.ran_at.isoformat()
        if proof.broken:
            raise ServiceWarning(f"{proof.broken} rows break a promise about money")
        if proof.ran_at < clock.now() - PROOF_MAX_AGE:
            raise ServiceWarning("the hourly proof does not run")
