"""Catalogue, selling, library and download endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from notes import access, examples, search, selectors, serializers, services
from notes.storage import note_storage
from notes.storage.local import LinkExpired, LocalNoteStorage, content_disposition
from notevault.accounts.authentication import IsSeller, IsSellerOrReading
from notevault.kit import clock
from notevault.kit.caller import caller_of
from notevault.kit.errors import DomainError
from notevault.kit.http import problem
from notevault.kit.pagination import InvalidCursor, Often, Page, PageRequest, Sort, paginate
from notevault.kit.views import APIView

# Lists of the catalogue change slowly; a shared cache may keep them for a moment.
PUBLIC_CACHE = "public, max-age=15"


SAFE = ("GET", "HEAD")


class FileTooLarge(DomainError):
    code = "payload_too_large"
    message = "The file is larger than 20 MiB."


def _page(rows: Any, *, sort: Sort, query: dict[str, Any], **scope: Any) -> Page:
    filters = {k: v for k, v in query.items() if k not in {"cursor", "limit"}}
    return paginate(
        rows,
        sort=sort,
        filters={**filters, **scope},
        cursor=query.get("cursor"),
        limit=query["limit"],
    )


def _found(ways: Iterable[Often], query: dict[str, Any]) -> Page:
    """By the first way that finds something; with a cursor, by the way that made it."""
    page = None
    for number, rows in enumerate(ways):
        with suppress(InvalidCursor):
            page = _page(rows, sort=search.BY_RELEVANCE, query=query, way=number)
            if page.items or "cursor" in query:
                return page
    if page is None:
        raise InvalidCursor
    return page


def _notes_response(page: Page) -> Response:
    notes = [selectors.shape(row) for row in page.items]
    return Response({"items": notes, "next_cursor": page.next_cursor})


class PublicView(APIView):
    """No sign-in, no query for it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class CategoryListView(PublicView):
    @extend_schema(
        operation_id="list_categories",
        tags=["catalogue"],
        summary="All categories",
        responses={200: serializers.CategoryListResponse},
        examples=[examples.CATEGORIES],
    )
    def get(self, request: Request) -> Response:
        categories = {"items": list(selectors.list_categories())}
        return Response(categories, headers={"Cache-Control": PUBLIC_CACHE})


class SearchView(PublicView):
    throttle_scope = "search"

    @extend_schema(
        operation_id="search_notes",
        tags=["catalogue"],
        summary="Search published notes, the nearest first",
        description=(
            "Looks at titles, courses, universities and descriptions. The list has an end: of "
            f"a word that many notes share, at most {search.MOST_RANKED} are ranked."
        ),
        parameters=[serializers.SearchRequest],
        responses={200: serializers.NoteListResponse},
        examples=[examples.NOTE_LIST],
    )
    def get(self, request: Request) -> Response:
        query = self.query(serializers.SearchRequest)
        chosen = {k: v for k, v in query.items() if k not in {"cursor", "limit"}}
        with search.searching():
            page = _found(search.ways(**chosen), query)
        for row in page.items:
            del row["relevance"]
        response = _notes_response(page)
        response["Cache-Control"] = PUBLIC_CACHE
        return response


class SuggestView(PublicView):
    throttle_scope = "search"

    @extend_schema(
        operation_id="suggest_titles",
        tags=["catalogue"],
        summary="Titles for what was typed so far",
        parameters=[serializers.SuggestRequest],
        responses={200: serializers.SuggestResponse},
        examples=[examples.SUGGESTIONS],
    )
    def get(self, request: Request) -> Response:
        query = self.query(serializers.SuggestRequest)
        with search.searching():
            titles = search.list_suggestions(query["q"])
        return Response({"items": titles}, headers={"Cache-Control": PUBLIC_CACHE})


class NoteListView(APIView):
    anyone_may_read = True
    permission_classes = (IsSellerOrReading,)

    @extend_schema(
        operation_id="list_notes",
        tags=["catalogue"],
        summary="Browse published notes",
        auth=[],
        parameters=[serializers.NoteListRequest],
        responses={200: serializers.NoteListResponse},
        examples=[examples.NOTE_LIST],
    )
    def get(self, request: Request) -> Response:
        query = self.query(serializers.NoteListRequest)
        chosen = {k: v for k, v in query.items() if k not in {"cursor", "limit", "sort"}}
        rows = Often(selectors.list_published, chosen)
        page = _page(rows, sort=selectors.SORTS[query["sort"]], query=query)
        response = _notes_response(page)
        response["Cache-Control"] = PUBLIC_CACHE
        return response

    @extend_schema(
        operation_id="create_note",
        tags=["selling"],
        summary="Start a note: a draft without a file",
        request=serializers.NoteCreateRequest,
        responses={201: serializers.SellerNoteResponse},
        examples=[examples.NEW_NOTE, examples.DRAFT],
    )
    def post(self, request: Request) -> Response:
        data = self.body(serializers.NoteCreateRequest)
        note = services.create_note(seller_id=self.user_id, now=clock.now(), **data)
        return _own_note(note.pk, self.user_id, status=201)


def _own_note(note_id: UUID, seller_id: UUID, status: int = 200) -> Response:
    return Response(selectors.get_of_seller(note_id=note_id, seller_id=seller_id), status=status)


