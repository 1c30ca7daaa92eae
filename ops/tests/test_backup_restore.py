"""From a backup into a database: all of it, or nothing."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from ops.backup import manifest as manifests
from ops.backup import restoring
from ops.backup.database import configured
from ops.models import CacheEntry
from ops.tests.backing_up import (
    ask,
    belongs_to,
    checksums,
    fill,
    flip,
    in_folder,
    is_empty,
    only_dump,
    run,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backup(shop, shelf):
    assert run("backup", "--to", str(shelf))[0] == 0
    return only_dump(shelf)


def restore(shelf, database, *words):
    return run("restore", "--from", str(shelf), "--into", database.url(), *words)


class TestARestoredShop:
    def test_is_equal_in_every_table(self, shop, shelf, elsewhere):
        before = checksums(configured())
        run("backup", "--to", str(shelf))

        code, said = restore(shelf, elsewhere)

        after = checksums(elsewhere)
        assert (code, after) == (0, before)
        assert len(after) > 50
        assert ask(elsewhere, "SELECT count(*) FROM payments_ledgerentry")[0][0] > 10
        assert ask(elsewhere, "SELECT count(*) FROM payments_refund") == [(1,)]
        assert "manage.py verify_ledger" in said
        assert "manage.py migrate" not in said

    def test_still_guards_its_ledger(self, backup, elsewhere):
        restore(backup, elsewhere)

        with pytest.raises(Exception, match="ledger"):
            ask(elsewhere, "DELETE FROM payments_ledgerentry")

    def test_gives_the_same_backup_again(self, backup, shelf, elsewhere, settings, tmp_path):
        restore(shelf, elsewhere)
        settings.BACKUP_DATABASE_URL = elsewhere.url()
        again = tmp_path / "again"
        again.mkdir()

        run("backup", "--to", str(again))

        first, second = (
            manifests.read(dump.with_name(dump.name + ".json").read_bytes(), name=dump.name)
            for dump in (backup, only_dump(again))
        )
        assert first.rows == second.rows
        assert first.schema_version == second.schema_version

    def test_may_be_named_by_its_file(self, backup, elsewhere):
        assert restore(backup, elsewhere)[0] == 0

    def test_does_not_know_the_backup_that_it_came_from(self, backup, elsewhere):
        restore(backup, elsewhere)

        assert ask(elsewhere, "SELECT count(*) FROM ops_backup") == [(0,)]


class TestADatabaseOfAPlainOwner:
    def test_takes_a_backup_though_an_administrator_made_its_extensions(
        self, backup, plain_owner, elsewhere
    ):
        ask(elsewhere, "CREATE EXTENSION pg_trgm")
        belongs_to(plain_owner, elsewhere)

        code, said = restore(backup, elsewhere)

        assert code == 0, said
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        assert ask(elsewhere, owners) == [(plain_owner,)]

    def test_takes_one_with_its_extensions(self, backup, plain_owner, elsewhere):
        belongs_to(plain_owner, elsewhere)

        assert restore(backup, elsewhere)[0] == 0

        found = "SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'"
        assert ask(elsewhere, found) == [("pg_trgm",)]


class TestADatabaseThatIsNotEmpty:
    @pytest.fixture
    def full(self, elsewhere):
        ask(elsewhere, "CREATE TABLE mine AS SELECT 7 AS id")
        return elsewhere

    def test_is_refused(self, backup, shelf, full):
        code, said = restore(shelf, full)

        assert code == 1
        assert said.startswith("The database ")
        assert "is not empty: it has 1 tables in the schemas public" in said
        assert ask(full, "SELECT id FROM mine") == [(7,)]

    def test_is_not_replaced_by_another_database_that_nobody_named(self, backup, shelf, full):
        code, said = restore(shelf, full, "--force", "--yes-drop", full.name)

        assert code == 1
        assert f"is of {configured().name}, and would replace what" in said
        assert "name the .dump in --from" in said
        assert ask(full, "SELECT id FROM mine") == [(7,)]

    @pytest.mark.parametrize("answer", [(), ("--yes-drop", "another")])
    def test_keeps_what_it_has_until_its_name_is_said(self, backup, full, answer):
        code, said = restore(backup, full, "--force", *answer)

        assert code == 2
        assert f"add --yes-drop {full.name}" in said
        assert ask(full, "SELECT id FROM mine") == [(7,)]

    def test_is_replaced_once_it_is(self, backup, shelf, full):
        code, _ = restore(backup, full, "--force", "--yes-drop", full.name)

        assert code == 0
        assert ask(full, "SELECT to_regclass('mine')") == [(None,)]
        assert ask(full, "SELECT count(*) FROM payments_order") == [(3,)]

    def test_is_as_before_when_the_restore_fails(self, backup, full, monkeypatch):
        real = restoring._clearing
        # Something of the dump is in its way, after its own contents were dropped.
        in_the_way = "CREATE TABLE payments_order (id int);\n"
        monkeypatch.setattr(restoring, "_clearing", lambda target: real(target) + in_the_way)

        code, said = restore(backup, full, "--force", "--yes-drop", full.name)

        assert code == 1
        assert 'relation "payments_order" already exists' in said
        assert ask(full, "SELECT id FROM mine") == [(7,)]

    def test_is_restored_in_place_when_it_is_the_configured_one(self, shop, shelf):
        before = checksums(configured())
        run("backup", "--to", str(shelf))
        CacheEntry.objects.create(cache_key="later", value="1", expires="2030-01-01T00:00:00Z")
        connection.close()

        name = configured().name
        words = ("--into", "configured", "--force", "--yes-drop", name)
        code, _ = run("restore", "--from", str(shelf), *words)

        assert (code, checksums(configured())) == (0, before)


class TestAFolderOfSeveralDatabases:
    @pytest.fixture
    def shared(self, backup, shelf):
        """A newer backup of another database lies there too."""
        for suffix in (".dump", ".dump.json"):
            ours = backup.with_suffix(suffix)
            (shelf / f"staging-20990101T000000Z{suffix}").write_bytes(ours.read_bytes())
        return shelf

    def test_gives_a_database_its_own(self, shared, backup):
        words = ("--into", "configured", "--force", "--dry-run")
        code, said = run("restore", "--from", str(shared), *words)

        assert code == 0
        assert said.startswith(f"{backup.name}: ")

    def test_gives_none_to_a_third(self, shared, elsewhere):
        code, said = restore(shared, elsewhere)

        assert (code, is_empty(elsewhere)) == (1, True)
        assert f"backups of staging, {configured().name}, and none of {elsewhere.name}" in said


class TestNothingIsChanged:
    @pytest.mark.parametrize("at", [3, 20_000, -1])
    def test_by_a_dump_with_a_flipped_bit(self, backup, shelf, elsewhere, at):
        flip(backup, at)

        code, said = restore(shelf, elsewhere)

        assert code == 1
        assert "is not as it was written" in said
        assert is_empty(elsewhere)

    @pytest.mark.parametrize("at", [0, 25, 700, -30, -1])
    def test_by_a_manifest_with_a_flipped_bit(self, backup, shelf, elsewhere, at):
        flip(backup.with_name(backup.name + ".json"), at)

        code, said = restore(shelf, elsewhere)

        assert code == 1
        assert "manifest" in said
        assert is_empty(elsewhere)

    def test_by_a_dump_that_was_cut_short(self, backup, shelf, elsewhere):
        backup.write_bytes(backup.read_bytes()[:-1000])

        assert restore(shelf, elsewhere)[0] == 1
        assert is_empty(elsewhere)

    def test_by_a_dump_without_a_manifest(self, backup, shelf, elsewhere):
        backup.with_name(backup.name + ".json").unlink()

        code, said = restore(shelf, elsewhere)

        assert code == 1
        assert "There is no whole backup" in said
        assert is_empty(elsewhere)

    def test_by_a_newer_schema(self, shop, shelf, elsewhere):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied)"
                " VALUES ('payments', '0999_of_next_year', now())"
            )
        run("backup", "--to", str(shelf))
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '0999_of_next_year'")

        code, said = restore(shelf, elsewhere)

        assert code == 1
        assert "it does not know payments.0999_of_next_year" in said
        assert is_empty(elsewhere)

    def test_by_a_dry_run(self, backup, shelf, elsewhere):
        code, said = restore(shelf, elsewhere, "--dry-run")

        assert (code, is_empty(elsewhere)) == (0, True)
        assert "Dry run: the dump is whole" in said

    def test_when_pg_restore_is_killed(self, shelf, elsewhere, kill_while_pouring):
        kill_while_pouring("pg_restore")

        code, said = restore(shelf, elsewhere)

        assert (code, is_empty(elsewhere)) == (1, True)
        assert "pg_restore was killed by SIGKILL" in said

    def test_when_psql_is_killed(self, shelf, elsewhere, kill_while_pouring):
        kill_while_pouring("psql")

        code, said = restore(shelf, elsewhere)

        assert (code, is_empty(elsewhere)) == (1, True)
        assert "psql was killed by SIGKILL" in said

    @pytest.fixture
    def kill_while_pouring(self, shelf, transactional_db, monkeypatch):
        """A program dies once the first of the script has gone through our hands."""
        import psutil

        fill(3)
        run("backup", "--to", str(shelf))

        def arrange(program):
            def kill(_self, _count):
                for child in psutil.Process().children():
                    if child.name() == program:
                        child.kill()

            monkeypatch.setattr("ops.backup.desk.Progress.__call__", kill)

        return arrange


class TestAnOlderSchema:
    def test_is_told_to_migrate(self, shop, shelf, elsewhere):
        latest = "SELECT max(name) FROM django_migrations WHERE app = 'ops'"
        [(name,)] = ask(configured(), latest)
        ask(configured(), f"DELETE FROM django_migrations WHERE name = '{name}'")
        run("backup", "--to", str(shelf))
        values = f"('ops', '{name}', now())"
        ask(
            configured(),
            f"INSERT INTO django_migrations (app, name, applied) VALUES {values}",
        )

        code, said = restore(shelf, elsewhere)

        assert code == 0
        assert said.index("manage.py migrate") < said.index("manage.py verify_ledger")


class TestARequestThatMakesNoSense:
    @pytest.mark.parametrize(
        ("into", "sentence", "code"),
        [
            ("mysql://a@b/c", "must start with postgresql://", 2),
            ("postgresql://a@127.0.0.1:1/", "names no database", 2),
            ("postgresql://a:secret@127.0.0.1:1/x", "cannot be reached", 1),
        ],
    )
    def test_is_answered_with_a_sentence(self, backup, shelf, into, sentence, code):
        found, said = run("restore", "--from", str(shelf), "--into", into)

        assert found == code
        assert sentence in said
        assert "secret" not in said

    def test_a_database_that_does_not_exist_is_named(self, backup, shelf):
        missing = configured().named("nowhere")

        code, said = restore(shelf, missing)

        assert code == 1
        assert 'database "nowhere" does not exist' in said

    @pytest.mark.parametrize("command", [("restore", "--into", "configured"), ("backup_verify",)])
    def test_a_folder_that_is_missing_is_not_to_be_made(self, transactional_db, tmp_path, command):
        code, said = run(*command, "--from", str(tmp_path / "missing"))

        assert code == 1
        assert said == f"There is no {tmp_path / 'missing'}."


def test_a_manifest_is_json_that_people_can_read(backup, shelf):
    body = json.loads(backup.with_name(backup.name + ".json").read_bytes())

    assert body["rows"]["public.payments_order"] == 3
    assert body["size_bytes"] == backup.stat().st_size
    assert "payments.0008_ledger_and_returns" in body["migrations"]
    assert in_folder(shelf) == [backup.name, f"{backup.name}.json"]
