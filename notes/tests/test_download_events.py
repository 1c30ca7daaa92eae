"""Who asked for a download, and when: what is kept of it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from notes.access import DownloadLimitReached, download_link
from notes.models import DownloadEvent, NoteAccess
from notevault.accounts.tests.factories import make_user
from notevault.kit.caller import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def access(note, buyer, now):
    return NoteAccess.objects.create(note=note, buyer=buyer, reference=uuid4(), granted_at=now)


class TestADownloadLink:
    def test_leaves_one_row_of_who_asked(self, access, note, buyer, now):
        caller = Caller("2001:db8::7", "Mozilla/5.0 " + "x" * 400)

        download_link(note_id=note.pk, buyer_id=buyer.pk, now=now, caller=caller)

        event = DownloadEvent.objects.get()
        assert (event.access, event.at, event.ip_address) == (access, now, "2001:db8::7")
        assert event.user_agent == caller.user_agent[:300]

    def test_that_is_refused_leaves_none(self, access, note, buyer, now):
        NoteAccess.objects.update(downloads=20)

        with pytest.raises(DownloadLimitReached):
            download_link(note_id=note.pk, buyer_id=buyer.pk, now=now)

        assert DownloadEvent.objects.count() == 0

    def test_costs_one_query_more_for_it(self, access, note, buyer, now, django_assert_num_queries):
        # The access, the savepoint of the test's own transaction twice, the count, the row.
        with django_assert_num_queries(5):
            download_link(note_id=note.pk, buyer_id=buyer.pk, now=now)

    @pytest.mark.parametrize(
        ("proxies", "kept"), [(0, "198.51.100.1"), (1, "203.0.113.7"), (2, "10.9.9.9")]
    )
    def test_is_of_the_address_that_trusted_proxies_tell(
        self, proxies, kept, access, note, buyer, client_of, settings
    ):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}

        answer = client_of(buyer).post(
            f"/api/v1/library/{note.pk}/download",
            REMOTE_ADDR="198.51.100.1",
            HTTP_X_FORWARDED_FOR="10.9.9.9, 203.0.113.7",
            HTTP_USER_AGENT="NoteVault/2.1 (Android)",
        )

        event = DownloadEvent.objects.get()
        assert answer.status_code == 200
        assert (event.ip_address, event.user_agent) == (kept, "NoteVault/2.1 (Android)")

    def test_with_an_address_that_is_none_keeps_none(
        self, access, note, buyer, client_of, settings
    ):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

        answer = client_of(buyer).post(
            f"/api/v1/library/{note.pk}/download", HTTP_X_FORWARDED_FOR="unknown"
        )

        assert answer.status_code == 200
        assert DownloadEvent.objects.get().ip_address is None


class TestTheDesk:
    def test_shows_them_with_the_access(self, access, note, buyer, now):
        download_link(
            note_id=note.pk, buyer_id=buyer.pk, now=now, caller=Caller("203.0.113.7", "Firefox")
        )
        support = make_user("support", is_staff=True)
        support.groups.add(Group.objects.get(name="Support"))
        desk = Client()
        desk.force_login(support)

        text = desk.get(reverse("admin:notes_noteaccess_change", args=[access.pk])).content.decode()

        assert "203.0.113.7" in text
        assert "Firefox" in text
