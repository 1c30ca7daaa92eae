"""`manage.py migrate` beside others who hold what it needs."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from time import sleep

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from notevault.db import pgbouncer, schema
from ops import unfinished_indexes
from ops.management.commands import migrate
from ops.tests.own_database import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

COLUMN, INDEXES = "9001_a_column", "9002_indexes_beside_traffic"
LOCK = "LOCK TABLE ops_deadletter IN SHARE MODE"
WRITE = "UPDATE ops_deadletter SET task = task"
BUILD = "CREATE INDEX CONCURRENTLY late_letters ON ops_deadletter (late)"


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def rows(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


@pytest.fixture(autouse=True)
def _late_migrations(settings):
    """Two migrations wait; a lock is waited for a fifth of a second."""
    settings.MIGRATION_MODULES = {"ops": "ops.tests.late.migrations"}
    execute("SET lock_timeout = '200ms'")
    yield
    execute(
        "RESET lock_timeout",
        "DROP INDEX IF EXISTS late_letters, late_jobs",
        "ALTER TABLE ops_deadletter DROP COLUMN IF EXISTS late",
        "DELETE FROM django_migrations WHERE name LIKE '900%'",
    )


@contextmanager
def held_by_another(*statements, until=lambda: False):
    """Another session has executed them in a transaction that stays open: until something is
    true, or to the end of the context."""
    taken, done = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                execute("SET LOCAL idle_in_transaction_session_timeout = 0", *statements)
                taken.set()
                while not (until() or done.wait(0.02)):
                    pass
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(60)
    try:
        yield holder
    finally:
        done.set()
        holder.join()


@pytest.fixture
def pauses(monkeypatch):
    """Those between two tries, in seconds; a list that grows."""
    found = []
    monkeypatch.setattr(migrate, "sleep", lambda seconds: (found.append(seconds), sleep(0.3)))
    return found


def index_waits():
    """An index build has waited for others, and longer than a lock is waited for. As pg_locks
    tells it: that hides nobody from any role."""
    return rows(
        "SELECT 1 FROM pg_locks l JOIN pg_locks held USING (pid)"
        " JOIN pg_database d ON d.oid = held.database AND d.datname = current_database()"
        " WHERE NOT l.granted AND l.locktype = 'virtualxid'"
        " AND clock_timestamp() - l.waitstart > '500ms'"
        " AND held.granted AND held.mode = 'ShareUpdateExclusiveLock'"
        " AND held.relation IN ('ops_deadletter'::regclass, 'procrastinate_jobs'::regclass)"
    )


@contextmanager
def built_by_another():
    """Another session is building late_letters, and waits for a transaction of the context."""

    def build():
        execute("SET lock_timeout = 0")
        try:
            execute(BUILD)
        finally:
            execute("RESET lock_timeout")

    with ThreadPoolExecutor() as threads, held_by_another(WRITE):
        building = threads.submit(and_close, build)
        wait_for(index_waits, seconds=60)
        yield building


def and_close(act):
    try:
        return act()
    finally:
        connection.close()


def table_waits():
    """Another build waits for the one that holds the table's lock."""
    return rows(
        "SELECT 1 FROM pg_locks WHERE relation = 'ops_deadletter'::regclass AND NOT granted"
        " AND mode = 'ShareUpdateExclusiveLock'"
    )


def drop_waits():
    """A drop has waited for longer than a lock is waited for."""
    return rows(
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted"
        " AND a.query LIKE 'DROP INDEX CONCURRENTLY%'"
        " AND clock_timestamp() - l.waitstart > '500ms'"
    )


def leave_unfinished(name):
    """Both migrations have run once, and the second broke off while it built this index."""
    run()
    MigrationRecorder(connection).record_unapplied("ops", INDEXES)
    execute(
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass",
        "SET lock_timeout = '200ms'",
    )


def run(**options):
    out = StringIO()
    call_command("migrate", "--no-input", stdout=out, no_color=True, **options)
    return out.getvalue()


def applied():
    names = MigrationRecorder(connection).applied_migrations()
    return sorted(name for app, name in names if app == "ops" and name.startswith("900"))


