"""The catalogue, the files behind it, and who may read what."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat

from notes.states import NOTE_MOVES, NoteState
from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful

MIN_PRICE_PAISE = 100
MAX_PRICE_PAISE = 1_000_000
MAX_DOWNLOADS = 20

# What search looks at (notes/search.py); the indexes below hold exactly these expressions.
SEARCH_CONFIG = "english"
SEARCHED_WORDS = SearchVector("title", "course", "university", "description", config=SEARCH_CONFIG)
SEARCHED_TEXT = Concat("title", Value(" "), "course", Value(" "), "university")


class Category(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class NoteMove(Move):
    row = models.ForeignKey("Note", on_delete=models.CASCADE, related_name="moves")


class NoteQuerySet(models.QuerySet["Note"]):
    def published(self) -> NoteQuerySet:
        return self.filter(state=NoteState.PUBLISHED)

    def of_seller(self, seller_id: object) -> NoteQuerySet:
        return self.filter(seller_id=seller_id)


class Note(Stateful):
    """A note on sale, or on its way there. A price of 0 is a free note."""

    MOVES = NOTE_MOVES
    HISTORY = NoteMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notes"
    )
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="notes")
    title = models.CharField(max_length=120)
    description = models.CharField(max_length=5000)
    university = models.CharField(max_length=120, blank=True)
    course = models.CharField(max_length=120, blank=True)
    semester = models.PositiveSmallIntegerField(null=True)
    language = models.CharField(max_length=8, default="en")
    price_paise = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=NoteState, default=NoteState.DRAFT)
    file = models.ForeignKey(
        "NoteFile",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What the seller uploaded last.",
    )
    published_file = models.ForeignKey(
        "NoteFile",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What a moderator approved last, and buyers read.",
    )
    page_count = models.PositiveSmallIntegerField(default=0, help_text="Of the uploaded file.")
    sales_count = models.PositiveIntegerField(default=0)
    rejected_why = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)

    # The stubs type a manager, and callers use the queryset's methods on it.
    objects: ClassVar[NoteQuerySet] = NoteQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        permissions = [("moderate_note", "Can publish and reject notes")]
        constraints = [
            models.CheckConstraint(
                name="note_price_allowed",
                condition=Q(price_paise=0)
                | Q(price_paise__gte=MIN_PRICE_PAISE, price_paise__lte=MAX_PRICE_PAISE),
            ),
            models.CheckConstraint(
                name="note_published_is_whole",
                condition=~Q(state=NoteState.PUBLISHED)
                | Q(
                    file__isnull=False,
                    published_file__isnull=False,  # a check that is NULL would pass
                    published_file=F("file"),
                    page_count__gt=0,
                    published_at__isnull=False,
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["-published_at", "-id"],
                name="note_newest",
                condition=Q(state=NoteState.PUBLISHED),
            ),
            models.Index(
                fields=["price_paise", "id"],
                name="note_by_price",
                condition=Q(state=NoteState.PUBLISHED),
            ),
            models.Index(
                fields=["-sales_count", "-id"],
                name="note_most_sold",
                condition=Q(state=NoteState.PUBLISHED),
            ),
            models.Index(
                fields=["category", "-published_at", "-id"],
                name="note_newest_of_category",
                condition=Q(state=NoteState.PUBLISHED),
            ),
            models.Index(fields=["seller", "-created_at"], name="note_of_seller"),
            GinIndex(SEARCHED_WORDS, name="note_words", condition=Q(state=NoteState.PUBLISHED)),
            GinIndex(
                OpClass(SEARCHED_TEXT, name="gin_trgm_ops"),
                name="note_trigrams",
                condition=Q(state=NoteState.PUBLISHED),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class NoteFile(models.Model):
    """One stored PDF. The row is written before the file, so no file is ever unknown.

    A file that no note points at, an hour after its row was made or another one took its
    place, is removed by a job.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="files")
    storage_name = models.CharField(max_length=200, unique=True)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    page_count = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.storage_name


class NoteAccess(models.Model):
    """The right of one buyer to read one note; at most one live row for the two (I2).

    `reference` names what it was granted for: an order item's id, kept as a plain value
    because notes never asks who paid.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="accesses")
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="accesses"
    )
    reference = models.UUIDField(unique=True)
    granted_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_why = models.CharField(max_length=200, blank=True)
    downloads = models.PositiveSmallIntegerField(default=0)
    first_downloaded_at = models.DateTimeField(
        null=True, help_text="Kept when the downloads are reset."
    )
    suspended_at = models.DateTimeField(
        null=True, help_text="No downloads since then: its price is on its way back."
    )

    class Meta:
        verbose_name_plural = "note accesses"
        permissions = [("reset_downloads", "Can reset a buyer's downloads")]
        constraints = [
            models.UniqueConstraint(
                fields=["buyer", "note"],
                condition=Q(revoked_at__isnull=True),
                name="one_live_access_per_buyer_and_note",
            ),
            models.CheckConstraint(
                name="downloads_within_limit", condition=Q(downloads__lte=MAX_DOWNLOADS)
            ),
            models.CheckConstraint(
                name="revoked_after_granted",
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("granted_at")),
            ),
        ]
        indexes = [models.Index(fields=["buyer", "-granted_at", "-id"], name="library_of_buyer")]

    def __str__(self) -> str:
        return f"{self.buyer_id} may read {self.note_id}"


class DownloadEvent(models.Model):
    """One download link given to a buyer: proof of delivery when a bank asks for it."""

    id = models.BigAutoField(primary_key=True)
    access = models.ForeignKey(NoteAccess, on_delete=models.PROTECT, related_name="download_events")
    at = models.DateTimeField()
    ip_address = models.GenericIPAddressField(null=True, help_text="Of whoever asked.")
    user_agent = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} from {self.ip_address}"
