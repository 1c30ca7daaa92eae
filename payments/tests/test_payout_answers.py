"""The files between us and the bank: what is handed in, and what its answer does."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notevault.accounts.tests.factories import make_user
from payments import payouts
from payments.ledger.balances import balance_paise, balances_of
from payments.models import LedgerTransaction, Payout, PayoutMove
from payments.payouts import answers, bank_files
from payments.payouts.bank_files import AnswerFileRefused, read_answers
from payments.states import AccountKind, PayoutFormat
from payments.tests.factories import BANK, UPI, make_payout

pytestmark = pytest.mark.django_db

UTR = "HDFCN52026112712"
OTHER_UTR = "HDFCN52026112713"


@pytest.fixture
def staff(db):
    return make_user("finance", is_staff=True)


@pytest.fixture
def send(seller, staff, now):
    """As many payouts as are asked for, exported in one batch."""

    def send(count=1, to=UPI):
        made = [make_payout(seller, now=now, to=to) for _ in range(count)]
        for payout in made:
            payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)
        ids = [payout.pk for payout in made]
        payouts.make_batch(payout_ids=ids, actor_id=staff.pk, now=now)
        return list(Payout.objects.filter(pk__in=ids).order_by("pk"))

    return send


@pytest.fixture
def take(staff, now):
    """Apply an answer of these rows (name, utr, status, reason)."""

    def take(*rows):
        text = "\n".join(["reference,utr,status,reason", *(",".join(row) for row in rows)])
        given = payouts.read_answers(text.encode())
        return [
            (str(verdict.result), verdict.sentence)
            for verdict in payouts.apply_answers(given, actor_id=staff.pk, now=now)
        ]

    return take


def in_transit(seller):
    return balances_of(seller.pk)["payouts_in_transit"]


class TestTheFileForTheBank:
    def rows(self, batch):
        return list(csv.reader(io.StringIO(batch.content, newline="")))

    def test_has_what_neft_asks_for(self, send):
        [payout] = send(to=BANK)

        assert self.rows(payout.batch) == [
            ["beneficiary_name", "account_number", "ifsc", "amount", "reference", "remarks"],
            [
                "ASHA RAO",
                "50100123454321",
                "HDFC0001234",
                "250.00",
                payout.reference,
                "NoteVault payout",
            ],
        ]

    def test_has_what_upi_asks_for(self, send):
        [payout] = send()

        assert self.rows(payout.batch) == [
            ["upi_id", "amount", "reference", "remarks"],
            ["asha.rao@okhdfcbank", "250.00", payout.reference, "NoteVault payout"],
        ]

    def test_has_no_cell_that_a_spreadsheet_would_run(self, seller):
        payout = Payout(
            amount_paise=10_050, holder_name="=HYPERLINK(1)", account_number="1", ifsc="@x"
        )

        text = bank_files.write_batch([payout], file_format=PayoutFormat.BANK)

        row = text.splitlines()[1]
        assert row == f"'=HYPERLINK(1),1,'@x,100.50,{payout.reference},NoteVault payout"

    def test_stays_the_same_when_a_payout_goes_into_a_later_one(self, send, take, staff, now):
        [payout] = send()
        batch, before = payout.batch, payout.batch.content
        take((payout.reference, "", "failed", "Account closed."))
        payouts.retry_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)

        later = payouts.make_batch(payout_ids=[payout.pk], actor_id=staff.pk, now=now)

        batch.refresh_from_db()
        assert batch.content == before
        assert f"{payout.code}02" in later.content

    def test_comes_back_filled_in_and_pays(self, send, seller, staff, now):
        [payout] = send(to=BANK)
        header, row = payout.batch.content.splitlines()
        filled = f"\ufeff{header},UTR,Status\r\n{row},{UTR.lower()},PAID\r\n"

        given = payouts.read_answers(filled.encode())
        payouts.apply_answers(given, actor_id=staff.pk, now=now)

        payout.refresh_from_db()
        assert (payout.state, payout.utr) == ("paid", UTR)


class TestAnAnswer:
    def test_of_paid_ends_the_payout(self, send, take, seller, staff, now):
        [payout] = send()

        assert take((payout.reference, UTR, "paid", "")) == [("paid", f"Paid with UTR {UTR}.")]

        payout.refresh_from_db()
        assert (payout.state, payout.utr, payout.paid_at) == ("paid", UTR, now)
        assert balances_of(seller.pk) == {"seller_available": 0, "payouts_in_transit": 0}
        assert balance_paise(kind=AccountKind.BANK) == 25_000
        assert LedgerTransaction.objects.get(kind="payout_paid").subject_id == payout.pk
        last = payout.moves.order_by("id").last()
        assert (last.new, last.why, last.actor_id) == ("paid", f"UTR {UTR}", staff.pk)

    def test_of_failed_leaves_the_money_in_transit(self, send, take, seller):
        [payout] = send()

        assert take((payout.reference, "", "failed", "Account closed.")) == [
            ("failed", "Failed: Account closed.")
        ]

        payout.refresh_from_db()
        assert (payout.state, payout.refused_why) == ("failed", "Account closed.")
        assert in_transit(seller) == 25_000

    def test_may_name_a_payout_by_its_id(self, send, take):
        [payout] = send()

        take((str(payout.pk), UTR, "paid", ""))

        payout.refresh_from_db()
        assert payout.state == "paid"

    def test_may_name_a_payout_in_small_letters_and_is_shown_as_written(self, send):
        by_reference, by_id = send(2)
        names = [by_reference.reference.lower(), str(by_id.pk), "nv-unknown"]
        text = f"reference,utr,status\n{names[0]},{UTR},paid\n{names[1]},{OTHER_UTR},paid\n"

        answers = read_answers(f"{text}{names[2]},,paid\n".encode())
        verdicts = payouts.preview_answers(answers, actor_id=None)

        assert [str(verdict.result) for verdict in verdicts] == ["paid", "paid", "refused"]
        assert [verdict.answer.name for verdict in verdicts] == names

    def test_taken_twice_changes_nothing(self, send, take, seller):
        first, second = send(2)
        rows = [(first.reference, UTR, "paid", ""), (second.reference, "", "failed", "Closed.")]
        take(*rows)
        moves, posted = PayoutMove.objects.count(), LedgerTransaction.objects.count()

        assert take(*rows) == [
            ("unchanged", "It was paid before."),
            ("unchanged", "It had failed before."),
        ]

        assert PayoutMove.objects.count() == moves
        assert LedgerTransaction.objects.count() == posted
        assert in_transit(seller) == 25_000

    def test_to_an_attempt_that_was_given_up_is_refused(self, send, take, staff, now):
        [payout] = send()
        old = (payout.reference, "", "failed", "Closed.")
        take(old)
        payouts.retry_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)
        payouts.make_batch(payout_ids=[payout.pk], actor_id=staff.pk, now=now)

        assert take(old) == [
            ("refused", f"This is of an attempt that was given up; the last is {payout.code}02.")
        ]
        assert take((str(payout.pk), UTR, "paid", "")) == [
            ("refused", "This payout was sent more than once: name it by its reference.")
        ]

        payout.refresh_from_db()
        assert payout.state == "exported"


class TestALineThatCannotBeRight:
    """Is refused with a sentence, and the others go on."""

    def alone(self, take, send, seller, row, sentence):
        [good] = send()

        verdicts = take((good.reference, OTHER_UTR, "paid", ""), row)

        assert verdicts == [("paid", f"Paid with UTR {OTHER_UTR}."), ("refused", sentence)]
        assert in_transit(seller) == Payout.objects.exclude(state="paid").count() * 25_000

    @pytest.mark.parametrize("name", ["NV00000000000001", "x", "=1+1", ""])
    def test_names_no_payout(self, take, send, seller, name):
        self.alone(take, send, seller, (name, UTR, "paid", ""), "There is no such payout.")

    def test_names_a_payout_that_is_not_with_the_bank(self, take, send, seller, now):
        waiting = make_payout(seller, now=now)

        sentence = "It is requested; only an exported payout can be paid."
        self.alone(take, send, seller, (waiting.reference, UTR, "paid", ""), sentence)

    def test_fails_a_payout_that_was_paid(self, take, send, seller):
        [paid] = send()
        take((paid.reference, UTR, "paid", ""))

        sentence = "It is paid; only an exported payout can be failed."
        self.alone(take, send, seller, (paid.reference, "", "failed", ""), sentence)

    def test_gives_a_paid_one_another_utr(self, take, send, seller):
        [paid] = send()
        take((paid.reference, UTR, "paid", ""))

        sentence = "It is paid; only an exported payout can be paid."
        self.alone(take, send, seller, (paid.reference, "HDFCN52026112799", "paid", ""), sentence)

    def test_has_the_utr_of_another_payout(self, take, send, seller):
        [paid], [payout] = send(), send()
        take((paid.reference, UTR, "paid", ""))

        sentence = f"The UTR {UTR} belongs to another payout."
        self.alone(take, send, seller, (payout.reference, UTR, "paid", ""), sentence)

    @pytest.mark.parametrize("utr", ["", "4.12E+11", "'=1", "123", "A" * 23])
    def test_has_no_utr(self, take, send, seller, utr):
        [payout] = send()

        sentence = "A UTR has 10 to 22 letters and digits."
        self.alone(take, send, seller, (payout.reference, utr, "paid", ""), sentence)

    def test_says_neither_paid_nor_failed(self, take, send, seller):
        [payout] = send()

        sentence = "The status is pending, not paid or failed."
        self.alone(take, send, seller, (payout.reference, UTR, "pending", ""), sentence)

    def test_is_one_of_two_with_one_utr(self, take, send, seller):
        first, second = send(2)

        verdicts = take((first.reference, UTR, "paid", ""), (second.reference, UTR, "paid", ""))

        sentence = f"The UTR {UTR} stands in the file more than once."
        assert verdicts == [("refused", sentence)] * 2
        assert in_transit(seller) == 50_000

    def test_is_one_of_two_about_one_payout(self, take, send, seller):
        [payout] = send()

        verdicts = take(
            (payout.reference, UTR, "paid", ""), (str(payout.pk), "", "failed", "Closed.")
        )

        assert verdicts == [("refused", "This payout stands in the file more than once.")] * 2
        assert in_transit(seller) == 25_000


class TestAPreview:
    def test_says_what_would_happen_and_changes_nothing(self, send, seller):
        first, second = send(2)
        text = f"reference,utr,status\n{first.reference},{UTR},paid\n{second.reference},,failed\n"

        verdicts = payouts.preview_answers(read_answers(text.encode()), actor_id=None)

        assert [verdict.sentence for verdict in verdicts] == [
            f"Paid with UTR {UTR}.",
            "Failed: The bank gave no reason.",
        ]
        assert set(Payout.objects.values_list("state", flat=True)) == {"exported"}
        assert in_transit(seller) == 50_000


class TestAFile:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "The first line names no column reference, utr or status."),
            (b"reference\n", "The first line names no column utr or status."),
            (b"reference,utr\n", "The first line names no column status."),
            (b"reference,utr,status\n\n", "The file has no lines under its header."),
            (b"reference,utr,status\n\xff,1,paid\n", "The file is not CSV in UTF-8."),
            (b'reference,utr,status\n"a"b,1,paid\n', "The file is not CSV in UTF-8."),
            (b"reference,utr,status\n\0,1,paid\n", "The file is not CSV: it holds bytes that"),
            (b"reference,utr,status\n" + b"a,b,paid\n" * 2001, "more than 2000 lines"),
            (b"x" * (256 * 1024 + 1), "The file is larger than 256 KiB."),
            (b"PK\x03\x04\x14\x00\x08", "The file is not CSV"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_that_cannot_be_read_is_refused(self, content, sentence):
        with pytest.raises(AnswerFileRefused) as refusal:
            read_answers(content)

        assert sentence in refusal.value.detail

    def test_may_have_its_columns_anywhere_and_short_lines(self):
        [answer] = read_answers(b"Status, UTR ,x,Payout ID\nFAILED\n")

        assert (answer.line, answer.status, answer.utr, answer.name) == (2, "failed", "", "")

    def test_costs_as_many_queries_for_many_lines_as_for_one(self, send, take):
        def queries(count):
            rows = [
                (payout.reference, f"HDFC{payout.pk.hex[-12:].upper()}", "paid", "")
                for payout in send(count)
            ]
            with CaptureQueriesContext(connection) as captured:
                assert {result for result, _ in take(*rows)} == {"paid"}
            return len(captured)

        queries(1)  # opens the bank's account

        assert queries(1) == queries(6)

    def test_is_applied_batch_by_batch(self, send, take, monkeypatch):
        monkeypatch.setattr(answers, "BATCH", 2)
        rows = [(p.reference, f"{UTR[:-1]}{i}", "paid", "") for i, p in enumerate(send(3))]

        assert [result for result, _ in take(*rows)] == ["paid"] * 3

        assert Payout.objects.filter(state="paid").count() == 3
