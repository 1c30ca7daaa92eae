"""Every operation of the API under bad input: a 4xx problem, and nothing moved.

The operations come from the schema, so a new one is under test as soon as it exists. A
parameter of a new name in its path gets the id of nothing, until it is named below.
"""

from __future__ import annotations

import copy
import gzip
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator

from notes.tests.factories import make_note
from notevault.accounts.models import Session, User
from notevault.accounts.tests.factories import PASSWORD, make_user
from notevault.kit.ids import uuid7
from notevault.kit.tests.problem_details import problem_of, refusal_of

pytestmark = pytest.mark.django_db

JSON = "application/json"
WEBHOOK = "razorpay_webhook"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    body_types: tuple[str, ...]
    example: dict[str, Any] = field(hash=False)
    properties: dict[str, Any] = field(hash=False)
    required: tuple[str, ...] = field(hash=False)
    query: dict[str, Any] = field(hash=False)

    @property
    def takes_json(self) -> bool:
        """The webhook's body is another matter: see its own tests."""
        return self.body_types == (JSON,) and self.name != WEBHOOK


@cache
def operations() -> tuple[Operation, ...]:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return tuple(
        _operation(method, path, stated, schema)
        for path, methods in sorted(schema["paths"].items())
        for method, stated in sorted(methods.items())
    )


def _operation(method, path, stated, schema):
    content = stated.get("requestBody", {}).get("content", {})
    body = content.get(JSON, {})
    component = schema["components"]["schemas"].get(
        body.get("schema", {}).get("$ref", "").rpartition("/")[2], {}
    )
    examples = list(body.get("examples", {}).values())
    return Operation(
        name=stated["operationId"],
        method=method.upper(),
        path=path,
        body_types=tuple(content),
        example=examples[0]["value"] if examples else {},
        properties=component.get("properties", {}),
        required=tuple(component.get("required", ())),
        query={p["name"]: p["schema"] for p in stated.get("parameters", []) if p["in"] == "query"},
    )


def named(chosen):
    return pytest.mark.parametrize("operation", chosen, ids=lambda operation: operation.name)


EVERY = named(operations())
WITH_JSON = named([o for o in operations() if o.takes_json])
WITH_ANY_BODY = named([o for o in operations() if o.body_types])
WITHOUT_BODY = named([o for o in operations() if not o.body_types])
READS = named([o for o in operations() if o.method == "GET"])
# Headers are read before the view, so that one operation of a kind will do.
KINDS = ("list_notes", "get_me", "start_order", "upload_note_file", WEBHOOK)
OF_EACH_KIND = named([o for o in operations() if o.name in KINDS])
# Query parameters without which there is no answer; the note of these tests is found by it.
NEEDED = {"q": "operating"}
LISTS = named([o for o in operations() if "cursor" in o.query])


class Caller:
    """Someone who may do everything: sells one note, and has an order for another."""

    def __init__(self, client, make):
        self.client, self.make = client, make

    def url(self, operation):
        ids = {name: self.make.get(name, uuid7)() for name in _names_in(operation.path)}
        return operation.path.format(**ids)

    def send(self, operation, body=b"", content_type=JSON, query="", **meta):
        """What the operation cannot do without is there, unless the query has it."""
        for name in operation.query.keys() & NEEDED:
            if f"&{name}=" not in f"&{query}":
                query = f"{query}&{name}={NEEDED[name]}" if query else f"{name}={NEEDED[name]}"
        url = f"{self.url(operation)}?{query}"
        return self.client.generic(operation.method, url, body, content_type, **meta)

    def send_json(self, operation, body):
        return self.send(operation, json.dumps(body).encode())


def _names_in(path):
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


@pytest.fixture
def caller(client_of, seller, request):
    client = client_of(seller)

    @cache
    def note_id():
        return request.getfixturevalue("note").pk

    @cache
    def order_id():
        request.getfixturevalue("gateway")
        body = {"note_ids": [str(make_note(seller=make_user("other", is_seller=True)).pk)]}
        return client.post("/api/v1/orders", body, format="json").json()["id"]

    return Caller(client, {"note_id": note_id, "order_id": order_id})


@pytest.fixture
def untouched(note):
    """Takes a picture of all that could be written, to compare before and after."""

    def picture():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
                " AND table_name ~ '^(accounts_(user|session)|notes_|payments_)' ORDER BY 1"
            )
            tables = [name for (name,) in cursor.fetchall()]
            rows = {}
            for table in tables:
                cursor.execute(
                    f"SELECT coalesce(string_agg(t::text, ',' ORDER BY t::text), '') FROM {table} t"
                )
                rows[table] = cursor.fetchone()[0]
            return rows

    return picture


