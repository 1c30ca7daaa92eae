"""Money on its way from NoteVault to its sellers, and the files that staff take to the bank."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from notevault.kit import money
from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from payments.states import PAYOUT_MOVES, PAYOUT_TRANSFERRED, PayoutFormat, PayoutState

MIN_PAYOUT_PAISE = 10_000
_TO_UPI = ~Q(upi_id="") & Q(holder_name="", account_number="", ifsc="")
_TO_BANK = Q(upi_id="") & ~Q(holder_name="") & ~Q(account_number="") & ~Q(ifsc="")


def new_payout_code() -> str:
    """Its name at the bank: the random end of a UUIDv7, behind letters, because a
    spreadsheet takes bare digits for a number."""
    return f"NV{uuid7().hex[-12:].upper()}"


class PayoutBatch(models.Model):
    """One file of payouts for the bank, kept as it was made.

    A payout that failed goes into a later file as well, so the rows of today do not say
    what was in it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    format = models.CharField(max_length=8, choices=PayoutFormat)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty for the command line.",
    )
    made_at = models.DateTimeField()
    count = models.PositiveIntegerField()
    sum_paise = models.PositiveBigIntegerField()
    content = models.TextField()

    class Meta:
        verbose_name_plural = "payout batches"
        indexes = [models.Index(fields=["-made_at"], name="payout_batches_newest")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def file_name(self) -> str:
        return f"payouts-{self.format}-{self.made_at:%Y%m%d}-{self.pk.hex[-8:]}.csv"


class PayoutMove(Move):
    row = models.ForeignKey("Payout", on_delete=models.CASCADE, related_name="moves")


class Payout(Stateful):
    """An amount that a seller takes out of the available balance, and where it goes.

    Its money is in transit from the request on, until it is paid or rejected. One that the
    bank returns keeps the UTR of its transfer.
    """

    MOVES = PAYOUT_MOVES
    HISTORY = PayoutMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=14, unique=True, default=new_payout_code, editable=False)
    attempt = models.PositiveSmallIntegerField(default=1)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payouts"
    )
    state = models.CharField(max_length=12, choices=PayoutState, default=PayoutState.REQUESTED)
    amount_paise = models.PositiveBigIntegerField()
    upi_id = models.CharField(max_length=100, blank=True)
    holder_name = models.CharField(max_length=100, blank=True)
    account_number = models.CharField(max_length=18, blank=True)
    ifsc = models.CharField(max_length=11, blank=True)
    batch = models.ForeignKey(
        PayoutBatch, null=True, on_delete=models.PROTECT, related_name="payouts"
    )
    utr = models.CharField(
        max_length=30, blank=True, help_text="The bank's reference of the transfer."
    )
    refused_why = models.CharField(
        max_length=500,
        blank=True,
        help_text="Why it failed, was rejected or came back; told to the seller.",
    )
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    exported_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="payout_not_too_small", condition=Q(amount_paise__gte=MIN_PAYOUT_PAISE)
            ),
            models.CheckConstraint(name="payout_has_one_destination", condition=_TO_UPI | _TO_BANK),
            models.CheckConstraint(
                name="payout_paid_with_its_utr",
                condition=(Q(state__in=PAYOUT_TRANSFERRED) & ~Q(utr="") & Q(paid_at__isnull=False))
                | (~Q(state__in=PAYOUT_TRANSFERRED) & Q(utr="", paid_at=None)),
            ),
            models.CheckConstraint(
                name="payout_exported_in_a_batch",
                condition=~Q(state__in=[PayoutState.EXPORTED, *PAYOUT_TRANSFERRED])
                | Q(batch__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["utr"], condition=~Q(utr=""), name="one_payout_of_a_utr"
            ),
        ]
        indexes = [
            models.Index(fields=["seller", "-created_at", "-id"], name="payouts_of_seller"),
            models.Index(fields=["state", "-created_at"], name="payouts_by_state"),
        ]
        permissions = [("manage_payout", "Can approve, reject, export and settle payouts")]

    def __str__(self) -> str:
        return f"{self.reference} ({money.format_inr(self.amount_paise)})"

    @property
    def reference(self) -> str:
        """What the bank is told, another one for each attempt: an old answer of the bank
        cannot be taken for that to a later attempt."""
        return f"{self.code}{self.attempt:02d}"

    @property
    def format(self) -> PayoutFormat:
        return PayoutFormat.UPI if self.upi_id else PayoutFormat.BANK
