"""Money taken back from a sale: disputes, and what each line gave back."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from payments.models.gateway import Payment, Refund, Settled
from payments.models.orders import OrderItem
from payments.states import DISPUTE_MOVES, LIVE_DISPUTE, DisputeState


class DisputeMove(Move):
    row = models.ForeignKey("Dispute", on_delete=models.CASCADE, related_name="moves")


class Dispute(Settled, Stateful):
    """A buyer asks the bank for the money back. While it is live its money is held.

    `ask_at` is when the gateway is next asked how it stands. `warned_h` is the shortest
    notice of its deadline that staff were given, in hours; 0 for none yet.
    """

    MOVES = DISPUTE_MOVES
    HISTORY = DisputeMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    gateway_dispute_id = models.CharField(max_length=40, unique=True)
    state = models.CharField(max_length=16, choices=DisputeState, default=DisputeState.OPEN)
    phase = models.CharField(max_length=32, blank=True)
    reason_code = models.CharField(max_length=120, blank=True)
    amount_paise = models.PositiveBigIntegerField(help_text="What the buyer disputes.")
    held_paise = models.PositiveBigIntegerField(
        default=0, help_text="Of it, what had not gone back already; kept when it is lost."
    )
    deducted_paise = models.PositiveBigIntegerField(
        default=0, help_text="What the gateway took when it was lost."
    )
    respond_by = models.DateTimeField(null=True)
    warned_h = models.PositiveSmallIntegerField(default=0, db_default=0)
    ask_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(help_text="At the gateway.")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="dispute_holds_what_is_disputed",
                condition=Q(held_paise__lte=F("amount_paise")),
            )
        ]
        indexes = [
            models.Index(
                fields=["respond_by"],
                name="disputes_to_answer",
                condition=Q(state__in=LIVE_DISPUTE),
            )
        ]

    def __str__(self) -> str:
        return self.gateway_dispute_id

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_DISPUTE

    @property
    def claim_paise(self) -> int:
        """What it wants of its payment, as long as it is not decided for us."""
        if self.state == DisputeState.LOST:
            return min(self.deducted_paise, self.amount_paise)
        return self.amount_paise if self.is_live else 0


class Reversal(models.Model):
    """What one refund or dispute takes back from one line, in the parts it was shared in.

    `undone_at` is set when the refund failed or the dispute was not lost. At most one row
    that is not undone for a line and its refund or dispute.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    item = models.ForeignKey(OrderItem, on_delete=models.PROTECT, related_name="reversals")
    refund = models.ForeignKey(
        Refund, null=True, on_delete=models.PROTECT, related_name="reversals"
    )
    dispute = models.ForeignKey(
        Dispute, null=True, on_delete=models.PROTECT, related_name="reversals"
    )
    amount_paise = models.PositiveIntegerField()
    seller_share_paise = models.PositiveIntegerField()
    commission_paise = models.PositiveIntegerField(help_text="Without the tax in it.")
    tax_paise = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="reversal_adds_up",
                condition=Q(
                    amount_paise=F("seller_share_paise") + F("commission_paise") + F("tax_paise")
                ),
            ),
            models.CheckConstraint(
                name="reversal_by_a_refund_or_a_dispute",
                condition=Q(refund__isnull=False, dispute__isnull=True)
                | Q(refund__isnull=True, dispute__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["item", "refund", "dispute"],
                condition=Q(undone_at=None),
                name="one_live_reversal_of_a_line",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_paise} paise of {self.item_id}"