def is_refused(response):
    problem = problem_of(response)
    return 400 <= problem["status"] < 500


NOT_JSON = {
    "a word": b"hello",
    "half an object": b'{"email": "a@b.co"',
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "a comment": b'{"a": 1} // x',
    "two objects": b"{}{}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": -Infinity}',
    "invalid UTF-8": b'{"a": "\xff\xfe"}',
    "an overlong NUL": b'{"a": "\xc0\x80"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a raw NUL": b'{"a": "\x00"}',
    "only a NUL": b"\x00",
    "a lone surrogate": rb'{"a": "\ud800"}',
    "half a surrogate pair": rb'{"a": "\udc00\ud800"}',
    "100,000 brackets": b"[" * 100_000,
    "100,000 brackets within": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a form": b"email=a%40b.co&password=x",
    "XML": b'<?xml version="1.0"?><a/>',
}
NOT_AN_OBJECT = [b"[]", b'[{"a": 1}]', b'"text"', b"5", b"1e999", b"null", b"true", b"false"]
OTHER_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/xml",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "application/json-patch+json",
    "nonsense",
    "",
]


class TestBody:
    @WITH_JSON
    def test_that_is_not_json_is_refused(self, caller, operation, untouched):
        before = untouched()

        refusals = {
            name: refusal_of(caller.send(operation, body)) for name, body in NOT_JSON.items()
        }

        assert refusals == dict.fromkeys(NOT_JSON, (400, "bad_request"))
        assert untouched() == before

    @WITH_JSON
    def test_that_is_no_object_is_refused(self, caller, operation, untouched):
        before = untouched()

        refusals = {body: refusal_of(caller.send(operation, body)) for body in NOT_AN_OBJECT}

        assert refusals == dict.fromkeys(NOT_AN_OBJECT, (400, "bad_request"))
        assert untouched() == before

    @WITH_JSON
    def test_of_another_type_is_refused(self, caller, operation, untouched):
        before, body = untouched(), json.dumps(operation.example).encode()

        refusals = {kind: refusal_of(caller.send(operation, body, kind)) for kind in OTHER_TYPES}

        assert refusals == dict.fromkeys(OTHER_TYPES, (415, "unsupported_media_type"))
        assert untouched() == before

    @EVERY
    def test_that_is_too_large_is_refused_before_it_is_read(self, caller, operation):
        """And one that does not say how large it is."""
        body = b'{"a": "' + b"a" * 10 * MIB + b'"}'

        with CaptureQueriesContext(connection) as queries:
            large = caller.client.generic(operation.method, operation.path, body, JSON)
            endless = caller.client.generic(
                operation.method,
                operation.path,
                CONTENT_LENGTH="",
                HTTP_TRANSFER_ENCODING="chunked",
            )

        assert refusal_of(large) == (413, "payload_too_large")
        assert refusal_of(endless) == (411, "length_required")
        assert len(queries) == 0

    @WITH_ANY_BODY
    def test_that_is_compressed_is_refused_before_it_is_read(self, caller, operation, untouched):
        bomb = gzip.compress(json.dumps(operation.example).encode() + b" " * 10 * MIB)
        kind, before = operation.body_types[0], untouched()
        url = caller.url(operation)

        with CaptureQueriesContext(connection) as queries:
            refused = caller.client.generic(
                operation.method, url, bomb, kind, HTTP_CONTENT_ENCODING="gzip"
            )

        assert refusal_of(refused) == (415, "unsupported_media_type")
        assert len(queries) == 0
        assert untouched() == before

    @WITHOUT_BODY
    def test_that_nobody_asked_for_breaks_nothing(self, caller, operation):
        for body in (b"hello", b"\x00", b'{"a": "\xff"}', b"[" * 100_000, b"null"):
            response = caller.send(operation, body)

            assert response.status_code < 400 or is_refused(response)

    @WITH_ANY_BODY
    def test_of_a_file_breaks_nothing(self, caller, operation, untouched):
        part = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--x--'
        )
        bodies = [
            b"--x",
            b"--x--",
            part % (b"a.pdf", b""),
            part % (b"a.pdf", b"no pdf at all"),
            part % (b"../../etc/passwd", b"%PDF-1.7 cut"),
            part % (b"\x00.pdf", b"\x00" * 100),
            part % (b"a" * 5000, b"%PDF-"),
            part.replace(b'name="file"', b'name="other"') % (b"a.pdf", b"x"),
            part.replace(b'; filename="%s"', b"") % b"only text",
            (part % (b"a.pdf", b"x")).replace(b"--x--", b"") + part % (b"b.pdf", b"y"),
        ]
        before = untouched()

        answers = [caller.send(operation, b, "multipart/form-data; boundary=x") for b in bodies]
        answers.append(caller.send(operation, b"x", "multipart/form-data"))
        answers.append(caller.send(operation, b"x", "multipart/form-data; boundary=" + "b" * 500))

        assert [answer for answer in answers if not is_refused(answer)] == []
        assert untouched() == before


