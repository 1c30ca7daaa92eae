"""Django's database cache with counting that two processes cannot get wrong.

The stock backend reads, adds one and writes back, so concurrent callers lose counts, and
it counts the whole table on every `add`. Here each is one statement.
"""

from __future__ import annotations

import base64
import pickle
import sys
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connection, transaction
from django.db.models.functions import Now

from ops.models import CacheEntry

NEVER = datetime.max.replace(microsecond=0, tzinfo=UTC)


_ADD = """
INSERT INTO ops_cache AS held (cache_key, value, expires) VALUES (%s, %s, %s)
ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires
WHERE held.expires < now()
"""


class CountingDatabaseCache(DatabaseCache):
    """Its LOCATION is `ops_cache`, the table of `CacheEntry`."""

    def __init__(self, table: str, params: dict[str, Any]) -> None:
        super().__init__(table, params)
        # Django's `set` would drop a third of all entries, live ones too, beyond 300.
        self._max_entries = sys.maxsize

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store only when there is no live entry; True for exactly one of all callers."""
        made = self.make_and_validate_key(key, version=version)
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [made, _packed(value), self._expires_at(timeout)])
            return bool(cursor.rowcount)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add under a row lock. ValueError when there is no live entry."""
        live = CacheEntry.objects.filter(
            pk=self.make_and_validate_key(key, version=version), expires__gte=Now()
        )
        with transaction.atomic():
            entry = live.select_for_update().first()
            if entry is None:
                raise ValueError(f"Key {key!r} not found")
            value = int(_unpacked(entry.value)) + delta
            live.update(value=_packed(value))
        return value

    def delete_expired(self) -> int:
        """Remove what has expired; called by a periodic job. Returns the row count."""
        return CacheEntry.objects.filter(expires__lt=Now()).delete()[0]

    def _expires_at(self, timeout: Any) -> datetime:
        at = self.get_backend_timeout(timeout)
        return NEVER if at is None else datetime.fromtimestamp(at, UTC).replace(microsecond=0)


def _packed(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value, pickle.HIGHEST_PROTOCOL)).decode("ascii")


def _unpacked(text: str) -> Any:
    return pickle.loads(base64.b64decode(text))  # noqa: S301 only we write to this table
