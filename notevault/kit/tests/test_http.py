"""Every error as problem+json, whoever raises it."""

from __future__ import annotations

import orjson
import pytest
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, UnreadablePostError
from rest_framework import exceptions as drf
from rest_framework import serializers

from notevault.kit import http
from notevault.kit.errors import DomainError
from notevault.kit.tests.log_output import log_output
from notevault.kit.tests.problem_details import problem_of, refusal_of

pytestmark = pytest.mark.django_db

CANARY = "canary-7f3a"


class SeatTaken(DomainError):
    code = "rate_limited"
    message = "This seat is taken."


class Seat(serializers.Serializer):
    row = serializers.IntegerField()
    tags = serializers.ListField(child=serializers.SlugField())
    holder = serializers.DictField(child=serializers.EmailField(), required=False)

    def validate(self, data):
        raise serializers.ValidationError("The seat does not exist.")


@pytest.fixture
def anyone(client_of):
    return client_of(None)


@pytest.fixture
def fail_with(monkeypatch):
    """Make a read of the API, and a page outside of it, raise an error."""

    def arrange(error):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr("notes.selectors.list_categories", fail)
        monkeypatch.setattr("notevault.kit.views.render", fail)

    return arrange


API, PAGE = "/api/v1/categories", "/api/errors/"


class TestBadRequest:
    def test_is_a_body_that_is_not_json(self, anyone):
        response = anyone.generic("POST", "/api/v1/auth/login", b"{", "application/json")

        problem = problem_of(response)
        assert (problem["status"], problem["code"]) == (400, "bad_request")
        assert problem["detail"] == "The body is not valid JSON."
        assert problem["errors"] == []

    def test_names_each_field_that_is_wrong(self, anyone):
        body = {"email": "nobody", "password": "x" * 129}

        response = anyone.post("/api/v1/auth/login", body, format="json")

        problem = problem_of(response)
        assert (problem["status"], problem["code"]) == (400, "validation_failed")
        assert [(row["param"], row["code"]) for row in problem["errors"]] == [
            ("email", "invalid"),
            ("password", "max_length"),
        ]

    def test_names_the_place_in_a_list(self, client_of, buyer):
        body = {"note_ids": ["0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f", "none"]}

        response = client_of(buyer).post("/api/v1/orders", body, format="json")

        assert [row["param"] for row in problem_of(response)["errors"]] == ["note_ids.1"]

    def test_is_what_a_host_we_do_not_serve_gets(self, anyone, settings):
        settings.ALLOWED_HOSTS = ["api.example.com"]

        response = anyone.get("/api/v1/categories", headers={"host": "evil.example"})

        assert refusal_of(response) == (400, "bad_request")


class TestUnauthenticated:
    def test_is_told_to_send_a_token(self, anyone):
        response = anyone.get("/api/v1/me")

        assert refusal_of(response) == (401, "not_authenticated")
        assert response["WWW-Authenticate"] == 'Bearer realm="notevault"'

    def test_is_told_that_the_token_is_wrong(self, anyone):
        response = anyone.get("/api/v1/me", headers={"authorization": "Bearer x.y.z"})

        assert refusal_of(response) == (401, "token_invalid")
        assert response["WWW-Authenticate"] == 'Bearer realm="notevault"'


class TestForbidden:
    def test_is_a_seller_page_for_a_buyer(self, client_of, buyer):
        assert refusal_of(client_of(buyer).get("/api/v1/seller/notes")) == (403, "not_a_seller")


class TestNotFound:
    @pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/notes/5", "/nothing", "/a/%00/b"])
    def test_is_a_route_that_does_not_exist(self, anyone, path):
        assert refusal_of(anyone.get(path)) == (404, "not_found")

    def test_is_an_id_that_does_not_exist(self, anyone, buyer):
        assert refusal_of(anyone.get(f"/api/v1/notes/{buyer.pk}")) == (404, "not_found")

    def test_is_the_note_of_another_seller(self, client_of, stranger, note):
        type(stranger).objects.filter(pk=stranger.pk).update(is_seller=True)

        response = client_of(stranger).patch(
            f"/api/v1/notes/{note.pk}", {"price_paise": 100}, format="json"
        )

        note.refresh_from_db()
        assert refusal_of(response) == (404, "not_found")
        assert note.price_paise == 9900

    def test_is_the_order_of_another_buyer(self, client_of, buyer, stranger, note, gateway):
        cart = {"note_ids": [str(note.pk)]}
        order = client_of(buyer).post("/api/v1/orders", cart, format="json").json()

        seen = client_of(stranger).get(f"/api/v1/orders/{order['id']}")
        cancelled = client_of(stranger).post(f"/api/v1/orders/{order['id']}/cancel")

        after = client_of(buyer).get(f"/api/v1/orders/{order['id']}").json()
        assert refusal_of(seen) == refusal_of(cancelled) == (404, "not_found")
        assert after["state"] == "awaiting_payment"


