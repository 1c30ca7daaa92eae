"""Serializers are made once: what one request sends must not be left for the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from notevault.kit.pagination import PageRequest
from notevault.kit.views import _prepared, _validated


def test_each_request_is_checked_by_itself() -> None:
    assert _validated(PageRequest, {"limit": "5"}) == {"limit": 5}
    with pytest.raises(ValidationError):
        _validated(PageRequest, {"limit": "many"})
    assert _validated(PageRequest, {}) == {"limit": 20}


def test_threads_do_not_see_each_other_s_values() -> None:
    with ThreadPoolExecutor(8) as threads:
        seen = threads.map(lambda n: _validated(PageRequest, {"limit": str(n)}), range(1, 101))

        assert [values["limit"] for values in seen] == list(range(1, 101))


def test_fields_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _prepared.cache_clear()
    made: list[str] = []
    fields_of = serializers.Serializer.get_fields
    monkeypatch.setattr(
        serializers.Serializer, "get_fields", lambda self: made.append("") or fields_of(self)
    )

    for limit in ("1", "2", "3"):
        _validated(PageRequest, {"limit": limit})

    assert len(made) == 1
