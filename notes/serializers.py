"""What the catalogue endpoints take and give."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from notes.models import MAX_PRICE_PAISE, MIN_PRICE_PAISE
from notes.search import MOST_SUGGESTIONS
from notes.selectors import SORTS
from notes.states import NoteState
from notevault.kit.fields import LineField, ParagraphsField, SlugField, TextField, WholeField
from notevault.kit.pagination import PageRequest

MAX_FILE_BYTES = 20 * 1024 * 1024
LANGUAGE = RegexValidator(r"^[a-z]{2,3}$", "An ISO 639 code such as en or hi.")


@extend_schema_field(
    {
        "description": "Paise: 0 for a free note, else one rupee to ten thousand.",
        "anyOf": [
            {"type": "integer", "const": 0},
            {"type": "integer", "minimum": MIN_PRICE_PAISE, "maximum": MAX_PRICE_PAISE},
        ],
    }
)
class PriceField(WholeField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=MAX_PRICE_PAISE, **kwargs)

    def run_validators(self, value: int) -> None:
        super().run_validators(value)
        if 0 < value < MIN_PRICE_PAISE:
            raise serializers.ValidationError("A price is 0, or at least 100 paise.", "min_price")


class NoteFields(serializers.Serializer[Any]):
    title = LineField(max_length=120)
    description = ParagraphsField(max_length=5000)
    category = SlugField(max_length=60)
    price_paise = PriceField()
    university = LineField(max_length=120, required=False, allow_blank=True)
    course = LineField(max_length=120, required=False, allow_blank=True)
    semester = WholeField(min_value=1, max_value=12, required=False, allow_null=True)
    language = TextField(required=False, validators=[LANGUAGE], max_length=3)


class NoteCreateRequest(NoteFields):
    pass


class NoteEditRequest(NoteFields):
    """Any of the fields; those left out stay as they are."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


@extend_schema_field(OpenApiTypes.BINARY)
class UploadField(serializers.FileField):
    """A file; an empty one is let through, for the PDF check to name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, max_length=255, **kwargs)


class FileUploadRequest(serializers.Serializer[Any]):
    file = UploadField(help_text="A PDF of at most 20 MiB and 500 pages.")


class NoteFilters(PageRequest):
    category = serializers.SlugField(required=False, max_length=60)
    seller = serializers.UUIDField(required=False)
    university = LineField(required=False, max_length=120)
    language = serializers.CharField(required=False, max_length=3, validators=[LANGUAGE])
    semester = serializers.IntegerField(required=False, min_value=1, max_value=12)
    min_price = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_PRICE_PAISE, help_text="Paise."
    )
    max_price = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_PRICE_PAISE, help_text="Paise."
    )


class NoteListRequest(NoteFilters):
    sort = serializers.ChoiceField(required=False, default="newest", choices=list(SORTS))


class SearchRequest(NoteFilters):
    q = LineField(
        min_length=2,
        max_length=100,
        help_text='Words, "a phrase", -without. Where no note has them: spelt nearly so.',
    )


class SuggestRequest(serializers.Serializer[Any]):
    q = LineField(min_length=2, max_length=100, help_text="What was typed so far.")


class SellerListRequest(PageRequest):
    state = serializers.ChoiceField(required=False, choices=NoteState.choices)


class CategoryResponse(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class CategoryListResponse(serializers.Serializer[Any]):
    items = CategoryResponse(many=True)


class NoteResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    description = serializers.CharField()
    university = serializers.CharField()
    course = serializers.CharField()
    semester = serializers.IntegerField(allow_null=True)
    language = serializers.CharField()
    price_paise = serializers.IntegerField()
    page_count = serializers.IntegerField()
    sales_count = serializers.IntegerField()
    published_at = serializers.DateTimeField(allow_null=True)
    category = serializers.CharField()
    seller_name = serializers.CharField()


class SellerNoteResponse(NoteResponse):
    state = serializers.ChoiceField(choices=NoteState.choices)
    created_at = serializers.DateTimeField()
    rejected_why = serializers.CharField()


class NoteListResponse(serializers.Serializer[Any]):
    items = NoteResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SuggestResponse(serializers.Serializer[Any]):
    items = serializers.ListField(child=serializers.CharField(), max_length=MOST_SUGGESTIONS)


class SellerNoteListResponse(serializers.Serializer[Any]):
    items = SellerNoteResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class LibraryItemResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the access; quote it to support.")
    note_id = serializers.UUIDField()
    title = serializers.CharField()
    seller_name = serializers.CharField()
    page_count = serializers.IntegerField()
    granted_at = serializers.DateTimeField()
    downloads = serializers.IntegerField()


class LibraryResponse(serializers.Serializer[Any]):
    items = LibraryItemResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DownloadLinkResponse(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Serves the PDF to whoever holds it; keep it private.")
    expires_at = serializers.DateTimeField()
    downloads_left = serializers.IntegerField()
