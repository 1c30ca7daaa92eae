"""Django's database cache with counting that two processes cannot get wrong.

The stock backend reads, adds one and writes back, so concurrent callers lose counts, and
it counts the whole table on every `add`. Here each is one statement.
"""

from __future__ import annotations

import base64
import pickle
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router, transaction

NEVER = datetime.max.replace(microsecond=0, tzinfo=UTC)


class CountingDatabaseCache(DatabaseCache):
    _table: str

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store only when there is no live entry; True for exactly one of all callers."""
        key = self.make_and_validate_key(key, version=version)
        with self._cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {self._table} AS held (cache_key, value, expires)"
                " VALUES (%s, %s, %s) ON CONFLICT (cache_key) DO UPDATE"
                " SET value = excluded.value, expires = excluded.expires"
                " WHERE held.expires < now()",
                [key, _packed(value), self._expires_at(timeout)],
            )
            return bool(cursor.rowcount)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add under a row lock. ValueError when there is no live entry."""
        made = self.make_and_validate_key(key, version=version)
        alias = router.db_for_write(self.cache_model_class)
        with transaction.atomic(using=alias), self._cursor() as cursor:
            cursor.execute(
                f"SELECT value FROM {self._table}"
                " WHERE cache_key = %s AND expires >= now() FOR UPDATE",
                [made],
            )
            row = cursor.fetchone()
            if row is None:
                raise ValueError(f"Key {key!r} not found")
            value = int(pickle.loads(base64.b64decode(row[0]))) + delta  # noqa: S301 our own table
            cursor.execute(
                f"UPDATE {self._table} SET value = %s WHERE cache_key = %s",
                [_packed(value), made],
            )
        return value

    def delete_expired(self) -> int:
        """Remove what has expired; called by a periodic job. Returns the row count."""
        with self._cursor() as cursor:
            cursor.execute(f"DELETE FROM {self._table} WHERE expires < now()")
            return int(cursor.rowcount)

    def _cursor(self) -> Any:
        return connections[router.db_for_write(self.cache_model_class)].cursor()

    def _expires_at(self, timeout: Any) -> datetime:
        at = self.get_backend_timeout(timeout)
        return NEVER if at is None else datetime.fromtimestamp(at, UTC).replace(microsecond=0)


def _packed(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value, pickle.HIGHEST_PROTOCOL)).decode("ascii")