STRANGE_TEXT = {
    "a NUL": "a\x00b",
    "nothing": "",
    "spaces": "   ",
    "far too much": "x" * 100_000,
    "number": 5,
    "true": True,
    "list": ["a"],
    "object": {"a": "b"},
    "null": None,
}
STRANGE_WHOLE = {
    "text": "five",
    "digits": "5",
    "NUL": "5\x00",
    "fraction": 1.5,
    "true": True,
    "list": [5],
    "object": {},
    "negative": -1,
    "huge": 10**30,
    "as large as a column": 2**63 - 1,
    "larger than a column": 2**63,
    "largest float": 1.7e308,
}
STRANGE_LIST = {
    "text": "a",
    "number": 5,
    "object": {"0": "a"},
    "null": None,
    "empty": [],
    "of numbers": [5],
    "of lists": [[]],
    "of nulls": [None],
    "of text": ["a"],
    "of NULs": ["\x00"],
    "a thousand": ["0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f"] * 1000,
}


def kind_of(stated):
    """text, whole or list."""
    for choice in stated.get("anyOf", [stated]):
        types = choice.get("type", "string")
        if "integer" in types:
            return STRANGE_WHOLE
        if "array" in types:
            return STRANGE_LIST
    return STRANGE_TEXT


def may_be_blank(stated):
    """The schema says so."""
    return any(choice.get("maxLength") == 0 for choice in stated.get("oneOf", []))


class TestField:
    @WITH_JSON
    def test_of_a_wrong_kind_is_refused_by_its_name(self, caller, operation, untouched):
        before = untouched()
        wrong = []

        for name, stated in operation.properties.items():
            for what, value in kind_of(stated).items():
                if what == "spaces" and name in {"password", "current_password", "refresh"}:
                    continue  # a secret like any other, if a wrong one
                if what in {"spaces", "nothing"} and may_be_blank(stated):
                    continue
                response = caller.send_json(operation, {**operation.example, name: value})
                problem = problem_of(response)
                params = {row["param"].split(".")[0] for row in problem["errors"]}
                if (problem["status"], params) != (400, {name}):
                    wrong.append((name, what, problem["status"], params))

        assert wrong == []
        assert untouched() == before

    @WITH_JSON
    def test_that_is_missing_is_refused_by_its_name(self, caller, operation, untouched):
        before = untouched()

        for name in operation.required:
            body = {k: v for k, v in operation.example.items() if k != name}
            problem = problem_of(caller.send_json(operation, body))
            assert problem["code"] == "validation_failed"
            assert [(row["param"], row["code"]) for row in problem["errors"]] == [
                (name, "required")
            ]

        assert untouched() == before

    @WITH_JSON
    def test_of_strange_unicode_breaks_nothing(self, caller, operation):
        texts = ["\u202e", "\uffff", "\U0010ffff", "e\u0301" * 50, "İ\u2028ﬁ"]
        for name, stated in operation.properties.items():
            if kind_of(stated) is not STRANGE_TEXT:
                continue
            for text in texts:
                response = caller.send_json(operation, {**operation.example, name: text})
                assert response.status_code < 400 or is_refused(response)

    @WITH_JSON
    def test_is_not_looked_for_in_an_endless_number_of_others(self, caller, operation):
        body = {**{f"field{n}": n for n in range(5_000)}, "": 1, "__proto__": {}, "\x00": 1}

        response = caller.send_json(operation, body)

        assert response.status_code < 400 or is_refused(response)