class NoteDetailView(APIView):
    anyone_may_read = True
    permission_classes = (IsSellerOrReading,)

    @extend_schema(
        operation_id="get_note",
        tags=["catalogue"],
        summary="One published note",
        auth=[],
        responses={200: serializers.NoteResponse},
        examples=[examples.NOTE],
    )
    def get(self, request: Request, note_id: UUID) -> Response:
        note = selectors.get_published(note_id)
        return Response(note, headers={"Cache-Control": PUBLIC_CACHE})

    @extend_schema(
        operation_id="edit_note",
        tags=["selling"],
        summary="Change one's note",
        description="A draft, rejected or withdrawn note; of a published one only the price.",
        request=serializers.NoteEditRequest,
        responses={200: serializers.SellerNoteResponse},
        examples=[examples.NOTE_EDIT, examples.DRAFT],
    )
    def patch(self, request: Request, note_id: UUID) -> Response:
        changes = self.body(serializers.NoteEditRequest)
        services.edit_note(note_id=note_id, seller_id=self.user_id, changes=changes)
        return _own_note(note_id, self.user_id)

    @extend_schema(
        operation_id="withdraw_note",
        tags=["selling"],
        summary="Take one's note off sale; buyers keep it",
        responses={204: None},
    )
    def delete(self, request: Request, note_id: UUID) -> Response:
        services.withdraw_note(note_id=note_id, seller_id=self.user_id, now=clock.now())
        return Response(status=204)


class NoteFileView(APIView):
    permission_classes = (IsSeller,)
    parser_classes = (MultiPartParser,)
    throttle_scope = "upload"

    @extend_schema(
        operation_id="upload_note_file",
        tags=["selling"],
        summary="Upload the note's PDF",
        description=(
            "The content is checked, not the name: a whole PDF of at most 500 pages, not "
            "encrypted, without scripts or attachments. `pdf_rejected` says what is wrong."
        ),
        request={"multipart/form-data": serializers.FileUploadRequest},
        responses={200: serializers.SellerNoteResponse},
        examples=[examples.FILE_UPLOAD, examples.DRAFT],
    )
    def post(self, request: Request, note_id: UUID) -> Response:
        uploaded = self.body(serializers.FileUploadRequest)["file"]
        if uploaded.size > serializers.MAX_FILE_BYTES:
            raise FileTooLarge
        services.upload_file(
            note_id=note_id,
            seller_id=self.user_id,
            path=_path_of(uploaded),
            content=uploaded,
            now=clock.now(),
        )
        return _own_note(note_id, self.user_id)


def _path_of(uploaded: TemporaryUploadedFile) -> Path:
    # Settings send every upload to a temporary file.
    return Path(uploaded.temporary_file_path())


class NoteSubmitView(APIView):
    permission_classes = (IsSeller,)

    @extend_schema(
        operation_id="submit_note",
        tags=["selling"],
        summary="Hand one's note to the moderators",
        request=None,
        responses={200: serializers.SellerNoteResponse},
        examples=[examples.SUBMITTED],
    )
    def post(self, request: Request, note_id: UUID) -> Response:
        services.submit_note(note_id=note_id, seller_id=self.user_id, now=clock.now())
        return _own_note(note_id, self.user_id)


class SellerNoteListView(APIView):
    permission_classes = (IsSeller,)

    @extend_schema(
        operation_id="list_seller_notes",
        tags=["selling"],
        summary="One's own notes, in every state",
        parameters=[serializers.SellerListRequest],
        responses={200: serializers.SellerNoteListResponse},
        examples=[examples.SELLER_NOTES],
    )
    def get(self, request: Request) -> Response:
        query = self.query(serializers.SellerListRequest)
        rows = selectors.list_of_seller(self.user_id, state=query.get("state"))
        page = _page(rows, sort=selectors.NEWEST_OF_SELLER, query=query, seller_id=self.user_id)
        return _notes_response(page)


class LibraryView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="list_library",
        tags=["buying"],
        summary="The notes one may read",
        parameters=[PageRequest],
        responses={200: serializers.LibraryResponse},
        examples=[examples.LIBRARY],
    )
    def get(self, request: Request) -> Response:
        query = self.query(PageRequest)
        rows = selectors.list_library(self.user_id)
        page = _page(rows, sort=selectors.NEWEST_IN_LIBRARY, query=query, buyer=self.user_id)
        return Response({"items": page.items, "next_cursor": page.next_cursor})


class DownloadView(APIView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="download_note",
        tags=["buying"],
        summary="A download link that lives 10 minutes",
        description="Counts one of the 20 downloads of a purchase.",
        request=None,
        responses={200: serializers.DownloadLinkResponse},
        examples=[examples.DOWNLOAD_LINK],
    )
    def post(self, request: Request, note_id: UUID) -> Response:
        link = access.download_link(
            note_id=note_id, buyer_id=self.user_id, now=clock.now(), caller=caller_of(request)
        )
        body = serializers.DownloadLinkResponse(link).data
        return Response(body)


def serve_link(request: HttpRequest, token: str) -> HttpResponseBase:
    """The file behind a local download link. The link itself is the permission."""
    if request.method not in SAFE:
        refused = problem("method_not_allowed")
        refused["Allow"] = ", ".join(SAFE)
        return refused
    store = note_storage()
    if not isinstance(store, LocalNoteStorage):
        return _link_problem(LinkExpired())
    try:
        file, filename = store.open_link(token, now=clock.now())
    except LinkExpired as refusal:
        return _link_problem(refusal)
    response = FileResponse(file, content_type="application/pdf")
    response["Content-Disposition"] = content_disposition(filename)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _link_problem(refusal: DomainError) -> HttpResponse:
    return problem(refusal.code, refusal.detail)
