"""A backup has its name once it is whole; whatever happens before that leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from notevault.kit import clock
from ops.backup import manifest as manifests
from ops.backup import programs, taking
from ops.backup.database import configured
from ops.backup.programs import Clients
from ops.backup.stores import Folder, StoreFailed
from ops.models import Backup, CacheEntry
from ops.tests.backing_up import ask, fill, in_folder, only_dump, run, started

pytestmark = pytest.mark.django_db(transaction=True)


def take(shelf: Path, *, on_bytes=lambda count: None, keep=None):
    made, _ = taking.take_backup(
        database=configured(),
        store=Folder(shelf),
        keep=keep,
        now=clock.now(),
        on_bytes=on_bytes,
    )
    return made


def pg_dumps(of: int | None = None) -> list[psutil.Process]:
    children = psutil.Process(of).children(recursive=True)
    return [child for child in children if is_dumping(child)]


def is_dumping(child: psutil.Process) -> bool:
    """Not one that is only asked for its version, and not one that is dead already."""
    try:
        return child.name() == "pg_dump" and "-Fc" in child.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def waited_for(condition):
    """What it says once it says something."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came")


class TestABackup:
    def test_lies_there_for_its_owner_alone(self, shelf):
        code, said = run("backup", "--to", str(shelf))

        dump = only_dump(shelf)
        assert code == 0
        assert said.startswith(f"{dump.as_uri()}: ")
        assert in_folder(shelf) == [dump.name, f"{dump.name}.json"]
        assert {path.stat().st_mode & 0o777 for path in shelf.iterdir()} == {0o600}

    def test_is_written_down(self, shelf):
        made = take(shelf)

        row = Backup.objects.get()
        assert (row.name, row.sha256, row.size_bytes) == (made.name, made.sha256, made.size_bytes)
        assert row.location == only_dump(shelf).as_uri()
        assert (row.verified_at, row.removed_at, row.verify_error) == (None, None, "")
        assert row.started_at <= row.finished_at

    def test_counts_the_state_that_it_dumps(self, shelf, elsewhere):
        fill(3)

        def write_on(_count):
            key = f"meanwhile-{time.monotonic_ns()}"
            CacheEntry.objects.create(cache_key=key, value="", expires="2030-01-01T00:00:00Z")

        made = take(shelf, on_bytes=write_on)
        run("restore", "--from", str(shelf), "--into", elsewhere.url())

        assert CacheEntry.objects.count() > 3
        assert made.rows["public.ops_cache"] == 3
        assert ask(elsewhere, "SELECT count(*) FROM ops_cache") == [(3,)]

    def test_goes_where_settings_say(self, shelf, settings):
        settings.BACKUP_URL = shelf.as_uri()

        assert run("backup")[0] == 0
        assert only_dump(shelf)

    def test_names_the_database_without_its_password(self, shelf):
        run("backup", "--to", str(shelf))

        manifest = next(shelf.glob("*.json")).read_text()
        assert configured().parameters["password"] not in manifest

    def test_shows_its_password_to_nobody_who_lists_processes(self, shelf):
        fill(3)
        seen = []

        take(shelf, on_bytes=lambda count: seen or seen.extend(pg_dumps()[0].cmdline()))

        assert "--snapshot" in " ".join(seen)
        assert configured().parameters["password"] not in " ".join(seen)

    def test_is_only_spoken_of_in_a_dry_run(self, shelf):
        code, said = run("backup", "--to", str(shelf), "--dry-run")

        assert (code, in_folder(shelf), Backup.objects.count()) == (0, [], 0)
        assert "Dry run: PostgreSQL" in said