POWERS = {
    "id": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "pk": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "is_staff": True,
    "is_superuser": True,
    "is_seller": True,
    "is_active": False,
    "groups": [1],
    "state": "published",
    "seller": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "seller_id": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "buyer": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "buyer_id": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "sales_count": 999,
    "page_count": 1,
    "file": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "file_id": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "published_at": "2020-01-01T00:00:00Z",
    "created_at": "2020-01-01T00:00:00Z",
    "paid_at": "2020-01-01T00:00:00Z",
    "expires_at": "2099-01-01T00:00:00Z",
    "rejected_why": "pwned",
    "now": "2020-01-01T00:00:00Z",
    "total_paise": 1,
    "subtotal_paise": 1,
    "discount_paise": 9900,
    "paid_paise": 1,
    "commission_bps": 0,
    "seller_share_paise": 1,
    "currency": "USD",
    "gateway_order_id": "order_AAAAAAAAAAAAAA",
    "user_id": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
}


class TestFieldThatNobodyOffered:
    """Ignored or refused, but never written."""

    def columns(self, model, **which):
        row = model.objects.filter(**which).values().get()
        return {name: row[name] for name in POWERS if name in row}

    @WITH_JSON
    def test_breaks_nothing(self, caller, operation):
        response = caller.send_json(operation, {**POWERS, **operation.example})

        assert response.status_code < 400 or is_refused(response)

    def test_makes_no_registration_a_member_of_staff(self, client_of):
        body = {"email": "asha@example.com", "password": PASSWORD, "name": "Asha", **POWERS}

        response = client_of(None).post("/api/v1/auth/register", body, format="json")

        written = self.columns(User, email="asha@example.com")
        assert response.status_code == 201
        assert str(written.pop("id")) != POWERS["id"]
        assert written == {
            "is_staff": False,
            "is_superuser": False,
            "is_seller": False,
            "is_active": True,
        }

    def test_changes_no_more_of_me_than_my_name(self, client_of, buyer):
        before = User.objects.values().get(pk=buyer.pk)
        body = {"name": "Asha", "email": "other@example.com", "password": PASSWORD, **POWERS}

        response = client_of(buyer).patch("/api/v1/me", body, format="json")

        assert response.status_code == 200
        assert User.objects.values().get(pk=buyer.pk) == {**before, "name": "Asha"}

    def test_starts_no_note_that_is_published(self, client_of, seller, note):
        model = type(note)
        body = {
            "title": "A new note",
            "description": "Unit 1.",
            "category": note.category.slug,
            "price_paise": 9900,
        }

        response = client_of(seller).post("/api/v1/notes", {**POWERS, **body}, format="json")

        written = self.columns(model, pk=response.json()["id"])
        assert response.status_code == 201
        assert str(written.pop("id")) != POWERS["id"]
        assert written.pop("created_at").year >= 2026
        assert written == {
            "state": "draft",
            "seller_id": seller.pk,
            "sales_count": 0,
            "page_count": 0,
            "file_id": None,
            "published_at": None,
            "rejected_why": "",
        }

    @pytest.mark.parametrize("state", ["draft", "published"])
    def test_changes_no_more_of_a_note_than_its_price(self, client_of, seller, note, state):
        type(note).objects.update(state=state)
        before = type(note).objects.values().get(pk=note.pk)

        response = client_of(seller).patch(
            f"/api/v1/notes/{note.pk}", {**POWERS, "price_paise": 5000}, format="json"
        )

        assert response.status_code == 200
        assert type(note).objects.values().get(pk=note.pk) == {**before, "price_paise": 5000}

    def test_changes_neither_price_nor_buyer_of_an_order(self, client_of, buyer, note, gateway):
        body = {**POWERS, "note_ids": [str(note.pk)]}

        preview = client_of(buyer).post("/api/v1/orders/preview", body, format="json")
        response = client_of(buyer).post("/api/v1/orders", body, format="json")

        order = response.json()
        assert (preview.status_code, response.status_code) == (200, 201)
        for shown in (preview.json(), order):
            assert (shown["subtotal_paise"], shown["discount_paise"]) == (9900, 0)
            assert (shown["total_paise"], shown["currency"]) == (9900, "INR")
        assert order["id"] != POWERS["id"]
        assert (order["state"], order["paid_at"]) == ("awaiting_payment", None)
        assert order["gateway_order_id"] != POWERS["gateway_order_id"]
        assert order["expires_at"] < "2099"
        listed = client_of(buyer).get("/api/v1/orders").json()["items"]
        assert [row["id"] for row in listed] == [order["id"]]


