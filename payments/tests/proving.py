"""The proof as an operator runs it, and hands that reach around the guards of the ledger."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction


def verify() -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_ledger", stdout=out, no_color=True)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


def broken(out: str) -> dict[str, str]:
    """The first row that each broken promise names, with its id in front."""
    lines = out.splitlines()
    return {
        line.split("  ")[1]: lines[number + 1].partition("first: ")[2]
        for number, line in enumerate(lines)
        if line.startswith("BROKEN")
    }


def sql(statement: str, *arguments: Any) -> Any:
    """Run it; the first value that it returns, if it returns any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def unguarded(statement: str) -> Any:
    """The same, as somebody who has switched the triggers off."""
    with transaction.atomic():
        sql("SET LOCAL session_replication_role = replica")
        return sql(statement)
