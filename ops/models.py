"""Tables of the cellar."""

from __future__ import annotations

from django.db import models

from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from ops.states import BREAKER_MOVES, LETTER_MOVES, BreakerState, Forced, LetterState


class CacheEntry(models.Model):
    """A row of the shared cache; written by `ops.cache` only, in Django's own format."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "ops_cache"
        verbose_name_plural = "cache entries"

    def __str__(self) -> str:
        return self.cache_key


class BreakerMove(Move):
    row = models.ForeignKey("CircuitBreaker", on_delete=models.CASCADE, related_name="moves")


class CircuitBreaker(Stateful):
    """One upstream's breaker, in one row for all processes; written by `ops.breakers` only."""

    MOVES = BREAKER_MOVES
    HISTORY = BreakerMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=40, unique=True)
    state = models.CharField(max_length=12, choices=BreakerState, default=BreakerState.CLOSED)
    forced = models.CharField(max_length=6, choices=Forced, blank=True, default=Forced.NOT)
    forced_why = models.CharField(max_length=200, blank=True)
    generation = models.PositiveIntegerField(
        default=0, help_text="Counts the changes: a call begun before the last one says nothing."
    )
    seconds = models.JSONField(
        default=dict, help_text="Calls and failures by Unix second, of the last ten seconds."
    )
    changed_at = models.DateTimeField()

    class Meta:
        permissions = [("force_breaker", "Can force a circuit breaker open or closed")]

    def __str__(self) -> str:
        return self.name

    @property
    def effective_state(self) -> str:
        """The state that calls meet: the forced one, else the one that they brought about."""
        return self.forced or self.state


class DeadLetterMove(Move):
    row = models.ForeignKey("DeadLetter", on_delete=models.CASCADE, related_name="moves")


class DeadLetter(Stateful):
    """A job that gave up, with all that is needed to run it again."""

    MOVES = LETTER_MOVES
    HISTORY = DeadLetterMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=12, choices=LetterState, default=LetterState.OPEN)
    kind = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        help_text="What people call such work: alert, refund, mail.",
    )
    task = models.CharField(max_length=128)
    arguments = models.JSONField()
    error = models.CharField(max_length=500)
    fingerprint = models.CharField(
        max_length=16, help_text="The same for the same task and error, whatever the ids in it."
    )
    attempts = models.PositiveIntegerField(help_text="Of all its runs together.")
    job_id = models.BigIntegerField(unique=True, help_text="Its last job in the queue.")
    request_id = models.CharField(max_length=128, blank=True)
    buried_at = models.DateTimeField()
    last_failed_at = models.DateTimeField()
    next_replay_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is replayed by itself; empty: by a person only."
    )
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was resolved or discarded."
    )

    class Meta:
        permissions = [("replay_deadletter", "Can replay and discard dead letters")]
        indexes = [
            models.Index(fields=["state", "-last_failed_at"], name="letters_by_state"),
            models.Index(fields=["-last_failed_at"], name="letters_by_age"),
            models.Index(fields=["fingerprint", "state"], name="letters_by_fault"),
            models.Index(fields=["kind", "-last_failed_at"], name="letters_by_kind"),
            models.Index(fields=["task", "-last_failed_at"], name="letters_by_task"),
            models.Index(fields=["request_id"], name="letters_by_request"),
            models.Index(
                fields=["next_replay_at"],
                condition=models.Q(next_replay_at__isnull=False),
                name="letters_due",
            ),
            models.Index(
                fields=["closed_at"],
                condition=models.Q(closed_at__isnull=False),
                name="letters_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task}: {self.error}"


class FailedRun(models.Model):
    """A run of a job that ended in an error of its own, or the one at which it gave up.

    It belongs to a letter once the job gave up; until then the job may still succeed.
    """

    letter = models.ForeignKey(DeadLetter, on_delete=models.CASCADE, null=True, related_name="runs")
    job_id = models.BigIntegerField()
    run = models.PositiveIntegerField(help_text="1 for the first run of the job.")
    error = models.CharField(max_length=500)
    ms = models.PositiveIntegerField(null=True, help_text="Empty when its worker was killed.")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job_id", "run"], name="one_row_per_run")]
        indexes = [
            models.Index(fields=["at"], condition=models.Q(letter=None), name="runs_without_letter")
        ]

    def __str__(self) -> str:
        return f"run {self.run}: {self.error}"


class Backup(models.Model):
    """A whole backup: written once its last byte is in its place, so never part of itself.

    A database restored from it does not know it; `backup_verify` writes the row anew from the
    manifest, which holds the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    location = models.CharField(
        max_length=1000, unique=True, help_text="The URL of the dump; its manifest lies beside it."
    )
    name = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_index=True)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    schema_version = models.CharField(
        max_length=16, help_text="The same for the same set of applied migrations."
    )
    verified_at = models.DateTimeField(
        null=True, db_index=True, help_text="When it was last restored and found right."
    )
    verify_error = models.CharField(
        max_length=1000, blank=True, help_text="Why the last verification failed."
    )
    removed_at = models.DateTimeField(null=True, help_text="When newer ones took its place.")

    def __str__(self) -> str:
        return self.name