class TestMethodNotAllowed:
    def test_says_which_methods_are(self, anyone):
        response = anyone.put("/api/v1/auth/login", {}, format="json")

        assert refusal_of(response) == (405, "method_not_allowed")
        assert response["Allow"] == "POST, OPTIONS"


class TestLengthRequired:
    def test_is_a_body_without_a_length(self, anyone):
        response = anyone.post(
            "/api/v1/auth/login", CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked"
        )

        assert refusal_of(response) == (411, "length_required")


class TestPayloadTooLarge:
    def test_is_a_body_over_the_limit(self, anyone):
        response = anyone.generic(
            "POST", "/api/v1/auth/login", b" " * (1024 * 1024 + 1), "application/json"
        )

        assert refusal_of(response) == (413, "payload_too_large")
        assert problem_of(response)["detail"] == "The limit here is 1048576 bytes."


class TestUnsupportedMediaType:
    def test_is_anything_but_json(self, anyone):
        response = anyone.generic("POST", "/api/v1/auth/login", b"<a/>", "application/xml")

        assert refusal_of(response) == (415, "unsupported_media_type")


class TestServerError:
    @pytest.mark.parametrize("path", [API, PAGE])
    def test_is_a_bug_of_ours_and_tells_nothing_of_it(self, anyone, fail_with, settings, path):
        settings.DEBUG = False
        fail_with(RuntimeError(CANARY))

        response = anyone.get(path)

        problem = problem_of(response)
        assert (problem["status"], problem["code"]) == (500, "internal_error")
        assert problem["detail"] == "The error was recorded under this request id."
        for secret in (CANARY, "Traceback", "RuntimeError", ".py"):
            assert secret not in response.content.decode()

    def test_reaches_the_log_with_its_request_id(self, anyone, fail_with):
        fail_with(RuntimeError(CANARY))

        with log_output() as output:
            response = anyone.get(API, headers={"x-request-id": "given-by-caller"})

        errors = [line for line in output.lines if line["level"] == "error"]
        assert problem_of(response)["request_id"] == "given-by-caller"
        assert [line["request_id"] for line in errors] == ["given-by-caller"]
        assert CANARY in errors[0]["exception"]


class TestServiceUnavailable:
    @pytest.mark.parametrize("path", [API, PAGE])
    @pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
    def test_is_a_database_that_does_not_answer(self, anyone, fail_with, path, kind):
        fail_with(kind(f"connection to server at 10.0.0.7 failed {CANARY}"))

        response = anyone.get(path)

        assert refusal_of(response) == (503, "service_unavailable")
        assert response["Retry-After"] == "1"
        assert CANARY not in response.content.decode()

    @pytest.mark.parametrize("path", [API, PAGE])
    def test_is_not_every_error_of_the_database(self, anyone, fail_with, path):
        fail_with(DatabaseError("syntax error"))

        assert refusal_of(anyone.get(path)) == (500, "internal_error")


class TestProblem:
    def test_shows_a_refusal_s_own_members_beside_the_standard_ones(self):
        response = http.problem("not_found", "Gone.", params={"order_id": "o1", "status": 200})

        body = orjson.loads(response.content)
        assert (body["order_id"], body["status"], body["detail"]) == ("o1", 404, "Gone.")

    @pytest.mark.parametrize(
        ("code", "given", "header"),
        [
            ("gateway_unavailable", None, "1"),
            ("gateway_unavailable", 7, "7"),
            ("rate_limited", 60, "60"),
            ("not_found", None, None),
        ],
    )
    def test_says_when_to_come_back_where_that_helps(self, code, given, header):
        assert http.problem(code, retry_after=given).get("Retry-After") == header