def indexes():
    """Those of the late migrations, and whether they are valid."""
    found = rows(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relname IN ('late_letters', 'late_jobs')"
    )
    return dict(found)


def oid(name):
    return rows(f"SELECT '{name}'::regclass::oid")[0][0]


class TestALockThatIsHeld:
    def test_is_tried_for_again_until_it_is_free(self, monkeypatch):
        pauses = []
        with held_by_another(LOCK, until=lambda: len(pauses) == 2) as holder:

            def pause(seconds):
                pauses.append(seconds)
                if len(pauses) == 2:
                    holder.join()

            monkeypatch.setattr(migrate, "sleep", pause)
            told = run(tries=20)

        assert applied() == [COLUMN, INDEXES]
        assert pauses == [0.5, 1.0]
        assert re.search(rf"ops.{COLUMN} gave up after \d\.\d s: others hold a lock", told)
        assert "Try 3 of 20 follows in 1 s." in told
        assert re.search(r"The oldest transaction is \d+ s old: pid \d+, notevault, idle in", told)

    def test_lets_those_behind_through_between_two_tries(self, pauses):
        """Who reads the table while it is tried for is answered before it is had."""
        read = []

        def read_between():
            if pauses and not read:
                read.extend(rows("SELECT count(*) FROM ops_deadletter"))
            return len(pauses) == 3

        with held_by_another(LOCK, until=read_between):
            run(tries=30)

        assert read == [(0,)]
        assert applied() == [COLUMN, INDEXES]

    def test_is_given_up_in_one_sentence_and_nothing_is_done(self, pauses):
        with held_by_another(LOCK), pytest.raises(CommandError) as refusal:
            run(tries=2)

        assert str(refusal.value).startswith(f"ops.{COLUMN} gave up after ")
        assert "That was try 2 of 2." in str(refusal.value)
        assert pauses == [0.5]
        assert applied() == []
        assert not rows(
            "SELECT 1 FROM information_schema.columns"
            " WHERE table_name = 'ops_deadletter' AND column_name = 'late'"
        )

    @pytest.mark.parametrize(
        ("table", "done"), [("django_migrations", []), ("django_content_type", [COLUMN])]
    )
    def test_before_or_after_a_migration_is_not_laid_to_it(self, table, done):
        lock = f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"

        with held_by_another(lock), pytest.raises(CommandError) as refusal:
            run(app_label="ops", migration_name=COLUMN, tries=1)

        assert re.match(r"The command gave up after \d{1,2}\.\d s", str(refusal.value))
        assert applied() == done

    def test_is_no_excuse_for_another_error(self, monkeypatch):
        def fail(*_, **__):
            raise OperationalError("the disk is full")

        monkeypatch.setattr(migrate.migrate.Command, "handle", fail)

        with pytest.raises(OperationalError, match="disk"):
            run()


