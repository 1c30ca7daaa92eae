"""Identifiers: UUIDv7, which sort by time and so keep their index pages warm."""

from __future__ import annotations

from uuid import UUID

from uuid_utils import compat


def uuid7() -> UUID:
    """A new UUIDv7 as a plain `uuid.UUID`."""
    return compat.uuid7()