class TestExceptionHandler:
    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (SeatTaken(), 429, "rate_limited"),
            (drf.ParseError(), 400, "bad_request"),
            (drf.NotFound(), 404, "not_found"),
            (drf.PermissionDenied(), 403, "permission_denied"),
            (drf.NotAuthenticated(), 401, "not_authenticated"),
            (drf.AuthenticationFailed(), 401, "token_invalid"),
            (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
            (drf.UnsupportedMediaType("text/x"), 415, "unsupported_media_type"),
            (drf.Throttled(wait=1.2), 429, "rate_limited"),
            (Http404(), 404, "not_found"),
            (PermissionDenied(), 403, "permission_denied"),
            (RequestDataTooBig(), 413, "payload_too_large"),
            (TooManyFieldsSent("too many"), 400, "bad_request"),
            (SuspiciousOperation(CANARY), 400, "bad_request"),
            (UnreadablePostError("the client went away"), 400, "bad_request"),
            (OperationalError(CANARY), 503, "service_unavailable"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
    )
    def test_knows_what_is_expected(self, error, status, code):
        response = http.exception_handler(error, {})

        body = orjson.loads(response.content)
        assert (response.status_code, body["code"]) == (status, code)
        assert CANARY not in response.content.decode()

    @pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("bug"), DatabaseError("bug")])
    def test_leaves_a_bug_to_django(self, error):
        assert http.exception_handler(error, {}) is None

    def test_rounds_a_wait_up_to_whole_seconds(self):
        response = http.exception_handler(drf.Throttled(wait=1.2), {})

        assert response["Retry-After"] == "2"

    def test_flattens_nested_field_errors(self):
        seat = Seat(data={"row": "x", "tags": ["ok", "not ok"], "holder": {"a": "not mail"}})

        with pytest.raises(serializers.ValidationError) as refusal:
            seat.is_valid(raise_exception=True)

        body = orjson.loads(http.exception_handler(refusal.value, {}).content)
        assert [(row["param"], row["code"]) for row in body["errors"]] == [
            ("row", "invalid"),
            ("tags.1", "invalid"),
            ("holder.a", "invalid"),
        ]

    def test_says_nothing_of_a_field_when_the_whole_is_wrong(self):
        seat = Seat(data={"row": 4, "tags": []})

        with pytest.raises(serializers.ValidationError) as refusal:
            seat.is_valid(raise_exception=True)

        body = orjson.loads(http.exception_handler(refusal.value, {}).content)
        assert body["errors"] == [
            {"param": "", "code": "invalid", "detail": "The seat does not exist."}
        ]

    def test_gives_the_index_in_a_list_of_details(self):
        error = drf.ValidationError({"rows": [{"seat": ["Taken."]}, ["Gone."]]})

        body = orjson.loads(http.exception_handler(error, {}).content)
        assert [row["param"] for row in body["errors"]] == ["rows.0.seat", "rows.1"]

    def test_gives_the_index_of_a_row_of_many(self):
        rows = Seat(data=[{"row": 1, "tags": []}, {"row": "x", "tags": []}], many=True)

        with pytest.raises(serializers.ValidationError) as refusal:
            rows.is_valid(raise_exception=True)

        body = orjson.loads(http.exception_handler(refusal.value, {}).content)
        assert [row["param"] for row in body["errors"]] == ["0", "1.row"]


class TestDjangoHooks:
    """What Django calls for errors that no view of the API has answered."""

    @pytest.mark.parametrize(
        ("response", "status", "code"),
        [
            (http.bad_request(HttpRequest(), SuspiciousOperation()), 400, "bad_request"),
            (http.bad_request(HttpRequest(), RequestDataTooBig()), 413, "payload_too_large"),
            (http.bad_request(HttpRequest(), ValueError()), 400, "bad_request"),
            (http.permission_denied(HttpRequest(), PermissionDenied()), 403, "permission_denied"),
            (http.page_not_found(HttpRequest(), Http404()), 404, "not_found"),
            (http.server_error(HttpRequest()), 500, "internal_error"),
        ],
    )
    def test_answer_with_problems_too(self, response, status, code):
        body = orjson.loads(response.content)

        assert response["Content-Type"] == "application/problem+json"
        assert (response.status_code, body["code"]) == (status, code)
