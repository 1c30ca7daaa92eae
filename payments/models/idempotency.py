"""Answers kept for the requests that are repeated."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from notevault.kit.ids import uuid7


class IdempotencyKey(models.Model):
    """One user's `Idempotency-Key`: leased to the request that works, then with its answer.

    Times are the database's, so that no process's clock can prolong a lease.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    holder = models.UUIDField(help_text="Of several requests, the one that works.")
    leased_until = models.DateTimeField(help_text="Until then it works, or has died.")
    expires_at = models.DateTimeField(help_text="From then on the key may be used anew.")
    status = models.PositiveSmallIntegerField(null=True, help_text="None while in flight.")
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")
        ]
        indexes = [models.Index(fields=["expires_at"], name="idempotency_keys_to_remove")]

    def __str__(self) -> str:
        return self.key
