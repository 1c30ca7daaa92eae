"""JSON in and out."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from django.utils.functional import lazystr
from rest_framework.exceptions import ParseError
from rest_framework.utils.serializer_helpers import ReturnDict, ReturnList

from notevault.kit import renderers


def parse(body: bytes):
    return renderers.JSONParser().parse(io.BytesIO(body))


class TestDumps:
    def test_writes_times_with_their_offset(self):
        at = datetime(2026, 11, 23, 12, 0, 0, 120_000, tzinfo=UTC)
        in_india = at.astimezone(timezone(timedelta(hours=5, minutes=30)))

        assert renderers.dumps(at) == b'"2026-11-23T12:00:00.120000Z"'
        assert renderers.dumps(in_india) == b'"2026-11-23T17:30:00.120000+05:30"'

    def test_writes_what_django_and_drf_hand_it(self):
        rows = ReturnList([ReturnDict({"n": 1}, serializer=None)], serializer=None)
        body = {"rows": rows, "lazy": lazystr("later"), "id": UUID(int=7), 5: "five"}

        assert orjson.loads(renderers.dumps(body)) == {
            "rows": [{"n": 1}],
            "lazy": "later",
            "id": "00000000-0000-0000-0000-000000000007",
            "5": "five",
        }


class TestJSONRenderer:
    def test_writes_nothing_for_no_content(self):
        assert renderers.JSONRenderer().render(None) == b""
        assert renderers.JSONRenderer().render({}) == b"{}"


class TestJSONParser:
    def test_reads_an_object(self):
        assert parse('{"naïve": [1, null]}'.encode()) == {"naïve": [1, None]}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"{'a': 1}",
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b'{"a": -Infinity}',
            b'{"a": "\xff"}',
            b'{"a": "\x00"}',
            rb'{"a": "\ud800"}',
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            '{"a": 1}'.encode("utf-16"),
        ],
    )
    def test_refuses_what_is_not_json(self, body):
        with pytest.raises(ParseError, match="not valid JSON"):
            parse(body)

    @pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"null", b"true", b'[{"a": 1}]'])
    def test_refuses_json_that_is_not_an_object(self, body):
        with pytest.raises(ParseError, match="must be a JSON object"):
            parse(body)


class TestNegotiation:
    @pytest.mark.parametrize(
        "accept", ["text/html", "application/xml", "*/*", "nonsense", "application/json;q=0", ""]
    )
    def test_answers_in_json_whatever_is_asked_for(self, client, db, accept):
        response = client.get("/api/v1/categories", headers={"accept": accept})

        assert (response.status_code, response["Content-Type"]) == (200, "application/json")
        assert orjson.loads(response.content) == {"items": []}

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            " application/json ;x=y",
        ],
    )
    def test_reads_json_under_any_spelling_of_its_type(self, client, db, content_type):
        response = client.generic("POST", "/api/v1/auth/login", b"{}", content_type)

        assert orjson.loads(response.content)["code"] == "validation_failed"

    @pytest.mark.parametrize(
        "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
    )
    def test_reads_nothing_else(self, client, db, content_type):
        response = client.generic("POST", "/api/v1/auth/login", b"{}", content_type)

        assert orjson.loads(response.content)["code"] == "unsupported_media_type"
