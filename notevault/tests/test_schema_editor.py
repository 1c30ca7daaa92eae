"""Statements beside traffic are patient, and what they build is whole."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection

from notevault.db import pgbouncer

pytestmark = pytest.mark.django_db(transaction=True)

# What the session had while it worked. The comment makes it a statement beside traffic.
LOOK = "SELECT set_config('late.seen', current_setting('lock_timeout'), false) -- CONCURRENTLY"
BUILD = "CREATE INDEX CONCURRENTLY IF NOT EXISTS late_letters ON ops_deadletter (request_id)"


def execute(statement):
    with connection.schema_editor(atomic=False) as editor:
        editor.execute(statement)


def value(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


@pytest.mark.skipif(pgbouncer.is_between(), reason="a session has no settings of its own")
class TestPatience:
    @pytest.fixture(autouse=True)
    def _session(self):
        yield
        connection.close()

    @pytest.mark.parametrize("options", ["-c lock_timeout=3s", ""])
    def test_is_had_whatever_the_url_says(self, monkeypatch, options):
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", options)

        execute(LOOK)

        assert value("SELECT current_setting('late.seen')") == "10min"
        assert value("SHOW lock_timeout") == "3s"

    def test_is_not_asked_of_a_session_that_pgbouncer_lends(self, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)

        execute(LOOK)

        assert value("SELECT current_setting('late.seen')") == "3s"

    def test_ends_with_the_error_that_ended_it(self):
        with pytest.raises(OperationalError, match="terminating connection"):
            execute("SELECT pg_terminate_backend(pg_backend_pid()) -- CONCURRENTLY")


class TestAnIndex:
    @pytest.fixture(autouse=True)
    def _index(self):
        yield
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS late_letters")

    def test_that_somebody_left_broken_is_built_anew(self):
        execute(BUILD)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'late_letters'::regclass"
            )

        execute(BUILD)

        assert value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'late_letters'::regclass")

    def test_that_stands_is_kept(self):
        execute(BUILD)
        before = value("SELECT 'late_letters'::regclass::oid")

        execute(BUILD)

        assert value("SELECT 'late_letters'::regclass::oid") == before