class TestNothingIsLeft:
    @pytest.fixture(autouse=True)
    def _and_nothing_is_written_down(self, shelf: Path) -> Iterator[None]:
        yield
        assert in_folder(shelf) == []
        assert not Backup.objects.exists()

    def test_of_a_killed_pg_dump(self, shelf):
        fill(3)

        with pytest.raises(programs.ProgramFailed, match="pg_dump was killed by SIGKILL"):
            take(shelf, on_bytes=lambda count: [child.kill() for child in pg_dumps()])

    def test_of_a_connection_that_was_cut(self, shelf):
        fill(3)
        cut = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'pg_dump' AND datname = current_database()"
        )

        with pytest.raises(programs.ProgramFailed, match="pg_dump failed: "):
            take(shelf, on_bytes=lambda count: ask(configured(), cut))

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_when_it_is_stopped(self, shelf, number, code):
        fill(3)
        child = started("backup", "--to", str(shelf))
        waited_for(lambda: in_folder(shelf))

        child.send_signal(number)

        _, said = child.communicate(timeout=30)
        assert child.returncode == code
        assert "nothing half-done is left" in said
        assert "Traceback" not in said

    def test_without_a_database(self, shelf, settings):
        settings.BACKUP_DATABASE_URL = configured().named("nowhere").url()

        code, said = run("backup", "--to", str(shelf))

        assert code == 1
        assert 'database "nowhere" does not exist' in said

    def test_without_a_server(self, shelf, settings):
        settings.BACKUP_DATABASE_URL = "postgresql://a:secret@127.0.0.1:1/shop"

        code, said = run("backup", "--to", str(shelf))

        assert code == 1
        assert "The database shop on 127.0.0.1 cannot be reached" in said
        assert "secret" not in said

    def test_of_a_database_that_was_never_migrated(self, shelf, settings, elsewhere):
        settings.BACKUP_DATABASE_URL = elsewhere.url()

        code, said = run("backup", "--to", str(shelf))

        assert code == 1
        assert "`manage.py migrate` first" in said

    def test_beside_another_one(self, shelf):
        with closing(configured().connect()) as other:
            taking.hold_alone(other)

            code, said = run("backup", "--to", str(shelf))

        assert code == 1
        assert "Another backup or verification of this database is running." in said

    def test_through_pgbouncer(self, shelf, settings, monkeypatch):
        from django.db import connection

        settings.BACKUP_DATABASE_URL = ""
        monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)

        code, said = run("backup", "--to", str(shelf))

        assert code == 2
        assert "Set BACKUP_DATABASE_URL" in said

    def test_when_the_manifest_finds_no_room(self, shelf, monkeypatch):
        def no_room(_self):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(manifests.Manifest, "as_bytes", no_room)

        with pytest.raises(StoreFailed, match="No space is left in"):
            take(shelf)


class TestAFullDisk:
    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Path]:
        """A disk of one megabyte."""
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small disk")
        folder = tmp_path / "small"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("this container may not mount a small disk")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)

    def test_ends_it_with_a_sentence_and_nothing_left(self, small):
        fill(3)

        code, said = run("backup", "--to", str(small))

        assert code == 1
        assert f"No space is left in {small}" in said
        assert in_folder(small) == []
        assert not Backup.objects.exists()


class TestAKilledCommand:
    def test_leaves_no_name_and_the_next_one_clears_it_away(self, shelf):
        fill(3)
        child = started("backup", "--to", str(shelf))
        [dump] = waited_for(lambda: pg_dumps(child.pid))
        dump.suspend()
        child.kill()
        child.communicate(timeout=30)
        dump.resume()
        left = in_folder(shelf)

        made = take(shelf)

        assert [name.partition(".dump")[2][:6] for name in left] == [".part-"]
        assert in_folder(shelf) == [made.name, f"{made.name}.json"]


class TestPrograms:
    def folder(self, tmp_path, version):
        folder = tmp_path / version
        folder.mkdir()
        for name in programs.NAMES:
            (folder / name).write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
            (folder / name).chmod(0o755)
        return folder

    @pytest.fixture
    def there_are(self, tmp_path, monkeypatch):
        def arrange(*versions):
            folders = [self.folder(tmp_path, version) for version in versions]
            monkeypatch.setattr(programs, "find_folders", lambda *names: folders)

        return arrange

    def test_are_the_oldest_that_know_the_server(self, there_are, tmp_path):
        there_are("18.1", "15.2", "16.4")

        assert programs.find_clients(at_least=16) == Clients(tmp_path / "16.4", "16.4")

    def test_that_are_older_than_the_server_are_refused(self, there_are, shelf):
        there_are("13.2", "9.6")

        code, said = run("backup", "--to", str(shelf))

        assert (code, in_folder(shelf)) == (1, [])
        assert "found: 13.2 in " in said
        assert "Install postgresql-client-" in said

    def test_that_are_nowhere_are_missed(self, there_are, shelf):
        there_are()

        code, said = run("backup", "--to", str(shelf))

        assert (code, in_folder(shelf)) == (1, [])
        assert "found: none. Install postgresql-client-" in said


class TestAPlaceThatMakesNoSense:
    @pytest.mark.parametrize(
        ("to", "sentence"),
        [
            ("ftp://host/folder", "ftp:// is not a place for backups"),
            ("s3://", "names no bucket"),
            ("gs://", "names no bucket"),
            ("file://host/folder", "names a host"),
            ("", "Say where"),
        ],
    )
    def test_is_answered_with_a_sentence(self, to, sentence):
        code, said = run("backup", "--to", to)

        assert code == 2
        assert sentence in said

    def test_may_be_a_folder_that_is_missing(self, tmp_path):
        code, said = run("backup", "--to", str(tmp_path / "missing"))

        assert code == 1
        assert f"There is no {tmp_path / 'missing'}. Make it first." in said
        assert not (tmp_path / "missing").exists()

    def test_may_be_a_file(self, tmp_path):
        (tmp_path / "file").touch()

        code, said = run("backup", "--to", str(tmp_path / "file"))

        assert code == 1
        assert "is a file" in said
