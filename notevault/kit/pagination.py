"""Keyset pages: a cursor names the last row seen and the filters it was made under.

`paginate` costs one query whatever the page; a cursor used with other filters, another
sort or another caller's list is refused instead of giving rows out of order.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework import serializers

from notevault.db.prepared import Slot, Statement
from notevault.kit.errors import DomainError

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_MAC_BYTES = 16


class InvalidCursor(DomainError):
    code = "invalid_cursor"
    message = "This cursor was not made for these filters. Start again without a cursor."


class PageRequest(serializers.Serializer[Any]):
    """The query parameters that every list takes."""

    cursor = serializers.CharField(
        required=False,
        max_length=200,
        validators=[RegexValidator(r"^[A-Za-z0-9_-]{31,200}$")],
        help_text="`next_cursor` of the page before.",
    )
    limit = serializers.IntegerField(
        required=False, default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT
    )


@dataclass(frozen=True)
class Sort:
    """A column and a direction; rows equal in it are ordered by id the same way."""

    field: str
    descending: bool = True

    @property
    def ordering(self) -> tuple[str, str]:
        sign = "-" if self.descending else ""
        return (f"{sign}{self.field}", f"{sign}id")

    def after(self, value: Any, row_id: Any) -> Q:
        op = "lt" if self.descending else "gt"
        return Q(**{f"{self.field}__{op}e": value}) & (
            Q(**{f"{self.field}__{op}": value}) | Q(**{f"id__{op}": row_id})
        )


@dataclass(frozen=True)
class Page:
    items: list[dict[str, Any]]
    next_cursor: str | None


Rows = QuerySet[Any, dict[str, Any]]


@dataclass(frozen=True)
class Often:
    """A list that is asked for many times a second: its SQL is written once for each set of
    filters. `build` is a function of a module that takes the names of `values` by keyword."""

    build: Callable[..., Rows]
    values: Mapping[str, Any]

    def head(self, sort: Sort, after: tuple[Any, str] | None, limit: int) -> list[dict[str, Any]]:
        place = dict(zip(("after", "after_id"), after, strict=True)) if after else {}
        found = statement(self.build, tuple(sorted(self.values)), sort, bool(after), limit)
        return found.rows(**self.values, **place)


@lru_cache(maxsize=1024)
def statement(
    build: Callable[..., Rows], names: tuple[str, ...], sort: Sort, is_later: bool, limit: int
) -> Statement:
    rows = build(**{name: Slot(name) for name in names})
    if is_later:
        rows = rows.filter(sort.after(Slot("after"), Slot("after_id")))
    return Statement.of(rows.order_by(*sort.ordering)[:limit])


def paginate(
    rows: Rows | Sequence[Rows] | Often,
    *,
    sort: Sort,
    filters: Mapping[str, Any],
    cursor: str | None,
    limit: int,
) -> Page:
    """One page of a `.values()` queryset that selects `id` and the sort's column.

    Several lists of the same columns are merged in one query, and each of them is read by
    its own index, as far as the page needs.
    """
    scope = _scope(sort, filters)
    after = _decode(cursor, scope) if cursor else None
    if isinstance(rows, Often):
        found = rows.head(sort, after, limit + 1)
    else:
        found = _head([rows] if isinstance(rows, QuerySet) else rows, sort, after, limit + 1)
    items = found[:limit]
    more = len(found) > limit
    return Page(items, _encode(items[-1], sort, scope) if more else None)


def _head(
    lists: Sequence[Rows], sort: Sort, after: tuple[Any, str] | None, limit: int
) -> list[dict[str, Any]]:
    if after:
        lists = [one.filter(sort.after(*after)) for one in lists]
    heads = [one.order_by(*sort.ordering)[:limit] for one in lists]
    return list(_merged(heads, sort)[:limit])


def _merged(heads: list[Rows], sort: Sort) -> Rows:
    first, *others = heads
    return first.union(*others, all=True).order_by(*sort.ordering) if others else first


def _scope(sort: Sort, filters: Mapping[str, Any]) -> str:
    stated = sorted((key, str(value)) for key, value in filters.items())
    return hashlib.sha256(repr((sort, stated)).encode()).hexdigest()


def _mac(payload: bytes, scope: str) -> bytes:
    return salted_hmac(f"cursor:{scope}", payload, algorithm="sha256").digest()[:_MAC_BYTES]


def _encode(row: Mapping[str, Any], sort: Sort, scope: str) -> str:
    value = row[sort.field]
    key = value.isoformat() if isinstance(value, datetime) else value
    payload = orjson.dumps([key, str(row["id"])])
    return urlsafe_b64encode(_mac(payload, scope) + payload).decode().rstrip("=")


def _decode(cursor: str, scope: str) -> tuple[Any, str]:
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (UnicodeEncodeError, Base64Error, ValueError) as error:
        raise InvalidCursor from error
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not constant_time_compare(mac, _mac(payload, scope)):
        raise InvalidCursor
    value, row_id = orjson.loads(payload)
    return value, row_id
