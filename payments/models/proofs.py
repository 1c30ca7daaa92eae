"""What each hourly proof of the promises has found."""

from __future__ import annotations

from django.db import models

from notevault.kit.ids import uuid7


class LedgerProof(models.Model):
    """One run over all promises about money. `checks` has the outcome of each."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    ran_at = models.DateTimeField()
    seconds = models.FloatField()
    broken = models.PositiveBigIntegerField(help_text="Rows that break a promise.")
    first_broken = models.TextField(blank=True)
    checks = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["-ran_at"], name="proofs_newest")]

    def __str__(self) -> str:
        return f"{self.broken} broken" if self.broken else "all holds"
