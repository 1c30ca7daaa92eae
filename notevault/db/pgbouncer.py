"""PgBouncer between us and PostgreSQL: it lends a session for one transaction."""

from __future__ import annotations

from django.db import connections


def is_between(alias: str = "default") -> bool:
    """True with `pgbouncer=true` in the URL: nothing of a session outlives its transaction."""
    # Needed for the same reason, and of Django's own names the only one that says so.
    return bool(connections.settings[alias].get("DISABLE_SERVER_SIDE_CURSORS"))
