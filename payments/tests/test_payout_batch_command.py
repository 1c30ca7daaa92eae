"""`manage.py payout_batch`, from a directory and back."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from notevault.accounts.tests.factories import make_user
from payments import payouts
from payments.models import Payout, PayoutBatch
from payments.tests.factories import BANK, make_payout

pytestmark = pytest.mark.django_db

UTR = "HDFCN52026112712"


@pytest.fixture
def payout(seller, now):
    payout = make_payout(seller, now=now, to=BANK)
    finance = make_user("finance", is_staff=True)
    return payouts.approve_payout(payout_id=payout.pk, actor_id=finance.pk, now=now)


def run(*args):
    out = io.StringIO()
    call_command("payout_batch", *map(str, args), stdout=out)
    return out.getvalue()


@pytest.fixture
def answer(payout, tmp_path):
    def answer(utr=UTR):
        path = tmp_path / "answer.csv"
        path.write_text(f"reference,utr,status\n{payout.reference},{utr},paid\n")
        return path

    return answer


class TestExport:
    def test_writes_the_file_for_nobody_else_to_read(self, payout, tmp_path):
        said = run("export", "bank", tmp_path)

        [path] = tmp_path.iterdir()
        assert said == f"1 payouts, ₹250.00 exported to {path}.\n"
        assert path.read_text().splitlines() == PayoutBatch.objects.get().content.splitlines()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_changes_nothing_in_a_dry_run(self, payout, tmp_path):
        assert run("export", "bank", tmp_path, "--dry-run") == (
            "1 payouts, ₹250.00 would be exported.\n"
        )

        assert list(tmp_path.iterdir()) == []
        assert Payout.objects.get().state == "approved"

    @pytest.mark.parametrize(
        ("kind", "directory"), [("upi", ""), ("bank", "not-there")], ids=["nothing", "nowhere"]
    )
    def test_that_cannot_be_done_exits_with_2(self, payout, tmp_path, kind, directory):
        with pytest.raises(CommandError) as refusal:
            run("export", kind, tmp_path / directory)

        assert refusal.value.returncode == 2
        assert Payout.objects.get().state == "approved"


class TestImport:
    def test_pays_and_says_so(self, payout, answer, tmp_path):
        run("export", "bank", tmp_path)

        said = run("import", answer())

        assert f"{payout.reference}  Paid with UTR {UTR}." in said
        assert said.endswith("1 paid, 0 failed, 0 unchanged, 0 refused\n")
        assert Payout.objects.get().state == "paid"

    def test_changes_nothing_in_a_dry_run(self, payout, answer, tmp_path):
        run("export", "bank", tmp_path)

        assert "Dry run: nothing was changed." in run("import", answer(), "--dry-run")

        assert Payout.objects.get().state == "exported"

    def test_of_a_refused_line_exits_with_1(self, payout, answer):
        with pytest.raises(SystemExit) as end:
            run("import", answer())

        assert end.value.code == 1

    def test_of_no_file_exits_with_2(self, tmp_path):
        with pytest.raises(CommandError) as refusal:
            run("import", tmp_path / "not-there.csv")

        assert refusal.value.returncode == 2
