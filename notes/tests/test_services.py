"""What sellers and moderators may do with a note, and what stays as it was when they may not."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.base import File
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from notes import access, services
from notes.models import Note, NoteFile, NoteMove
from notes.pdf import PdfReason, PdfRejected
from notes.selectors import NoteNotFound
from notes.services import (
    NoteHasNoFile,
    NoteMoveRefused,
    NoteNotEditable,
    UnknownCategory,
)
from notes.states import NoteState
from notes.storage.local import LocalNoteStorage
from notes.storage.port import StorageUnavailable
from notes.tests import pdfs
from notes.tests.factories import make_category, make_note
from notevault.accounts.models import User
from ops.moves import IllegalMove

DRAFT, SUBMITTED, PUBLISHED, REJECTED, WITHDRAWN = NoteState
LEGAL = {
    (DRAFT, SUBMITTED),
    (DRAFT, WITHDRAWN),
    (SUBMITTED, PUBLISHED),
    (SUBMITTED, REJECTED),
    (SUBMITTED, WITHDRAWN),
    (REJECTED, SUBMITTED),
    (REJECTED, WITHDRAWN),
    (PUBLISHED, WITHDRAWN),
    (WITHDRAWN, SUBMITTED),
}
PAIRS = [(old, new) for old in NoteState for new in NoteState]
PDF = pdfs.small_pdf(pages=3)
NEW_PDF = pdfs.small_pdf(pages=5, text="Second edition")

Upload = Callable[..., Note]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture(autouse=True)
def an_empty_queue(run_jobs: Callable[[], list[str]]) -> None:
    """Jobs outlive a transactional test; the fixture clears them away."""


@pytest.fixture
def draft(seller: User, now: datetime) -> Note:
    """Without a file."""
    make_category()
    return services.create_note(
        seller_id=seller.pk,
        category="computer-science",
        title="Thermodynamics",
        description="The four laws.",
        price_paise=4900,
        now=now,
    )


@pytest.fixture
def upload(tmp_path: Path, now: datetime) -> Upload:
    def upload(note: Note, content: bytes = PDF, *, by: UUID | None = None) -> Note:
        path = tmp_path / "upload.tmp"
        path.write_bytes(content)
        with path.open("rb") as file:
            return services.upload_file(
                note_id=note.pk,
                seller_id=by or note.seller_id,
                path=path,
                content=File(file),
                now=now,
            )

    return upload


def row(note: Note) -> dict[str, Any]:
    return Note.objects.values().get(pk=note.pk)


def everything() -> tuple[Any, ...]:
    """All that a refusal must leave as it was."""
    jobs = ProcrastinateJob.objects.values_list("pk", flat=True)
    models = (Note, NoteFile, NoteMove)
    return (*(list(model.objects.order_by("pk").values()) for model in models), sorted(jobs))


def stored(files: Path) -> dict[str, bytes]:
    found = [path for path in files.rglob("*") if path.is_file()]
    return {str(path.relative_to(files)): path.read_bytes() for path in found}


def move(note: Note, to: NoteState, *, seller: User, moderator: User, now: datetime) -> Note:
    match to:
        case NoteState.SUBMITTED:
            return services.submit_note(note_id=note.pk, seller_id=seller.pk, now=now)
        case NoteState.WITHDRAWN:
            return services.withdraw_note(note_id=note.pk, seller_id=seller.pk, now=now)
        case NoteState.PUBLISHED:
            return services.publish_note(note_id=note.pk, moderator_id=moderator.pk, now=now)
        case NoteState.REJECTED:
            return services.reject_note(
                note_id=note.pk, moderator_id=moderator.pk, why="Pages are cut off.", now=now
            )
    return note.move(to, why="no use case leads here", now=now)


HISTORY = {
    SUBMITTED: ("submitted by its seller", "seller"),
    PUBLISHED: ("approved", "moderator"),
    REJECTED: ("Pages are cut off.", "moderator"),
    WITHDRAWN: ("withdrawn by its seller", "seller"),
}


class TestAMove:
    @pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if pair in LEGAL])
    def test_that_is_legal_leaves_history(
        self,
        old: NoteState,
        new: NoteState,
        seller: User,
        moderator: User,
        now: datetime,
    ) -> None:
        note = make_note(seller=seller, state=old)
        why, who = HISTORY[new]

        returned = move(note, new, seller=seller, moderator=moderator, now=now)

        left = NoteMove.objects.values("row_id", "old", "new", "why", "actor_id", "at").get()
        assert (returned.state, row(note)["state"]) == (new, new)
        assert left == {
            "row_id": note.pk,
            "old": old,
            "new": new,
            "why": why,
            "actor_id": {"seller": seller, "moderator": moderator}[who].pk,
            "at": now,
        }

    @pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if pair not in LEGAL])
    def test_that_is_not_legal_changes_nothing(
        self,
        old: NoteState,
        new: NoteState,
        seller: User,
        moderator: User,
        now: datetime,
    ) -> None:
        note = make_note(seller=seller, state=old)
        before = everything()

        with pytest.raises(IllegalMove if new == DRAFT else NoteMoveRefused):
            move(note, new, seller=seller, moderator=moderator, now=now)

        assert everything() == before

    def test_says_which_way_it_cannot_go(self, note: Note, moderator: User, now: datetime) -> None:
        with pytest.raises(NoteMoveRefused, match=r"^A published note cannot become rejected\.$"):
            services.reject_note(note_id=note.pk, moderator_id=moderator.pk, why="No.", now=now)

    @pytest.mark.parametrize("to", [SUBMITTED, WITHDRAWN])
    def test_of_someone_elses_note_finds_no_note(
        self, to: NoteState, seller: User, stranger: User, moderator: User, now: datetime
    ) -> None:
        note = make_note(seller=seller, state=DRAFT)
        before = everything()

        with pytest.raises(NoteNotFound):
            move(note, to, seller=stranger, moderator=moderator, now=now)

        assert everything() == before

    @pytest.mark.parametrize("to", [SUBMITTED, PUBLISHED, REJECTED, WITHDRAWN])
    def test_of_no_note_finds_no_note(
        self, to: NoteState, seller: User, moderator: User, now: datetime
    ) -> None:
        with pytest.raises(NoteNotFound):
            move(Note(pk=uuid4()), to, seller=seller, moderator=moderator, now=now)

        assert NoteMove.objects.count() == 0


class TestSubmitting:
    def test_needs_a_file(self, draft: Note, now: datetime) -> None:
        before = everything()

        with pytest.raises(NoteHasNoFile):
            services.submit_note(note_id=draft.pk, seller_id=draft.seller_id, now=now)

        assert everything() == before


class TestPublishing:
    def test_dates_the_note_and_forgets_an_older_rejection(
        self, seller: User, moderator: User, now: datetime
    ) -> None:
        note = make_note(seller=seller, state=SUBMITTED, rejected_why="Pages are cut off.")

        services.publish_note(note_id=note.pk, moderator_id=moderator.pk, now=now)

        assert row(note)["published_at"] == now
        assert row(note)["rejected_why"] == ""

    def test_needs_a_file(self, seller: User, moderator: User, now: datetime) -> None:
        note = make_note(seller=seller, state=SUBMITTED)
        Note.objects.filter(pk=note.pk).update(file=None)
        before = everything()

        with pytest.raises(NoteHasNoFile):
            services.publish_note(note_id=note.pk, moderator_id=moderator.pk, now=now)

        assert everything() == before

    @pytest.mark.django_db(transaction=True)
    def test_and_rejecting_at_once_lets_one_moderator_win(
        self, seller: User, moderator: User, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        note = make_note(seller=seller, state=SUBMITTED)
        together, refused, can_move = Barrier(2), [], Note.can_move

        def think(note: Note, to: str) -> bool:
            time.sleep(0.3)  # both have read the note by then, unless one had to wait
            return can_move(note, to)

        monkeypatch.setattr(Note, "can_move", think)

        def decide(to: NoteState) -> None:
            try:
                together.wait()
                move(note, to, seller=seller, moderator=moderator, now=now)
            except NoteMoveRefused:
                refused.append(to)
            finally:
                connection.close()

        deciders = [Thread(target=decide, args=[to]) for to in (PUBLISHED, REJECTED)]
        for decider in deciders:
            decider.start()
        for decider in deciders:
            decider.join()

        won = row(note)["state"]
        assert {won, *refused} == {PUBLISHED, REJECTED}
        assert NoteMove.objects.get().new == won


class TestRejecting:
    def test_keeps_the_whole_reason_for_the_seller(
        self, seller: User, moderator: User, now: datetime
    ) -> None:
        note = make_note(seller=seller, state=SUBMITTED)
        why = "x" * 500

        services.reject_note(note_id=note.pk, moderator_id=moderator.pk, why=why, now=now)

        assert row(note)["rejected_why"] == why
        assert NoteMove.objects.get().why == "x" * 200


class TestCreating:
    def test_makes_a_draft_without_a_file(self, seller: User, now: datetime) -> None:
        category = make_category("law")

        note = services.create_note(
            seller_id=seller.pk,
            category="law",
            title="Contracts",
            description="Offer and acceptance.",
            price_paise=0,
            university="University of Mumbai",
            course="LL.B.",
            semester=2,
            language="hi",
            now=now,
        )

        assert row(note) == {
            "id": note.pk,
            "seller_id": seller.pk,
            "category_id": category.pk,
            "title": "Contracts",
            "description": "Offer and acceptance.",
            "university": "University of Mumbai",
            "course": "LL.B.",
            "semester": 2,
            "language": "hi",
            "price_paise": 0,
            "state": "draft",
            "file_id": None,
            "published_file_id": None,
            "page_count": 0,
            "sales_count": 0,
            "rejected_why": "",
            "created_at": now,
            "published_at": None,
        }

    def test_in_no_known_category_makes_nothing(self, seller: User, now: datetime) -> None:
        with pytest.raises(UnknownCategory):
            services.create_note(
                seller_id=seller.pk,
                category="alchemy",
                title="Gold",
                description="From lead.",
                price_paise=100,
                now=now,
            )

        assert Note.objects.count() == 0


class TestEditing:
    ALL_FIELDS = {
        "title": "Operating Systems, second edition",
        "description": "Unit 3 as well.",
        "category": "physics",
        "university": "University of Delhi",
        "course": "B.Sc.",
        "semester": None,
        "language": "hi",
        "price_paise": 0,
    }

    @pytest.mark.parametrize("state", [DRAFT, REJECTED, WITHDRAWN])
    def test_a_note_off_sale_may_change_every_field(self, state: NoteState, seller: User) -> None:
        note = make_note(seller=seller, state=state, semester=4)
        physics = make_category("physics")
        before = row(note)

        services.edit_note(note_id=note.pk, seller_id=seller.pk, changes=self.ALL_FIELDS)

        changes = {k: v for k, v in self.ALL_FIELDS.items() if k != "category"}
        assert row(note) == {**before, **changes, "category_id": physics.pk}

    def test_a_published_note_may_change_its_price(self, note: Note) -> None:
        before = row(note)

        services.edit_note(
            note_id=note.pk, seller_id=note.seller_id, changes={"price_paise": 12300}
        )

        assert row(note) == {**before, "price_paise": 12300}

    @pytest.mark.parametrize(
        ("state", "changes"),
        [
            (PUBLISHED, {"title": "Another"}),
            (PUBLISHED, {"price_paise": 100, "language": "hi"}),
            (SUBMITTED, {"price_paise": 100}),
            (SUBMITTED, {"title": "Another"}),
        ],
    )
    def test_anything_else_is_refused(
        self, state: NoteState, changes: dict[str, Any], seller: User
    ) -> None:
        note = make_note(seller=seller, state=state)
        before = everything()

        with pytest.raises(NoteNotEditable):
            services.edit_note(note_id=note.pk, seller_id=seller.pk, changes=changes)

        assert everything() == before

    def test_into_no_known_category_changes_nothing_at_all(self, seller: User) -> None:
        note = make_note(seller=seller, state=DRAFT)
        before = everything()

        with pytest.raises(UnknownCategory):
            services.edit_note(
                note_id=note.pk,
                seller_id=seller.pk,
                changes={"title": "Gold", "category": "alchemy"},
            )

        assert everything() == before

    def test_someone_elses_note_finds_no_note(self, note: Note, stranger: User) -> None:
        before = everything()

        with pytest.raises(NoteNotFound):
            services.edit_note(note_id=note.pk, seller_id=stranger.pk, changes={"price_paise": 100})

        assert everything() == before


class TestUploading:
    def test_makes_the_file_the_notes_own(
        self, draft: Note, upload: Upload, files: Path, now: datetime
    ) -> None:
        note = upload(draft)

        file = NoteFile.objects.get()
        assert (note.file_id, note.page_count) == (file.pk, 3)
        assert (row(draft)["file_id"], row(draft)["page_count"]) == (file.pk, 3)
        assert NoteFile.objects.values().get() == {
            "id": file.pk,
            "note_id": draft.pk,
            "storage_name": f"notes/{draft.pk}/{file.pk}.pdf",
            "sha256": hashlib.sha256(PDF).hexdigest(),
            "size_bytes": len(PDF),
            "page_count": 3,
            "created_at": now,
            "removed_at": None,
        }
        assert stored(files) == {file.storage_name: PDF}

    def test_has_the_file_looked_at_again_in_an_hour(self, draft: Note, upload: Upload) -> None:
        upload(draft)

        job = ProcrastinateJob.objects.get()
        wait = job.scheduled_at - datetime.now(UTC)
        assert job.task_name == "notes.tasks.remove_unused_file"
        assert job.args["file_id"] == str(NoteFile.objects.get().pk)
        assert timedelta(minutes=59) < wait <= timedelta(hours=1)

    @pytest.mark.parametrize("state", [REJECTED, WITHDRAWN])
    def test_replaces_the_file_of_a_note_off_sale(
        self, state: NoteState, seller: User, upload: Upload
    ) -> None:
        note = make_note(seller=seller, state=state)
        replaced = note.file_id

        upload(note)

        assert row(note)["page_count"] == 3
        due = [job.args["file_id"] for job in ProcrastinateJob.objects.order_by("pk")]
        assert due == [str(row(note)["file_id"]), str(replaced)]

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (pdfs.renamed_png(), PdfReason.NOT_A_PDF),
            (pdfs.truncated_pdf(), PdfReason.DAMAGED),
            (pdfs.encrypted_pdf(), PdfReason.ENCRYPTED),
            (pdfs.empty(), PdfReason.EMPTY),
            (pdfs.many_pages_pdf(501), PdfReason.TOO_MANY_PAGES),
            (pdfs.pdf_with_javascript(), PdfReason.SCRIPTS),
        ],
        ids=lambda value: value.value if isinstance(value, PdfReason) else "",
    )
    def test_a_file_unfit_for_sale_stores_nothing(
        self,
        content: bytes,
        reason: PdfReason,
        draft: Note,
        upload: Upload,
        files: Path,
    ) -> None:
        upload(draft)
        before, on_disk = everything(), stored(files)

        with pytest.raises(PdfRejected) as refusal:
            upload(draft, content)

        assert refusal.value.reason == reason
        assert (everything(), stored(files)) == (before, on_disk)

    @pytest.mark.parametrize("state", [SUBMITTED, PUBLISHED])
    def test_into_a_note_that_moderators_or_buyers_hold_is_refused(
        self, state: NoteState, seller: User, upload: Upload, files: Path
    ) -> None:
        note = make_note(seller=seller, state=state)
        before = everything()

        with pytest.raises(NoteNotEditable):
            upload(note)

        assert (everything(), stored(files)) == (before, {})

    def test_into_someone_elses_note_finds_no_note(
        self, draft: Note, stranger: User, upload: Upload, files: Path
    ) -> None:
        before = everything()

        with pytest.raises(NoteNotFound):
            upload(draft, by=stranger.pk)

        assert (everything(), stored(files)) == (before, {})

    def test_that_ends_after_the_note_was_submitted_is_refused(
        self, draft: Note, upload: Upload, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload(draft)
        current, save = row(draft)["file_id"], LocalNoteStorage.save

        def submit_meanwhile(*arguments: Any) -> str:
            services.submit_note(note_id=draft.pk, seller_id=draft.seller_id, now=now)
            return save(*arguments)

        monkeypatch.setattr(LocalNoteStorage, "save", submit_meanwhile)

        with pytest.raises(NoteNotEditable):
            upload(draft, NEW_PDF)

        assert (row(draft)["file_id"], row(draft)["page_count"]) == (current, 3)

    @pytest.mark.django_db(transaction=True)
    def test_holds_no_transaction_open_while_the_store_works(
        self, draft: Note, upload: Upload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save, seen = LocalNoteStorage.save, []

        def look(*arguments: Any) -> str:
            seen.append((connection.in_atomic_block, NoteFile.objects.count()))
            return save(*arguments)

        monkeypatch.setattr(LocalNoteStorage, "save", look)

        upload(draft)

        assert seen == [(False, 1)]


class TestAnUploadThatIsCutOff:
    @pytest.fixture
    def an_hour_later(self, run_jobs: Callable[[], list[str]]) -> Callable[[], list[str]]:
        def run() -> list[str]:
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
            return run_jobs()

        return run

    @pytest.mark.parametrize("error", [RuntimeError("power cut"), StorageUnavailable()])
    def test_before_the_store_has_it_leaves_the_note_as_it_was(
        self,
        error: Exception,
        draft: Note,
        upload: Upload,
        monkeypatch: pytest.MonkeyPatch,
        an_hour_later: Callable[[], list[str]],
    ) -> None:
        upload(draft)
        before, current = row(draft), NoteFile.objects.get()

        def fail(*_: Any) -> str:
            raise error

        monkeypatch.setattr(LocalNoteStorage, "save", fail)
        with pytest.raises(type(error)):
            upload(draft, NEW_PDF)
        after, lost = row(draft), NoteFile.objects.exclude(pk=current.pk).get()
        an_hour_later()

        for file in (current, lost):
            file.refresh_from_db()
        assert after == before == row(draft)
        assert (current.removed_at is None, lost.removed_at is None) == (True, False)

    def test_before_the_note_has_it_is_cleaned_up(
        self,
        draft: Note,
        upload: Upload,
        files: Path,
        monkeypatch: pytest.MonkeyPatch,
        an_hour_later: Callable[[], list[str]],
    ) -> None:
        def crash(**_: Any) -> Note:
            raise RuntimeError("power cut")

        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(services, "_attach_file", crash)
            upload(draft)
        left = stored(files)
        ran = an_hour_later()

        assert row(draft)["file_id"] is None
        assert (list(left.values()), stored(files)) == ([PDF], {})
        assert ran == ["notes.tasks.remove_unused_file"]

    def test_by_a_rolled_back_announcement_leaves_neither_row_nor_job(
        self, draft: Note, upload: Upload, files: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(*_: Any, **__: Any) -> None:
            raise RuntimeError("power cut")

        before = everything()
        monkeypatch.setattr(services.jobs, "defer", crash)

        with pytest.raises(RuntimeError), transaction.atomic():
            upload(draft)

        assert (everything(), stored(files)) == (before, {})


class TestAReplacedFile:
    def test_is_removed_an_hour_later_and_the_current_one_never(
        self,
        draft: Note,
        upload: Upload,
        files: Path,
        run_jobs: Callable[[], list[str]],
    ) -> None:
        upload(draft)
        old = NoteFile.objects.get()
        upload(draft, NEW_PDF)
        at_once = (run_jobs(), sorted(stored(files).values()))
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")

        ran = run_jobs()

        new = NoteFile.objects.exclude(pk=old.pk).get()
        old.refresh_from_db()
        assert at_once == ([], sorted([PDF, NEW_PDF]))
        assert ran == ["notes.tasks.remove_unused_file"] * 3
        assert stored(files) == {new.storage_name: NEW_PDF}
        assert (old.removed_at is None, new.removed_at) == (False, None)
        assert row(draft)["file_id"] == new.pk


class TestASecondVersion:
    """Buyers read what a moderator approved, not what the seller uploaded since."""

    @pytest.fixture
    def read(self, buyer: User, files: Path, now: datetime) -> Callable[[Note], bytes]:
        def download(note: Note) -> bytes:
            link = access.download_link(note_id=note.pk, buyer_id=buyer.pk, now=now)
            with LocalNoteStorage().open_link(link.url.rpartition("/")[2], now=now)[0] as file:
                return file.read()

        return download

    def test_reaches_buyers_once_it_is_approved(
        self,
        draft: Note,
        buyer: User,
        moderator: User,
        upload: Upload,
        read: Callable[[Note], bytes],
        files: Path,
        run_jobs: Callable[[], list[str]],
        now: datetime,
    ) -> None:
        def publish() -> None:
            services.submit_note(note_id=draft.pk, seller_id=draft.seller_id, now=now)
            services.publish_note(note_id=draft.pk, moderator_id=moderator.pk, now=now)

        upload(draft)
        publish()
        access.grant_accesses(buyer_id=buyer.pk, references={draft.pk: uuid4()}, now=now)
        services.withdraw_note(note_id=draft.pk, seller_id=draft.seller_id, now=now)
        upload(draft, NEW_PDF)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
        run_jobs()
        assert read(draft) == PDF

        publish()

        assert read(draft) == NEW_PDF
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
        run_jobs()
        assert list(stored(files).values()) == [NEW_PDF]
