"""Identifiers that sort by time."""

from __future__ import annotations

import time
import uuid

from notevault.kit import ids


class TestUuid7:
    def test_is_a_plain_uuid_of_version_7(self):
        made = ids.uuid7()

        assert type(made) is uuid.UUID
        assert (made.version, made.variant) == (7, uuid.RFC_4122)

    def test_sorts_by_the_time_it_was_made(self):
        made = []
        for _ in range(5):
            made.append(ids.uuid7())
            time.sleep(0.002)

        assert made == sorted(made)

    def test_starts_with_the_milliseconds_of_now(self):
        before = time.time_ns() // 1_000_000

        made = ids.uuid7()

        after = time.time_ns() // 1_000_000
        assert before <= made.int >> 80 <= after

    def test_never_repeats(self):
        assert len({ids.uuid7() for _ in range(10_000)}) == 10_000
