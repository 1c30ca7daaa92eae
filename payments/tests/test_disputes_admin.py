"""The queue of disputes at the staff's desk, and the evidence drafted for each."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from notes.access import download_link
from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.accounts.models import User
from notevault.accounts.tests.factories import make_user
from notevault.kit import clock
from notevault.kit.caller import Caller
from payments.models import Dispute, Order
from payments.tests.test_disputes import sell

pytestmark = pytest.mark.django_db

QUEUE = "admin:payments_dispute_changelist"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) | <script>`x`"


@pytest.fixture
def trouble(buyer, note, gateway, now):
    return sell(buyer, [note], gateway, now)


@pytest.fixture
def dispute(trouble):
    trouble.tell(trouble.open())
    return trouble.dispute


def desk_of(group):
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def desk(db):
    return desk_of("Support")


def page(name, dispute, *more):
    return reverse(f"admin:payments_dispute_{name}", args=[dispute.pk, *more])


class TestTheQueue:
    @pytest.fixture
    def three(self, trouble, now):
        """Overdue, due in three days, and decided."""
        for hours, state in ((72.5, "open"), (-1, "open"), (1, "won")):
            heard = trouble.open(1000)
            trouble.tell(heard)
            Dispute.objects.filter(gateway_dispute_id=heard.id).update(
                state=state, respond_by=clock.now() + timedelta(hours=hours), reason_code=hours
            )
        return Dispute.objects.order_by("created_at")

    def test_has_the_live_ones_first_and_of_them_the_most_urgent(self, desk, three):
        rows = desk.get(reverse(QUEUE)).context["cl"].result_list

        assert [row.reason_code for row in rows] == ["-1", "72.5", "1"]

    def test_shows_the_hours_that_are_left_and_what_is_overdue(self, desk, three):
        text = desk.get(reverse(QUEUE)).content.decode()

        assert ">72 h<" in text.replace("\n", "").replace(" <", "<").replace("> ", ">")
        assert text.count(">overdue</strong>") == 1

    def test_is_found_by_payment_and_buyer(self, desk, dispute, buyer, trouble):
        for query in (trouble.payment_id, buyer.email, dispute.gateway_dispute_id):
            answer = desk.get(reverse(QUEUE), {"q": query})

            assert [row.pk for row in answer.context["cl"].result_list] == [dispute.pk]

    def test_asks_the_database_no_more_for_many(self, desk, trouble, django_assert_max_num_queries):
        for _ in range(9):
            trouble.tell(trouble.open(1000))

        with django_assert_max_num_queries(8):
            desk.get(reverse(QUEUE))


class TestADispute:
    def test_shows_its_history_its_holds_and_its_order(self, desk, dispute, trouble, gateway):
        moved = gateway.move_dispute(dispute.gateway_dispute_id, "under_review")
        trouble.tell(moved, "under_review")

        text = desk.get(page("change", dispute)).content.decode()

        assert "told by webhook under_review" in text
        assert "₹84.15" in text
        assert "paise of" not in text
        assert reverse("admin:payments_order_change", args=[trouble.order.pk]) in text
        assert page("evidence", dispute) in text
        assert "₹99.00" in text

    def test_changes_by_no_hand(self, dispute):
        root = User.objects.create_superuser("root@example.com", "pw", name="Root")
        client = Client()
        client.force_login(root)

        answer = client.post(page("change", dispute), {"state": "won"})

        dispute.refresh_from_db()
        assert (answer.status_code, dispute.state) == (403, "open")


class TestTheEvidence:
    @pytest.fixture
    def told(self, dispute, note, buyer, now, monkeypatch):
        """The buyer bought before, and has downloaded the note."""
        Order.objects.create(
            buyer=buyer,
            state="paid",
            subtotal_paise=0,
            discount_paise=0,
            total_paise=0,
            created_at=now - timedelta(days=3),
            expires_at=now,
            paid_at=now - timedelta(days=3),
        )
        User.objects.filter(pk=buyer.pk).update(date_joined=now - timedelta(days=40))
        download_link(
            note_id=note.pk,
            buyer_id=buyer.pk,
            now=now + timedelta(minutes=5),
            caller=Caller("203.0.113.7", BROWSER),
        )
        return dispute

    def test_is_a_page(self, desk, told):
        text = desk.get(page("evidence", told)).content.decode()

        assert f"Evidence for dispute {told.gateway_dispute_id}" in text
        assert "203.0.113.7" in text
        assert "<script>`x`" not in text
        assert page("evidence_file", told, "md") in text

    def test_is_a_text_of_what_we_know(self, desk, told, trouble, note):
        trouble.refund_by_hand(4000)

        answer = desk.get(page("evidence_file", told, "md"))

        assert answer["Content-Type"] == "text/markdown; charset=utf-8"
        assert answer["Content-Disposition"].startswith('attachment; filename="evidence-')
        text = answer.content.decode()
        for said in (
            f"disputed for ₹99.00 on {clock.indian_time(told.created_at)}",
            f"Order {trouble.order.pk}, placed on 23 Nov 2026, 17:30 IST",
            "| Operating Systems: scheduling | ₹99.00 | ₹99.00 |",
            "Buyer \\<buyer@example.com\\>",
            ": 40 days before this order.",
            "Orders paid before this one: 1.",
            "₹99.00 by upi, captured on 23 Nov 2026, 17:30 IST.",
            f"| 12 | 1000 bytes | {'0' * 64} |",
            "| 23 Nov 2026, 17:35 IST | Operating Systems: scheduling | 203.0.113.7 | "
            "Mozilla/5.0 (X11; Linux x86\\_64) \\| \\<script\\>\\`x\\` |",
            "A buyer may ask for a refund within 7 days",
            "| ₹40.00 | processed |",
        ):
            assert said in text

    def test_is_plain_text_too(self, desk, told):
        answer = desk.get(page("evidence_file", told, "txt"))

        text = answer.content.decode()
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
        assert "Buyer <buyer@example.com>, with an account since" in text
        assert "Note: Operating Systems: scheduling; Price: ₹99.00; Paid: ₹99.00\n" in text
        assert f"; Program: {BROWSER}\n" in text
        assert "\\" not in text
        assert desk.get(page("evidence_file", told, "pdf")).status_code == 404

    def test_says_so_where_there_is_nothing(self, desk, dispute):
        text = desk.get(page("evidence_file", dispute, "md")).content.decode()

        assert "No download was asked for." in text
        assert "There is none." in text

    def test_tells_of_no_other_buyer_and_no_secret(self, desk, told, note, stranger, now, settings):
        NoteAccess.objects.create(note=note, buyer=stranger, reference=uuid4(), granted_at=now)
        download_link(
            note_id=note.pk, buyer_id=stranger.pk, now=now, caller=Caller("198.51.100.9", "x")
        )

        text = desk.get(page("evidence_file", told, "md")).content.decode()

        assert "198.51.100.9" not in text
        assert stranger.email not in text
        assert settings.RAZORPAY_KEY_SECRET not in text
        assert note.published_file.storage_name not in text

    def test_of_what_is_not_there_is_not_found(self, desk):
        url = reverse("admin:payments_dispute_evidence", args=[uuid4()])

        assert desk.get(url).status_code == 404

    @pytest.mark.parametrize(
        ("group", "status"),
        [("Support", 200), ("Finance", 200), ("Auditor", 200), ("Moderator", 403)],
    )
    def test_is_for_those_who_may_see_disputes(self, group, status, dispute):
        desk = desk_of(group)

        assert desk.get(page("evidence", dispute)).status_code == status
        assert desk.get(page("evidence_file", dispute, "md")).status_code == status

    def test_asks_the_database_no_more_for_many_lines(
        self, buyer, seller, gateway, now, desk, django_assert_max_num_queries
    ):
        trouble = sell(buyer, [make_note(seller=seller) for _ in range(10)], gateway, now)
        trouble.tell(trouble.open())
        for access in NoteAccess.objects.all():
            download_link(note_id=access.note_id, buyer_id=buyer.pk, now=now)
        url = page("evidence_file", trouble.dispute, "md")
        desk.get(url)

        # Three of them are the session, the user and the permissions.
        with django_assert_max_num_queries(10):
            desk.get(url)
