"""Databases of tests: one that is in use is dropped behind PgBouncer only."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DatabaseError, connection

from notevault.db.creation import DatabaseCreation
from ops.tests.own_database import direct_url

pytestmark = pytest.mark.django_db(transaction=True)

BEHIND = "DISABLE_SERVER_SIDE_CURSORS"


@pytest.fixture
def name():
    """Of a database that another run of the tests has made."""
    made = f"{connection.settings_dict['NAME']}_of_others"
    execute(f"CREATE DATABASE {made}")
    yield made
    execute(f"DROP DATABASE IF EXISTS {made} WITH (FORCE)")


@pytest.fixture
def session(name):
    """That run is at work in it."""
    with psycopg.connect(direct_url(), dbname=name, autocommit=True) as given:
        yield given


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def make(name):
    with connection.cursor() as cursor:
        DatabaseCreation(connection)._execute_create_test_db(cursor, {"dbname": name, "suffix": ""})


class TestADatabaseInUse:
    def test_is_not_dropped(self, monkeypatch, name, session):
        monkeypatch.setitem(connection.settings_dict, BEHIND, False)

        with pytest.raises(DatabaseError, match="already exists"):
            make(name)
        with pytest.raises(DatabaseError, match="is being accessed by other users"):
            DatabaseCreation(connection)._destroy_test_db(name, verbosity=0)

        assert session.execute("SELECT 1").fetchone() == (1,)

    def test_is_dropped_behind_pgbouncer_where_it_always_is(self, monkeypatch, name, session):
        monkeypatch.setitem(connection.settings_dict, BEHIND, True)

        make(name)

        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
