"""DATABASE_URL to Django's DATABASES: Prisma's parameters become psycopg's pool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from notevault import embedded

ENGINE = "notevault.db"
SCHEMES = {"postgres", "postgresql"}
# The API answers within six seconds; whoever waits longer gets a connection too late.
LONGEST_POOL_WAIT_S = 5
# The pool tries again after 1, 2, 4, … s; what it has given up it opens when it is next asked.
# With its own five minutes it would heal as long after an outage as that has lasted.
RECONNECT_FOR_S = 5


@dataclass(frozen=True)
class Timeouts:
    """What PostgreSQL allows a session, in seconds; 0 is for ever."""

    statement_s: int = 0
    lock_s: int = 3
    # Within a transaction, whose locks a hanging process would keep.
    idle_s: int = 60

    def as_settings(self) -> dict[str, str]:
        return {
            "statement_timeout": f"{self.statement_s}s",
            "lock_timeout": f"{self.lock_s}s",
            "idle_in_transaction_session_timeout": f"{self.idle_s}s",
        }

    def as_options(self) -> str:
        return " ".join(f"-c {name}={value}" for name, value in self.as_settings().items())


# A migration gives up its place in the queue for a lock before those behind it notice. Any
# other command may work as long as it needs.
BY_PROCESS = {
    "web": Timeouts(statement_s=10),
    "worker": Timeouts(statement_s=60),
    "migrate": Timeouts(lock_s=1),
}


def from_url(url: str, *, pool_size: int, timeouts: Timeouts = Timeouts()) -> dict[str, Any]:
    """One DATABASES entry for a PostgreSQL URL.

    `schema`, `connection_limit`, `pool_timeout`, `connect_timeout` and `pgbouncer` are
    Prisma's (https://www.prisma.io/docs/orm/overview/databases/postgresql); any other
    parameter, such as `sslmode`, goes to libpq unchanged, and `options` wins over ours.
    Times are in seconds; `pool_timeout` is at most 5, because the API answers within 6.

    pgbouncer takes no timeouts from its clients. With `pgbouncer=true` the role has to have
    them: `ALTER ROLE notevault IN DATABASE notevault SET statement_timeout = '10s'`, and so on.
    A schema is asked for by an option, which pgbouncer refuses too: there search_path is the
    role's as well.
    """
    parts = _parts_of(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = given.pop("schema", "public")
    limit = given.pop("connection_limit", str(pool_size))
    wait = given.pop("pool_timeout", "5")
    behind_pgbouncer = given.pop("pgbouncer", "false") == "true"
    plain = urlunsplit(parts._replace(query=urlencode(given)))
    config: dict[str, Any] = dict(environ.Env.db_url_config(plain, engine=ENGINE))
    options = {**config.get("OPTIONS", {}), **pool_options(_whole(limit), _whole(wait))}
    if "connect_timeout" in options:
        options["connect_timeout"] = _whole(str(options["connect_timeout"]))
    session = [
        "" if behind_pgbouncer else timeouts.as_options(),
        options.pop("options", ""),
        f"-c search_path={schema}" if schema != "public" else "",
    ]
    if any(session):
        options["options"] = " ".join(filter(None, session))
    if behind_pgbouncer:
        options["prepare_threshold"] = None
        config["DISABLE_SERVER_SIDE_CURSORS"] = True
    return {**config, **COMMON, "OPTIONS": options}


def embedded_server(
    data_dir: Path, *, debug: bool, pool_size: int, timeouts: Timeouts = Timeouts()
) -> dict[str, Any]:
    """The PostgreSQL that starts itself; refused when DEBUG is off."""
    config = embedded.database_settings(data_dir, debug=debug)
    pool = pool_options(pool_size, LONGEST_POOL_WAIT_S)
    return {**config, **COMMON, "OPTIONS": {**pool, "options": timeouts.as_options()}}


COMMON: dict[str, Any] = {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}


def pool_options(size: int, timeout_s: int) -> dict[str, Any]:
    """At most `size` connections a process; a request waits `timeout_s` for one, or 5."""
    if size < 1 or timeout_s < 1:
        raise ImproperlyConfigured("connection_limit and pool_timeout must be at least 1")
    pool = {
        "min_size": 1,
        "max_size": size,
        "timeout": min(timeout_s, LONGEST_POOL_WAIT_S),
        "reconnect_timeout": RECONNECT_FOR_S,
    }
    return {"pool": pool}


def _parts_of(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 parsed when it is read
    except ValueError:  # it may quote a part of the password
        raise ImproperlyConfigured(
            "DATABASE_URL is no URL: its host and port cannot be read. What is special in the "
            "password is percent-encoded: %2F is a slash, %40 an at sign."
        ) from None
    if parts.scheme not in SCHEMES:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://")
    return parts


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ImproperlyConfigured(f"DATABASE_URL: {text!r} is not a whole number") from None
