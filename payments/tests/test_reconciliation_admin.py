"""What staff see of the reconciliation, and how they close what they have dealt with."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from notevault.accounts.tests.factories import make_user
from payments.models import ReconciliationBreak
from payments.reconciliation.breaks import record_break
from payments.reconciliation.comparison import Finding
from payments.states import BreakKind, BreakSubject

pytestmark = pytest.mark.django_db

LIST = reverse("admin:payments_reconciliationbreak_changelist")


@pytest.fixture
def row(now):
    finding = Finding(
        kind=BreakKind.AMOUNT,
        subject=BreakSubject.SETTLEMENT,
        gateway_id="pay_1",
        ours_paise=9666,
        theirs_paise=9566,
        details="9566 paise reached the bank account, not 9666",
        settlement_id="setl_1",
        utr="UTR1",
    )
    record_break(finding=finding, day=date(2026, 11, 23), cured="", now=now)
    return ReconciliationBreak.objects.get()


def desk_of(group: str) -> Client:
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def close(desk: Client, row: ReconciliationBreak, **form: str) -> str:
    action = {"action": "close", "_selected_action": str(row.pk), **form}
    return desk.post(LIST, action, follow=True).content.decode()


class TestFinance:
    def test_sees_the_difference_and_the_bank_reference(self, row):
        page = desk_of("Finance").get(LIST).content.decode()

        assert "-₹1.00" in page
        assert "UTR1" in page

    def test_closes_a_break_with_a_reason(self, row):
        desk = desk_of("Finance")
        assert "Close" in close(desk, row)
        row.refresh_from_db()
        assert row.state == "open"

        page = close(desk, row, confirmed="yes", why="a bank fee")

        row.refresh_from_db()
        assert (row.state, row.closed_at is not None) == ("closed", True)
        assert row.moves.get().why == "a bank fee"
        assert "1 closed." in page

    def test_is_told_that_a_closed_one_cannot_be_closed(self, row):
        desk = desk_of("Finance")
        close(desk, row, confirmed="yes", why="a bank fee")

        page = close(desk, row, confirmed="yes", why="once more")

        assert "Only an open break can be closed." in page
        assert row.moves.get().why == "a bank fee"


class TestAnAuditor:
    def test_sees_breaks_and_closes_none(self, row):
        desk = desk_of("Auditor")

        close(desk, row, confirmed="yes", why="not mine to say")

        assert "pay_1" in desk.get(LIST).content.decode()
        row.refresh_from_db()
        assert (row.state, row.moves.count()) == ("open", 0)
