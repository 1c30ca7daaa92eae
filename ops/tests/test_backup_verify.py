"""`backup_verify` proves a backup by restoring it, and says so in its row."""

from __future__ import annotations

import json

import pytest
from django.db import connection, transaction

from ops.backup import restoring, scratch, verifying
from ops.backup.database import configured
from ops.models import Backup
from ops.tests.backing_up import ask, belongs_to, flip, is_empty, only_dump, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(shop, shelf):
    assert run("backup", "--to", str(shelf))[0] == 0
    return only_dump(shelf)


@pytest.fixture
def proven(monkeypatch):
    """The proof of the ledger, which is a process of its own, holds."""
    monkeypatch.setattr(verifying, "_prove_ledger", lambda database: {"broken": 0})


def scratches():
    question = "SELECT datname FROM pg_database WHERE datname LIKE '%{}_verify_%'"
    return ask(configured(), question.format(configured().name))


class TestAGoodBackup:
    def test_is_proved_with_the_ledger_that_is_in_it(self, backup, shelf):
        code, said = run("backup_verify", "--from", str(shelf), "--json")

        facts, row = json.loads(said), Backup.objects.get()
        assert (code, facts["is_good"], facts["problems"]) == (0, True, [])
        assert facts["ledger_broken"] == 0
        assert row.verified_at > row.finished_at
        assert scratches() == []

    def test_is_known_again_to_a_database_that_forgot_it(self, backup, shelf, proven):
        before = Backup.objects.values("name", "sha256", "size_bytes", "schema_version").get()
        Backup.objects.all().delete()

        assert run("backup_verify", "--from", str(shelf))[0] == 0

        again = Backup.objects.values("name", "sha256", "size_bytes", "schema_version").get()
        assert again == before

    def test_may_be_tried_in_a_database_that_is_empty_again(self, backup, shelf, elsewhere, proven):
        code, _ = run("backup_verify", "--from", str(shelf), "--into", elsewhere.url())

        assert (code, is_empty(elsewhere)) == (0, True)

    def test_clears_away_the_scratch_of_a_killed_run(self, backup, shelf, proven):
        left = f"{configured().name[:40]}_verify_0123abcd"
        ask(configured(), f'CREATE DATABASE "{left}" TEMPLATE template0')

        run("backup_verify", "--from", str(shelf))

        assert scratches() == []


class TestABadBackup:
    def test_has_a_flipped_bit(self, backup, shelf, proven):
        run("backup_verify", "--from", str(shelf))
        flip(backup, 20_000)

        code, said = run("backup_verify", "--from", str(shelf))

        row = Backup.objects.get()
        assert (code, row.verified_at) == (1, None)
        assert "is not as it was written" in row.verify_error
        assert "is bad." in said

    def test_has_a_damaged_manifest(self, backup, shelf, proven):
        run("backup_verify", "--from", str(shelf))
        flip(backup.with_name(backup.name + ".json"), 400)

        assert run("backup_verify", "--from", str(shelf))[0] == 1
        assert Backup.objects.get().verified_at is None

    def test_holds_other_rows_than_were_counted(self, shop, shelf, proven, monkeypatch):
        from ops.backup import taking

        real = taking.count_rows
        orders = "public.payments_order"
        monkeypatch.setattr(taking, "count_rows", lambda c: {**real(c), orders: 4})
        run("backup", "--to", str(shelf))

        code, said = run("backup_verify", "--from", str(shelf))

        assert code == 1
        assert "public.payments_order: 3 instead of 4" in said
        assert scratches() == []

    def test_breaks_a_promise_of_the_ledger(self, shop, shelf):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE payments_ledgerentry SET amount_paise = amount_paise + 1")
        run("backup", "--to", str(shelf))

        code, said = run("backup_verify", "--from", str(shelf))

        assert code == 1
        assert "rows that break a promise" in said
        assert scratches() == []


class TestABackupThatCannotBeTried:
    def test_keeps_what_was_proved_before(self, backup, shelf, proven):
        run("backup_verify", "--from", str(shelf))
        verified_at = Backup.objects.get().verified_at

        words = ("--into", "postgresql://a:secret@127.0.0.1:1/x")
        code, said = run("backup_verify", "--from", str(shelf), *words)

        row = Backup.objects.get()
        assert (code, row.verified_at) == (1, verified_at)
        assert "cannot be reached" in row.verify_error
        assert "secret" not in said + row.verify_error

    def test_for_a_program_that_fails_keeps_it_too(self, backup, shelf, proven, monkeypatch):
        run("backup_verify", "--from", str(shelf))
        verified_at = Backup.objects.get().verified_at
        real = restoring._clearing
        no_room = "DO $$ BEGIN RAISE disk_full; END $$;\n"
        monkeypatch.setattr(restoring, "_clearing", lambda target: real(target) + no_room)

        code, said = run("backup_verify", "--from", str(shelf))

        row = Backup.objects.get()
        assert (code, row.verified_at) == (1, verified_at)
        assert "psql failed" in row.verify_error
        assert "is bad." not in said
        assert scratches() == []

    def test_where_there_is_none(self, transactional_db, shelf):
        code, said = run("backup_verify", "--from", str(shelf))

        assert code == 1
        assert "There is no whole backup" in said

    def test_drops_its_scratch_when_it_is_interrupted(self, backup, shelf, monkeypatch):
        def interrupted(*_):
            raise SystemExit(143)

        monkeypatch.setattr(verifying, "_try", interrupted)

        assert run("backup_verify", "--from", str(shelf))[0] == 143
        assert scratches() == []

    def test_refuses_a_scratch_that_is_not_empty(self, backup, shelf, elsewhere, proven):
        ask(elsewhere, "CREATE TABLE mine AS SELECT 7 AS id")

        with pytest.raises(scratch.NoScratch), scratch.scratch_given(elsewhere):
            pass

        assert ask(elsewhere, "SELECT id FROM mine") == [(7,)]

    def test_for_want_of_a_right_names_the_role_that_lacks_it(self, plain_owner, elsewhere):
        belongs_to(plain_owner, elsewhere)

        with (
            pytest.raises(scratch.NoScratch, match=f"ALTER ROLE {plain_owner} CREATEDB"),
            scratch.scratch_beside(elsewhere),
        ):
            pass
