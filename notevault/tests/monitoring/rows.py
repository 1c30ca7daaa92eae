"""One row of whatever a gauge is absent without."""

from __future__ import annotations

from notevault.kit import clock
from ops.models import Backup
from payments.models import LedgerProof, WebhookEvent


def make_rows() -> None:
    now = clock.now()
    LedgerProof.objects.create(ran_at=now, seconds=1.5, broken=0, checks=[])
    WebhookEvent.objects.create(
        event_id="an-event",
        event="payment.captured",
        payload={},
        created_at=now,
        received_at=now,
        state="handled",
    )
    Backup.objects.create(
        location="file:///backups/a-backup",
        name="a-backup",
        started_at=now,
        finished_at=now,
        sha256="0" * 64,
        size_bytes=1,
        schema_version="0" * 16,
        verified_at=now,
    )