LONG = "x" * 20_000
STRANGE_QUERIES = [
    "%00",
    "a=%00",
    "%ED%A0%80=%ED%A0%80",
    "%ff=%ff",
    "a[]=1&a[b]=2",
    "a",
    "=",
    "&&&",
    f"a={LONG}",
    f"{LONG}=a",
    "&".join(f"a{n}=" for n in range(1001)),
    "format=xml",
    "_method=DELETE",
]
STRANGE_NUMBERS = ["-1", "1.5", "x", "", " ", "%00", "9" * 60, "1e3", "0x1", "NaN", "1%00", "null"]
STRANGE_CURSORS = ["", "x", "%00", LONG, "%ED%A0%80", "=", "AAAA" * 15, "null", "A" * 44]


class TestQuery:
    @EVERY
    def test_that_nobody_asked_for_breaks_nothing(self, caller, operation):
        for query in STRANGE_QUERIES:
            response = caller.send(operation, query=query)

            assert response.status_code < 400 or is_refused(response)

    @READS
    def test_of_a_wrong_kind_is_refused_by_its_name(self, caller, operation):
        for name, stated in operation.query.items():
            if stated["type"] == "integer":
                values = STRANGE_NUMBERS
            elif stated.get("format") == "uuid" or "enum" in stated:
                values = ["x", "%00", "", LONG, "5"]
            else:
                values = ["%00", "a%00b", "", LONG, "%0a"]
            for value in values:
                problem = problem_of(caller.send(operation, query=f"{name}={value}"))
                assert problem["status"] == 400
                assert {row["param"] for row in problem["errors"]} == {name}

    @LISTS
    def test_of_a_limit_out_of_bounds_is_refused(self, caller, operation):
        for limit in ("-1", "0", "101", "100000000000000000000"):
            problem = problem_of(caller.send(operation, query=f"limit={limit}"))

            assert (problem["status"], problem["code"]) == (400, "validation_failed")
            assert [row["param"] for row in problem["errors"]] == ["limit"]

    @LISTS
    def test_of_a_cursor_that_was_made_up_is_refused(self, caller, operation):
        refusals = {
            refusal_of(caller.send(operation, query=f"cursor={c}")) for c in STRANGE_CURSORS
        }

        assert refusals == {(400, "validation_failed"), (404, "invalid_cursor")}

    @LISTS
    def test_of_a_cursor_of_another_list_is_refused(self, caller, operation, note):
        """Lists of one row have no second page, so no cursor either."""
        copies = [copy.copy(note) for _ in range(3)]
        for one in copies:
            one.pk, one._state.adding = uuid7(), True
        type(note).objects.bulk_create(copies)
        lists = [other for other in operations() if "cursor" in other.query]
        first_pages = [caller.send(other, query="limit=1").json() for other in lists]
        foreign = [
            page["next_cursor"]
            for other, page in zip(lists, first_pages, strict=True)
            if page["next_cursor"] and other != operation
        ]

        assert foreign
        for cursor in foreign:
            assert refusal_of(caller.send(operation, query=f"cursor={cursor}")) == (
                404,
                "invalid_cursor",
            )


class TestPath:
    IDS = ["x", "5", "%00", "-1", "null", "%2e%2e", "a" * 3000, "%ED%A0%80", "\N{SNOWMAN}", " "]

    @named([o for o in operations() if _names_in(o.path)])
    def test_of_an_id_that_is_none_is_not_found(self, caller, operation):
        for given in self.IDS:
            ids = dict.fromkeys(_names_in(operation.path), given)
            response = caller.client.generic(operation.method, operation.path.format(**ids))

            assert refusal_of(response) == (404, "not_found")

    @named([o for o in operations() if _names_in(o.path) and not o.body_types])
    def test_of_an_id_of_nothing_is_not_found(self, caller, operation, untouched):
        before = untouched()
        ids = {name: uuid7() for name in _names_in(operation.path)}

        response = caller.client.generic(operation.method, operation.path.format(**ids))

        assert refusal_of(response) == (404, "not_found")
        assert untouched() == before


