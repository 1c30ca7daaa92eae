"""What the Secrets hold, made from the variables of a .env, or refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from kubectl import HERE, ROOT

PGBOUNCER = "notevault-pgbouncer:6432"
# Keys are the variables' names in the guide's spelling, but for the two ways to the database.
IN_SECRET = (
    "DATABASE_URL",
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "SECRET_KEY",
    "METRICS_TOKEN",
    "INVOICE_SECRET",
    "INVOICE_SECRET_PREVIOUS",
    "RAZORPAY_KEY_ID",
    "RAZORPAY_KEY_SECRET",
    "RAZORPAY_WEBHOOK_SECRET",
    "RAZORPAY_WEBHOOK_SECRET_PREVIOUS",
    "CLOUDINARY_CLOUD_NAME",
    "CLOUDINARY_API_KEY",
    "CLOUDINARY_API_SECRET",
    "GST_STATE",
    "GSTIN",
    "INVOICE_LEGAL_NAME",
    "INVOICE_ADDRESS",
    "SECURITY_WEBHOOK_URL",
    "PAGERDUTY_ROUTING_KEY",
    "ALERT_WEBHOOK_SECRET",
    "ALERT_EMAILS",
    "EMAIL_URL",
    "MAIL_FROM",
)
# What the manifests need besides what the service itself does: Prometheus shows it.
ALSO_REQUIRED = ("METRICS_TOKEN",)
LEAST_TOKEN = 24
# The backups' bucket, where the cluster gives no identity; the Secret has the names themselves.
OF_BACKUPS = "AWS_"
# Each with its own previous value; of invoices all past ones are kept, comma separated.
ROTATED = ("JWT_SECRET", "RAZORPAY_WEBHOOK_SECRET", "INVOICE_SECRET")
KEEPS_ALL = "INVOICE_SECRET"
# Prisma's, and ours to pass on. The rest is libpq's, about a server that PgBouncer hides.
PASSED_ON = ("connection_limit", "pool_timeout")


class Refused(Exception):
    """The message names variables, never a value."""


def key_of(name: str) -> str:
    return "database-direct-url" if name == "DATABASE_URL" else name.lower().replace("_", "-")


def read(path: Path) -> dict[str, str]:
    """The file as the service itself would read it; blank values are left out."""
    import environ

    class Env(environ.Env):  # type: ignore[misc]
        ENVIRON: dict[str, str] = {}

    Env.read_env(path)
    return {name: value for name, value in Env.ENVIRON.items() if value.strip()}


def config_of(overlay: str) -> dict[str, str]:
    """What the ConfigMap gives: the base's lines, and the overlay's over them."""
    found: dict[str, str] = {}
    for path in (HERE / "base/config.env", HERE / "overlays" / overlay / "config.env"):
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            name, _, value = line.partition("=")
            if line and not line.startswith("#"):
                found[name] = value
    return found


def demand_production(given: Mapping[str, str], *, config: Mapping[str, str]) -> None:
    """Raises Refused in the words of the production settings, which are loaded with it: what is
    missing, a placeholder, published in .env.example, or nonsense."""
    ours = {name: given[name] for name in IN_SECRET if name in given}
    child = subprocess.run(
        [sys.executable, "-c", _LOAD],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), **config, **ours},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        raise Refused(child.stderr.strip() or "The settings cannot be loaded.")
    if missing := [name for name in ALSO_REQUIRED if not given.get(name)]:
        raise Refused(f"Missing in the file: {', '.join(missing)}, which Prometheus shows.")
    if len(given["METRICS_TOKEN"]) < LEAST_TOKEN:
        raise Refused(f"METRICS_TOKEN is shorter than {LEAST_TOKEN}: `openssl rand -hex 32`.")


_LOAD = """
import sys
from django.core.exceptions import ImproperlyConfigured
try:
    import notevault.settings.production
except ImproperlyConfigured as error:
    sys.exit(str(error))
"""


def service_keys(given: Mapping[str, str]) -> dict[str, str]:
    """Of notevault-secrets: what was given, and the web's way to the database."""
    keys = {key_of(name): given[name] for name in IN_SECRET if name in given}
    return {**keys, "database-url": by_pgbouncer(given["DATABASE_URL"])}


def by_pgbouncer(url: str) -> str:
    """The same database, user and password, through PgBouncer. Refuses a URL that goes there."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if query.get("pgbouncer") == "true":
        raise Refused(
            "DATABASE_URL goes through PgBouncer. Give PostgreSQL's own: the web's is made from it."
        )
    if query.get("schema", "public") != "public":
        raise Refused("DATABASE_URL names a schema: behind PgBouncer, search_path is the role's.")
    login, _, host = parts.netloc.rpartition("@")
    if not login or not host:
        raise Refused("DATABASE_URL must name user, password and host.")
    passed = {name: query[name] for name in PASSED_ON if name in query}
    there = parts._replace(
        netloc=f"{login}@{PGBOUNCER}", query=urlencode({"pgbouncer": "true", **passed})
    )
    return urlunsplit(there)


def pgbouncer_keys(url: str, *, scram: str) -> dict[str, str]:
    """Of notevault-pgbouncer: where PostgreSQL is, and who may sign in.

    `scram` is the role's pg_authid.rolpassword; without it, users.txt has the password itself,
    which PgBouncer takes as well. `sslmode` of the URL becomes PgBouncer's; it is verify-full
    where the URL has none.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    name = unquote(parts.path.lstrip("/"))
    if not name.replace("_", "").replace("-", "").isalnum():
        raise Refused("DATABASE_URL: PgBouncer needs a database named by letters and digits.")
    user, password = unquote(parts.username or ""), scram or unquote(parts.password or "")
    if not user or not password:
        raise Refused("DATABASE_URL must name user and password.")
    tls = f"server_tls_sslmode = {query['sslmode']}\n\n" if "sslmode" in query else ""
    where = f"host={_quoted(parts.hostname or '')} port={parts.port or 5432}"
    return {
        "databases.ini": f"{tls}[databases]\n{name} = {where} dbname={_quoted(name)}\n",
        "users.txt": f'"{_doubled(user)}" "{_doubled(password)}"\n',
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _doubled(text: str) -> str:
    return text.replace('"', '""')


def with_previous(
    keys: Mapping[str, str], *, current: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What the Secret shall hold, and which values move to their `…-previous`.

    What it holds and nobody gave stays. Refuses to lose a value that is still in use.
    """
    merged, moved = {**current, **keys}, []
    for name in ROTATED:
        key, previous = key_of(name), key_of(f"{name}_PREVIOUS")
        old = current.get(key, "")
        if not old or old == merged[key]:
            continue
        if previous not in keys:
            known = current.get(previous, "") if name == KEEPS_ALL else ""
            merged[previous] = ",".join(filter(None, (old, known)))
            moved.append(key)
        elif old not in keys[previous].split(","):
            raise Refused(
                f"The cluster's {key} is neither {name} nor in {name}_PREVIOUS, and would be lost. "
                f"Leave {name}_PREVIOUS blank: then it is moved there."
            )
    return merged, moved
