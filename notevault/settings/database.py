"""DATABASE_URL to Django's DATABASES: Prisma's parameters become psycopg's pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from notevault import embedded

ENGINE = "notevault.db"
SCHEMES = {"postgres", "postgresql"}


def from_url(url: str, *, pool_size: int) -> dict[str, Any]:
    """One DATABASES entry for a PostgreSQL URL.

    `schema`, `connection_limit`, `pool_timeout`, `connect_timeout` and `pgbouncer` are
    Prisma's (https://www.prisma.io/docs/orm/overview/databases/postgresql); any other
    parameter, such as `sslmode`, goes to libpq unchanged. Times are in seconds.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://")
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
    if schema != "public":
        options["options"] = f"{options.get('options', '')} -c search_path={schema}".strip()
    if behind_pgbouncer:
        options["prepare_threshold"] = None
        config["DISABLE_SERVER_SIDE_CURSORS"] = True
    return {**config, **COMMON, "OPTIONS": options}


def embedded_server(data_dir: Path, *, debug: bool, pool_size: int) -> dict[str, Any]:
    """The PostgreSQL that starts itself; refused when DEBUG is off."""
    config = embedded.database_settings(data_dir, debug=debug)
    return {**config, **COMMON, "OPTIONS": pool_options(pool_size, timeout_s=5)}


COMMON: dict[str, Any] = {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}


def pool_options(size: int, timeout_s: int) -> dict[str, Any]:
    """At most `size` connections a process; a request waits `timeout_s` for one."""
    if size < 1 or timeout_s < 1:
        raise ImproperlyConfigured("connection_limit and pool_timeout must be at least 1")
    return {"pool": {"min_size": 1, "max_size": size, "timeout": timeout_s}}


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ImproperlyConfigured(f"DATABASE_URL: {text!r} is not a whole number") from None