class TestAnIndexBesideTraffic:
    @pytest.mark.skipif(pgbouncer.is_between(), reason="a session has no settings of its own")
    def test_waits_longer_than_a_lock_is_waited_for(self):
        """For a transaction that is older; nobody stands behind it."""
        run(app_label="ops", migration_name=COLUMN)
        with held_by_another(WRITE, until=index_waits):
            told = run(tries=1)

        assert "gave up" not in told
        assert indexes() == {"late_letters": True, "late_jobs": True}
        assert rows("SHOW lock_timeout") == [("3s",)]

    @pytest.mark.parametrize("name", ["late_letters", "late_jobs"])
    def test_that_was_left_unfinished_is_made_anew(self, name):
        leave_unfinished(name)

        told = run()

        assert f"Dropped {name}, which an earlier try left unfinished." in told
        assert indexes() == {"late_letters": True, "late_jobs": True}
        assert applied() == [COLUMN, INDEXES]

    def test_that_was_finished_is_kept_by_the_next_try(self):
        run()
        MigrationRecorder(connection).record_unapplied("ops", INDEXES)
        execute("DROP INDEX late_jobs")
        before = oid("late_letters")

        run()

        assert oid("late_letters") == before
        assert indexes() == {"late_letters": True, "late_jobs": True}

    def test_of_nobody_s_migration_is_left_alone(self):
        run()
        execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'late_jobs'::regclass")

        assert "Dropped" not in run()
        assert indexes()["late_jobs"] is False

    @pytest.mark.skipif(pgbouncer.is_between(), reason="a session has no settings of its own")
    def test_that_was_left_unfinished_is_waited_for_as_long_as_it_takes(self):
        leave_unfinished("late_letters")

        with held_by_another(LOCK, until=drop_waits):
            told = run(tries=1)

        assert "Dropped late_letters" in told
        assert indexes() == {"late_letters": True, "late_jobs": True}

    def test_that_was_left_unfinished_and_cannot_be_dropped_is_told_in_one_sentence(
        self, monkeypatch
    ):
        leave_unfinished("late_letters")
        monkeypatch.setattr(schema, "PATIENCE_S", 0.2)

        with held_by_another(LOCK), pytest.raises(CommandError) as refusal:
            run(tries=1)

        assert str(refusal.value).startswith("The command gave up after ")
        assert applied() == [COLUMN]

    def test_that_another_session_is_building_is_left_to_it(self):
        run(app_label="ops", migration_name=COLUMN)

        with built_by_another() as building:
            dropped = unfinished_indexes.drop_those_of_waiting_migrations(connection)
        building.result()

        assert dropped == []
        assert indexes() == {"late_letters": True}

    def test_that_another_session_begins_and_breaks_off_is_made_anew(self):
        """A pod is gone, its session goes on building and fails while the next pod waits."""
        run(app_label="ops", migration_name=COLUMN)

        with ThreadPoolExecutor() as threads:
            with built_by_another() as building:
                migrating = threads.submit(and_close, run)
                wait_for(table_waits, seconds=60)
                rows(f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = '{BUILD}'")
                with pytest.raises(OperationalError, match="canceling"):
                    building.result()
            migrating.result()

        assert applied() == [COLUMN, INDEXES]
        assert indexes() == {"late_letters": True, "late_jobs": True}

    def test_is_not_touched_by_a_look_at_the_plan(self):
        leave_unfinished("late_jobs")

        assert "Dropped" not in run(plan=True)
        assert indexes()["late_jobs"] is False


@pytest.mark.skipif(pgbouncer.is_between(), reason="a role is SET for a session")
class TestARoleThatSeesNoOther:
    """As in the guide: the login is a member of the owner, whose role it takes, not the reverse."""

    @pytest.fixture(autouse=True)
    def owner(self):
        name = f"owner_{connection.settings_dict['NAME']}"
        [(before,)] = rows("SELECT current_user")
        run(app_label="ops", migration_name=COLUMN)
        execute(
            f"CREATE ROLE {name}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}",
            f"ALTER TABLE ops_deadletter OWNER TO {name}",
            f"SET ROLE {name}",
        )
        yield name
        execute(
            "RESET ROLE",
            f"ALTER TABLE ops_deadletter OWNER TO {before}",
            f"DROP OWNED BY {name}",
            f"DROP ROLE {name}",
        )

    def test_leaves_an_index_to_the_session_that_is_building_it(self):
        with built_by_another() as building:
            dropped = unfinished_indexes.drop_those_of_waiting_migrations(connection)
        building.result()

        assert dropped == []
        assert indexes() == {"late_letters": True}

    def test_says_so_and_what_would_help(self, owner):
        with held_by_another(LOCK):
            blind = migrate._oldest_transaction(connection)
            execute("RESET ROLE", f"GRANT pg_read_all_stats TO {owner}", f"SET ROLE {owner}")
            seeing = migrate._oldest_transaction(connection)

        assert blind == (
            " Transactions of other roles cannot be seen; "
            f'GRANT pg_read_all_stats TO "{owner}" would show them.'
        )
        assert re.fullmatch(
            r" The oldest transaction is \d+ s old: pid \d+, \w+, idle in .*\.", seeing
        )


class TestTries:
    @pytest.mark.parametrize("given", ["0", "x", "-1", "٣"])
    def test_are_a_whole_number(self, given):
        with pytest.raises(CommandError, match="a whole number from 1 to 1000"):
            call_command("migrate", "--tries", given)
