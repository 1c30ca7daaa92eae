"""The nightly comparison with the gateway, and what it found to differ."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from payments.states import BREAK_MOVES, BreakKind, BreakState, BreakSubject, RunState


class BreakMove(Move):
    row = models.ForeignKey("ReconciliationBreak", on_delete=models.CASCADE, related_name="moves")


class ReconciliationRun(models.Model):
    """One comparison of our books with the gateway's, over whole days of Indian time.

    `until` is where its last day was cut off: what is younger may still be on its way.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    first_day = models.DateField()
    last_day = models.DateField()
    until = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, choices=RunState, default=RunState.RUNNING)
    outcome = models.CharField(max_length=200, blank=True)
    payments = models.PositiveIntegerField(default=0, help_text="Of the gateway's list.")
    refunds = models.PositiveIntegerField(default=0, help_text="Of the gateway's list.")
    settled = models.PositiveIntegerField(default=0, help_text="Lines of settlement reports.")
    foreign = models.PositiveIntegerField(
        default=0, help_text="Made by another product of the same gateway account."
    )
    filled_in = models.PositiveIntegerField(
        default=0, help_text="Rows that learnt their fee or their settlement."
    )
    healed = models.PositiveIntegerField(default=0)
    open = models.PositiveIntegerField(default=0, help_text="Breaks left to staff.")

    class Meta:
        indexes = [models.Index(fields=["-started_at"], name="runs_newest")]

    def __str__(self) -> str:
        return f"{self.first_day} to {self.last_day}"


class ReconciliationBreak(Stateful):
    """One difference between our books and the gateway's, or the settlement report's.

    `ours_paise` and `theirs_paise` are the two sides, empty where the thing is missing.
    `day` is the one under which it was found. Who closed it and why is in its history.
    """

    MOVES = BREAK_MOVES
    HISTORY = BreakMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=BreakKind)
    subject = models.CharField(max_length=12, choices=BreakSubject)
    gateway_id = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=BreakState, default=BreakState.OPEN)
    ours_paise = models.BigIntegerField(null=True)
    theirs_paise = models.BigIntegerField(null=True)
    difference_paise = models.BigIntegerField(help_text="Theirs less ours.")
    currency = models.CharField(max_length=3)
    details = models.CharField(max_length=300)
    settlement_id = models.CharField(max_length=40, blank=True)
    utr = models.CharField(max_length=40, blank=True)
    day = models.DateField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    healed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(
        null=True, help_text="When an alert told of it; empty when it opened since."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "gateway_id"], name="one_break_per_matter"
            )
        ]
        indexes = [
            models.Index(fields=["-last_seen_at"], name="breaks_newest"),
            models.Index(fields=["day"], name="breaks_open", condition=Q(state=BreakState.OPEN)),
        ]
        permissions = [("close_break", "Can close a break of the reconciliation")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.gateway_id}"
