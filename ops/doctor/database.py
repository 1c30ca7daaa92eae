"""The database: whether it can be reached, by whom, and how safely."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection

from notevault.db import pgbouncer
from notevault.settings.database import BY_PROCESS
from ops.doctor.finding import Finding, Level, Visit, fail, judge, needs_database, ok
from ops.health.database import MOST_SKEW_S, clock_skew_s

OLDEST_SERVER = 14  # that Django 5.2 works with
# The search of the catalogue.
EXTENSIONS = ("pg_trgm",)
# As the web sends them itself where it can: notevault/settings/database.py
TIMEOUTS = BY_PROCESS["web"].as_settings()
LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


def reach_database() -> Finding:
    """Never raises, and takes no longer than two seconds."""
    started = time.perf_counter()
    try:
        connection.ensure_connection()
        version = _value("SHOW server_version")
    except (Error, ImproperlyConfigured) as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return fail(
            f"The database cannot be reached: {said}",
            "Check DATABASE_URL (postgresql://user:password@host:5432/name), and that its server "
            "runs and lets this machine in.",
        )
    ms = (time.perf_counter() - started) * 1000
    return ok(f"PostgreSQL {version} answers in {ms:.0f} ms.")


@needs_database
def examine(visit: Visit) -> Iterator[Finding]:
    yield _version()
    yield _role(visit)
    yield _encryption(visit)
    yield _extensions()
    yield _clock()
    if pgbouncer.is_between():
        yield _timeouts(visit)


def _version() -> Finding:
    major = connection.get_database_version()[0]
    return judge(
        major >= OLDEST_SERVER,
        level=Level.FAIL,
        well=f"Version {major} is one that Django supports.",
        ill=f"Version {major} is too old for Django.",
        remedy=f"Move to PostgreSQL {OLDEST_SERVER} or newer.",
    )


def _role(visit: Visit) -> Finding:
    name, is_super = _row("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
    return judge(
        not is_super,
        level=visit.grave,
        well=f"The role {name} is no superuser.",
        ill=f"The role {name} is a superuser: triggers and permissions do not bind it.",
        remedy="CREATE ROLE notevault LOGIN PASSWORD '…'; make it the owner of the database "
        "(ALTER DATABASE … OWNER TO notevault), and put it into DATABASE_URL.",
    )


def _encryption(visit: Visit) -> Finding:
    host = str(connection.settings_dict["HOST"])
    if host in LOCAL_HOSTS or host.startswith("/"):
        return ok("The database is on this machine: nothing travels.")
    mode = connection.settings_dict["OPTIONS"].get("sslmode", "prefer")
    return judge(
        _is_encrypted() and mode in ("require", "verify-ca", "verify-full"),
        level=visit.grave,
        well=f"The connection is encrypted (sslmode={mode}).",
        ill=f"The connection may travel in the clear (sslmode={mode}).",
        remedy="Add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to DATABASE_URL, or at "
        "least ?sslmode=require.",
    )


def _is_encrypted() -> bool:
    """As libpq knows it: pg_stat_ssl hides a session from the role that it has SET."""
    connection.ensure_connection()
    return bool(connection.connection.pgconn.ssl_in_use)


def _extensions() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_available_extensions")
        available = {name for (name,) in cursor.fetchall()}
    missing = [name for name in EXTENSIONS if name not in available]
    return judge(
        not missing,
        level=Level.WARN,
        well=f"Extensions can be had: {', '.join(EXTENSIONS)}.",
        ill=f"The server lacks extensions that search uses: {', '.join(missing)}.",
        remedy="Install PostgreSQL's contrib package on the server (postgresql-contrib).",
    )


def _clock() -> Finding:
    skew_s = clock_skew_s()
    return judge(
        abs(skew_s) <= MOST_SKEW_S,
        level=Level.FAIL,
        well="This clock agrees with the database's.",
        ill=f"This clock is {-skew_s:+.1f} s off the database's.",
        remedy="Let both machines follow NTP: timedatectl set-ntp true, or chronyd.",
    )


def _timeouts(visit: Visit) -> Finding:
    """PgBouncer takes none from its clients: the session has its role's, or none."""
    found = {name: _value(f"SHOW {name}") for name in TIMEOUTS}
    missing = [name for name, value in found.items() if value == "0"]
    each = ", ".join(f"{name} {value}" for name, value in found.items())
    role, name = _row("SELECT current_user, current_database()")
    return judge(
        not missing,
        level=visit.grave,
        well=f"Behind PgBouncer the role has time-outs: {each}.",
        ill=f"Behind PgBouncer nothing bounds a session: {', '.join(missing)} is not set.",
        remedy=" ".join(
            f"ALTER ROLE {role} IN DATABASE {name} SET {missed} = '{TIMEOUTS[missed]}';"
            for missed in missing
        )
        + " Then RECONNECT on PgBouncer's console.",
    )


def _row(query: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _value(query: str) -> Any:
    return _row(query)[0]
