"""A connection that was lost is told from a bug of ours, also as PgBouncer tells of it."""

from __future__ import annotations

import psycopg
import pytest
from django.db import InternalError, OperationalError, connection
from django.db.backends.postgresql.psycopg_any import errors

pytestmark = pytest.mark.django_db(transaction=True)

# Of psycopg, when the server's words and PgBouncer's both arrive in answer to one command.
TWICE = "received 2 results from command 'COMMIT'"


def raised(error):
    with connection.wrap_database_errors:
        raise error


@pytest.fixture
def lost():
    connection.ensure_connection()
    connection.connection.close()
    yield
    connection.close()


@pytest.mark.usefixtures("lost")
class TestALostConnection:
    def test_that_is_told_of_twice_is_the_database_s_fault(self):
        with pytest.raises(OperationalError, match="received 2 results"):
            raised(psycopg.InternalError(TWICE))

    def test_makes_no_error_of_the_server_another_one(self):
        with pytest.raises(InternalError):
            raised(errors.InFailedSqlTransaction("the transaction is aborted"))


class TestAConnectionThatStands:
    def test_shows_our_bug_as_one(self):
        connection.ensure_connection()

        with pytest.raises(InternalError):
            raised(psycopg.InternalError(TWICE))