class TestHeader:
    HEADERS = {
        "HTTP_AUTHORIZATION": ["Bearer \x00", "Bearer " + "a" * 10_000, "é" * 100, "Basic %%%"],
        "HTTP_X_REQUEST_ID": ["\x00", "a" * 10_000, "é", "a\r\nb: c"],
        "HTTP_ACCEPT": ["\x00", "a/b/c;q=x", ";;;,,,", "text/" + "x" * 5000],
        "HTTP_ACCEPT_LANGUAGE": ["\x00", "xx-" * 2000, "*;q=nan"],
        "HTTP_CONTENT_ENCODING": ["gzip", "br", "\x00"],
        "HTTP_ORIGIN": ["null", "\x00", "http://[", "https://evil.example"],
        "HTTP_COOKIE": ["sessionid=\x00", "a" * 5000, "=;=;=", 'sessionid="\\"'],
        "HTTP_HOST": ["a b", "evil.example:99999", "[", "\x00"],
        "HTTP_X_FORWARDED_FOR": ["\x00", "," * 1000, "é"],
        "HTTP_X_FORWARDED_PROTO": ["\x00", "gopher"],
        "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE"],
        "HTTP_IDEMPOTENCY_KEY": ["\x00", "a" * 10_000, "é"],
        "HTTP_X_RAZORPAY_SIGNATURE": ["\x00", "é", "a" * 10_000, "\udcff"],
        "HTTP_X_RAZORPAY_EVENT_ID": ["\x00", "é" * 100, "a" * 10_000],
        "CONTENT_TYPE": ["\x00", "é", "application/json; charset=x", "a" * 5000, "/;="],
        "CONTENT_LENGTH": ["-1", "x", "1" * 5000, "1.5"],
    }

    @OF_EACH_KIND
    @pytest.mark.parametrize("name", HEADERS)
    def test_that_is_strange_breaks_nothing(self, caller, operation, name):
        for value in self.HEADERS[name]:
            response = caller.send(operation, b"{}", **{name: value})

            assert response.status_code < 400 or is_refused(response)

    @EVERY
    def test_of_another_method_is_refused(self, caller, operation):
        """OPTIONS and HEAD, which come with every other, break nothing."""
        taken = {o.method for o in operations() if o.path == operation.path}

        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE", "a b"} - taken:
            response = caller.client.generic(method, caller.url(operation), b"{}", JSON)

            assert refusal_of(response) == (405, "method_not_allowed")
            assert taken <= set(response["Allow"].split(", "))
        for method in ("OPTIONS", "HEAD"):
            assert caller.client.generic(method, caller.url(operation)).status_code < 500


class TestWebhook:
    """Its body is not ours to parse before its signature is checked."""

    operation = next(o for o in operations() if o.name == WEBHOOK)
    ENVELOPE = {"event": "payment.captured", "payload": {}, "created_at": 1}

    def test_without_a_signature_is_refused_whatever_it_is(self, caller, untouched):
        before = untouched()
        bodies = [*NOT_JSON.values(), *NOT_AN_OBJECT, json.dumps(self.ENVELOPE).encode()]

        refusals = {refusal_of(caller.send(self.operation, body)) for body in bodies}

        assert refusals == {(400, "webhook_refused")}
        assert untouched() == before

    def test_with_a_signature_is_refused_when_it_is_no_event(self, caller, untouched, settings):
        from payments.gateways.signatures import sign

        before = untouched()
        strange = [
            {name: value}
            for name in self.ENVELOPE
            for value in (None, [], {}, "\x00", -1, 10**30, True, "x" * 5000, 1.5, [[]])
        ]
        bodies = [b"", *NOT_JSON.values(), *NOT_AN_OBJECT]
        bodies += [json.dumps({**self.ENVELOPE, **change}).encode() for change in strange]

        for body in bodies:
            signature = sign(body, secret=settings.RAZORPAY_WEBHOOK_SECRET)
            response = caller.send(self.operation, body, HTTP_X_RAZORPAY_SIGNATURE=signature)
            assert refusal_of(response) == (400, "webhook_refused")

        assert untouched() == before


class TestTheseTests:
    def test_see_every_operation(self):
        assert len(operations()) > 20
        assert {o.method for o in operations()} >= {"GET", "POST", "PATCH", "DELETE"}
        assert [o.name for o in operations() if o.takes_json and not o.example] == []
        assert [o.name for o in operations() if o.takes_json and not o.properties] == []

    @WITH_JSON
    def test_reach_the_validation(self, caller, operation):
        """An empty body is refused for its fields, not for who sends it."""
        response = caller.send_json(operation, {})

        if operation.required:
            problem = problem_of(response)
            assert problem["code"] == "validation_failed"
            assert {row["param"] for row in problem["errors"]} == set(operation.required)
        else:
            assert response.status_code == 200

    def test_leave_the_caller_signed_in(self, caller):
        assert caller.client.get("/api/v1/me").status_code == 200
        assert Session.objects.filter(revoked_at=None).count() == 1
