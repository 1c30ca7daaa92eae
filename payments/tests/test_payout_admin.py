"""The payout desk, as Finance works at it and as the others see it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from notevault.accounts.tests.factories import PASSWORD, make_user
from payments.ledger.balances import balances_of
from payments.models import Payout, PayoutBatch
from payments.tests.factories import BANK, make_payout

pytestmark = pytest.mark.django_db

LIST = reverse("admin:payments_payout_changelist")
IMPORT = f"{LIST}import-answers/"
UTR = "HDFCN52026112712"


def desk_of(group: str) -> Client:
    """Signed in by the form, as staff do."""
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    answer = client.post("/admin/login/", {"username": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


@pytest.fixture
def finance(db):
    return desk_of("Finance")


@pytest.fixture
def payout(seller, now):
    return make_payout(seller, now=now, to=BANK)


def act(desk, action, *payouts, **form):
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in payouts], **form}
    return desk.post(LIST, chosen, follow=True)


def held(seller):
    balances = balances_of(seller.pk)
    return balances["seller_available"], balances["payouts_in_transit"]


def state_of(payout):
    payout.refresh_from_db()
    return payout.state


def answer(*rows):
    lines = ["reference,utr,status,reason", *(",".join(row) for row in rows)]
    return {"file": SimpleUploadedFile("answer.csv", "\n".join(lines).encode(), "text/csv")}


class TestFinance:
    def test_sees_the_last_digits_in_the_list_and_the_whole_number_on_the_page(
        self, finance, payout
    ):
        page = reverse("admin:payments_payout_change", args=[payout.pk])

        listed, opened = finance.get(LIST).content.decode(), finance.get(page).content.decode()

        assert "XXXXXXXXXX4321" in listed
        assert BANK.account_number not in listed
        assert BANK.account_number in opened
        assert "₹250.00" in opened

    @pytest.mark.parametrize("query", ["state__exact=requested", "to=bank", "q=seller@"])
    def test_finds_a_payout(self, finance, payout, query):
        assert payout.reference in finance.get(f"{LIST}?{query}").content.decode()

    def test_finds_a_payout_by_the_reference_of_any_attempt(self, finance, payout):
        page = finance.get(LIST, {"q": f"{payout.code}07"}).content.decode()

        assert payout.reference in page

    @pytest.mark.parametrize("query", ["state__exact=paid", "to=upi", "q=nobody"])
    def test_filters_the_list(self, finance, payout, query):
        assert payout.reference not in finance.get(f"{LIST}?{query}").content.decode()

    def test_approves(self, finance, payout):
        page = act(finance, "approve", payout).content.decode()

        assert state_of(payout) == "approved"
        assert "1 approved." in page
        assert payout.moves.get().actor_id is not None

    def test_is_told_which_one_cannot_be_approved(self, finance, payout, seller, now):
        other = make_payout(seller, now=now)
        act(finance, "approve", payout)

        page = act(finance, "approve", payout, other).content.decode()

        assert f"{payout.reference} (₹250.00): It is approved" in page
        assert "1 approved." in page
        assert state_of(other) == "approved"

    def test_rejects_with_a_reason(self, finance, payout, seller):
        assert "Reason" in act(finance, "reject", payout).content.decode()
        assert held(seller) == (0, 25_000)

        act(finance, "reject", payout, confirmed="yes", why="Not your account.")

        assert state_of(payout) == "rejected"
        assert payout.refused_why == "Not your account."
        assert held(seller) == (25_000, 0)

    def test_marks_as_failed_and_sends_again(self, finance, payout, seller):
        act(finance, "approve", payout)
        act(finance, "export", payout)

        act(finance, "mark_failed", payout, confirmed="yes", why="Account closed.")
        assert state_of(payout) == "failed"
        act(finance, "retry", payout)

        assert state_of(payout) == "approved"
        assert held(seller) == (0, 25_000)


class TestExport:
    def test_downloads_the_file_of_a_new_batch(self, finance, payout, seller):
        act(finance, "approve", payout)

        response = act(finance, "export", payout)

        batch = PayoutBatch.objects.get()
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        assert response["Content-Disposition"] == f'attachment; filename="{batch.file_name}"'
        assert "no-store" in response["Cache-Control"]
        assert f"ASHA RAO,{BANK.account_number},HDFC0001234,250.00" in response.content.decode()
        assert state_of(payout) == "exported"
        assert batch.made_by.email == "finance@example.com"

    def test_gives_the_same_file_again(self, finance, payout):
        act(finance, "approve", payout)
        first = act(finance, "export", payout)
        batch = PayoutBatch.objects.get()
        page = finance.get(reverse("admin:payments_payoutbatch_change", args=[batch.pk]))
        url = reverse("admin:payments_payoutbatch_changelist") + f"{batch.pk}/file/"

        again = finance.get(url)

        assert url in page.content.decode()
        assert BANK.account_number not in page.content.decode()
        assert again.content == first.content
        assert again["Content-Disposition"] == first["Content-Disposition"]

    def test_of_one_that_is_not_approved_is_refused(self, finance, payout):
        page = act(finance, "export", payout).content.decode()

        assert "None of these payouts is approved." in page
        assert state_of(payout) == "requested"
        assert not PayoutBatch.objects.exists()

    def test_of_both_kinds_is_refused(self, finance, payout, seller, now):
        other = make_payout(seller, now=now)
        act(finance, "approve", payout, other)

        page = act(finance, "export", payout, other).content.decode()

        assert "UPI and bank payouts go into files of their own." in page
        assert not PayoutBatch.objects.exists()

    def test_says_afterwards_how_many_were_left(self, finance, payout, seller, now):
        other = make_payout(seller, now=now)
        act(finance, "approve", payout)
        act(finance, "export", payout, other)

        page = finance.get(LIST).content.decode()

        assert "1 exported; 1 others are your own or not approved and were left." in page

    @pytest.mark.parametrize("name", ["x", "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9"])
    def test_of_no_such_batch_is_not_found(self, finance, name):
        url = reverse("admin:payments_payoutbatch_changelist") + f"{name}/file/"

        assert finance.get(url).status_code == 404


class TestImport:
    @pytest.fixture
    def exported(self, finance, payout):
        act(finance, "approve", payout)
        act(finance, "export", payout)
        return payout

    def test_is_linked_from_the_list(self, finance, payout):
        assert IMPORT in finance.get(LIST).content.decode()
        assert "Preview" in finance.get(IMPORT).content.decode()

    def test_shows_what_it_would_do_and_then_does_it(self, finance, exported, seller):
        shown = finance.post(IMPORT, answer((exported.reference, UTR, "paid", "")))
        page = shown.content.decode()
        assert "Nothing was changed yet." in page
        assert f"Paid with UTR {UTR}." in page
        assert state_of(exported) == "exported"

        content = shown.context["again"].value()
        page = finance.post(IMPORT, {"content": content, "apply": "yes"}).content.decode()

        assert "This is what became of each line." in page
        assert f"Paid with UTR {UTR}." in page
        assert state_of(exported) == "paid"
        assert exported.utr == UTR
        assert held(seller) == (0, 0)

    def test_of_a_paid_one_may_be_undone_when_the_bank_sends_it_back(
        self, finance, exported, seller
    ):
        finance.post(IMPORT, answer((exported.reference, UTR, "paid", "")) | {"apply": "yes"})
        asked = act(finance, "mark_returned", exported)
        assert "Look it up in our account first." in asked.content.decode()

        act(finance, "mark_returned", exported, confirmed="yes", why="The account is closed.")

        assert state_of(exported) == "returned"
        assert held(seller) == (25_000, 0)

    def test_refuses_a_line_and_does_the_others(self, finance, exported):
        rows = answer((exported.reference, UTR, "paid", ""), ("NV00000000000001", UTR, "paid", ""))
        rows = rows | {"apply": "yes"}

        page = finance.post(IMPORT, rows).content.decode()

        assert "There is no such payout." in page
        assert state_of(exported) == "exported"  # two lines with one UTR

    def test_shows_the_file_s_text_as_text(self, finance, exported):
        page = finance.post(IMPORT, answer(("<script>x</script>", UTR, "paid", "")))

        assert "<script>x" not in page.content.decode().lower()

    @pytest.mark.parametrize(
        ("form", "sentence"),
        [
            ({}, "Choose a file."),
            ({"file": SimpleUploadedFile("x.csv", b"a,b\n1,2\n")}, "names no column reference"),
            ({"file": SimpleUploadedFile("x.csv", b"a" * (256 * 1024 + 1))}, "larger than 256 KiB"),
            ({"content": "a,b\n1,2\n", "apply": "yes"}, "names no column reference"),
        ],
        ids=["nothing", "another file", "too large", "another text"],
    )
    def test_refuses_what_is_no_answer(self, finance, exported, form, sentence):
        page = finance.post(IMPORT, form).content.decode()

        assert sentence in page
        assert state_of(exported) == "exported"


class TestTheOthers:
    @pytest.mark.parametrize("group", ["Auditor", "Support"])
    def test_look_and_decide_nothing(self, payout, seller, group):
        desk = desk_of(group)
        page = reverse("admin:payments_payout_change", args=[payout.pk])

        for action in ("approve", "reject", "export", "mark_failed", "retry"):
            act(desk, action, payout, confirmed="yes", why="not mine to say")

        assert payout.reference in desk.get(LIST).content.decode()
        assert BANK.account_number not in desk.get(page).content.decode()
        assert state_of(payout) == "requested"
        assert not payout.moves.exists()
        assert held(seller) == (0, 25_000)

    @pytest.mark.parametrize("group", ["Auditor", "Support", "Moderator"])
    def test_take_no_file(self, finance, payout, group):
        act(finance, "approve", payout)
        act(finance, "export", payout)
        batch, desk = PayoutBatch.objects.get(), desk_of(group)
        url = reverse("admin:payments_payoutbatch_changelist") + f"{batch.pk}/file/"

        paid = answer((payout.reference, UTR, "paid", "")) | {"apply": "yes"}

        assert desk.get(url).status_code == 403
        assert desk.get(IMPORT).status_code == 403
        assert desk.post(IMPORT, paid).status_code == 403
        assert IMPORT not in desk.get(LIST).content.decode()
        assert state_of(payout) == "exported"

    def test_of_no_staff_are_sent_to_the_sign_in(self, client, payout):
        assert client.get(IMPORT).status_code == 302
        assert Payout.objects.get().state == "requested"
