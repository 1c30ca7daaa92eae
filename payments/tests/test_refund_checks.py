"""A buyer says that a file is broken: what the stored file decides."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile

from notes.models import NoteAccess, NoteFile
from notes.storage import note_storage
from notes.storage.port import StorageUnavailable
from notes.tests.factories import make_note
from notes.tests.pdfs import small_pdf
from payments import refund_requests
from payments.models import Refund
from payments.tests.refunding import ask, make_sale, mark_read

pytestmark = pytest.mark.django_db

PDF = small_pdf()
CHECK = "payments.tasks.check_refunded_files"
SEND = "payments.tasks.send_refund"


def about_refunds(ran):
    return [name for name in ran if name in (CHECK, SEND)]


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def order(buyer, note, gateway, now, run_jobs):
    """Bought and read two days ago."""
    made = make_sale(buyer=buyer, notes=[note], gateway=gateway, now=now - timedelta(days=2))
    mark_read(made, now)
    return made


def store(content, *, of=PDF):
    """What is stored under the name of the one file, and the file that was uploaded."""
    file = NoteFile.objects.get()
    note_storage().save(file.storage_name, ContentFile(content))
    NoteFile.objects.update(sha256=hashlib.sha256(of).hexdigest())


def is_broken(order, now, **changes):
    return ask(order, now, reason="file_broken", **changes)


class TestAFileThatIsBroken:
    def approved(self, order, now, run_jobs):
        request = is_broken(order, now)
        waiting = (request.state, request.decider, NoteAccess.objects.get().suspended_at)
        ran = run_jobs()
        request.refresh_from_db()
        assert waiting == ("requested", "automatic", None)
        assert about_refunds(ran) == [CHECK, SEND]
        assert (request.state, request.decider) == ("completed", "automatic")
        assert NoteAccess.objects.get().revoked_at is not None
        return request.findings

    def test_is_one_that_is_missing(self, order, now, run_jobs):
        assert "the file is missing" in self.approved(order, now, run_jobs)

    def test_is_another_one_than_was_uploaded(self, order, now, run_jobs):
        store(PDF[:-200])

        assert "not the one that was uploaded" in self.approved(order, now, run_jobs)

    def test_is_one_that_cannot_be_parsed(self, order, now, run_jobs):
        broken = b"%PDF-1.7\n" + b"0" * 500
        store(broken, of=broken)

        assert "the file is damaged" in self.approved(order, now, run_jobs)


class TestAFileThatIsWhole:
    def test_leaves_the_request_to_the_staff(self, order, now, run_jobs):
        store(PDF)
        request = is_broken(order, now)

        assert about_refunds(run_jobs()) == [CHECK]

        request.refresh_from_db()
        assert (request.state, request.decider) == ("requested", "staff")
        assert request.findings.endswith("the file is whole")
        assert Refund.objects.count() == 0

    def test_of_two_is_enough_for_that(self, order, buyer, seller, gateway, now, run_jobs):
        store(PDF)
        whole = order.items.get().note
        NoteAccess.objects.all().delete()
        both = make_sale(
            buyer=buyer, notes=[whole, make_note(seller=seller)], gateway=gateway, now=now
        )
        mark_read(both, now)
        request = is_broken(both, now)

        assert about_refunds(run_jobs()) == [CHECK]

        request.refresh_from_db()
        assert (request.state, request.decider) == ("requested", "staff")


class TestACheck:
    def test_waits_for_a_store_that_is_down(self, order, now, run_jobs, monkeypatch):
        request = is_broken(order, now)
        with monkeypatch.context() as down:
            down.setattr("notes.inspection.note_storage", self.unreachable)
            assert about_refunds(run_jobs()) == []
            request.refresh_from_db()
            assert (request.state, request.findings) == ("requested", "")

        assert CHECK in run_jobs()

        request.refresh_from_db()
        assert request.state == "completed"

    def unreachable(self):
        raise StorageUnavailable

    def test_is_not_made_for_a_part(self, order, note, now, run_jobs):
        request = is_broken(order, now, wanted={note.pk: 5000})

        assert (request.decider, about_refunds(run_jobs())) == ("staff", [])

    def test_is_not_made_above_2000_rupees(self, buyer, seller, gateway, now, run_jobs):
        dear = make_note(seller=seller, price_paise=250_000)
        order = make_sale(buyer=buyer, notes=[dear], gateway=gateway, now=now)

        request = is_broken(order, now)

        assert (request.decider, about_refunds(run_jobs())) == ("two_staff", [])

    def test_of_what_the_bank_looks_into_meanwhile_is_for_the_staff(self, order, now, run_jobs):
        request = is_broken(order, now)
        order.payments.get().disputes.create(
            gateway_dispute_id="disp_AAAAAAAAAAAAAA", amount_paise=9900, created_at=now
        )

        assert about_refunds(run_jobs()) == [CHECK]

        request.refresh_from_db()
        assert (request.state, request.decider, Refund.objects.count()) == ("requested", "staff", 0)
        assert request.findings.startswith("The bank is looking into this payment.")

    def test_comes_too_late_for_what_staff_decided(self, order, moderator, now, run_jobs):
        request = is_broken(order, now)
        refund_requests.reject_request(
            request_id=request.pk, staff_id=moderator.pk, why="no", now=now
        )

        assert about_refunds(run_jobs()) == [CHECK]

        request.refresh_from_db()
        assert (request.state, request.findings, Refund.objects.count()) == ("rejected", "", 0)
