"""Limits before the parse, and the net under views that are not DRF's."""

from __future__ import annotations

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpResponse
from django.test import RequestFactory

from notevault.kit.middleware import BodyLimitMiddleware, LastNetMiddleware
from notevault.kit.tests.problem_details import problem_of, refusal_of

MIB = 1024 * 1024


@pytest.fixture
def status_of():
    """The status that a body of a stated length meets, without sending one."""
    middleware = BodyLimitMiddleware(lambda request: HttpResponse(status=204))

    def send(length: str, content_type: str = "application/json", **meta: str) -> int:
        request = RequestFactory().post("/", content_type=content_type)
        request.META.update({"CONTENT_LENGTH": length, **meta})
        return middleware(request).status_code

    return send


class TestBodyLimit:
    @pytest.mark.parametrize(
        ("length", "content_type", "status"),
        [
            (MIB, "application/json", 204),
            (MIB + 1, "application/json", 413),
            (21 * MIB, "multipart/form-data; boundary=x", 204),
            (21 * MIB + 1, "multipart/form-data; boundary=x", 413),
            (MIB + 1, "application/x-www-form-urlencoded", 413),
            (10**30, "application/json", 413),
        ],
    )
    def test_is_a_mebibyte_and_more_for_a_file(self, status_of, length, content_type, status):
        assert status_of(str(length), content_type) == status

    def test_asks_for_a_length(self, status_of):
        assert status_of("", HTTP_TRANSFER_ENCODING="chunked") == 411
        assert status_of("", HTTP_TRANSFER_ENCODING="gzip, chunked") == 411

    def test_asks_for_none_when_there_is_no_body(self, status_of):
        assert status_of("") == 204

    @pytest.mark.parametrize("length", ["ten", "-1", "1e3", "0x10", "1, 1"])
    def test_refuses_a_length_that_is_not_a_number(self, status_of, length):
        assert status_of(length) == 400

    @pytest.mark.parametrize(
        ("encoding", "status"),
        [("gzip", 415), ("br", 415), ("identity, gzip", 415), ("Identity", 204), ("", 204)],
    )
    def test_refuses_a_compressed_body(self, status_of, encoding, status):
        assert status_of("2", HTTP_CONTENT_ENCODING=encoding) == status
        assert status_of("0", HTTP_CONTENT_ENCODING=encoding) == 204

    def test_stands_before_every_page(self, client, db):
        for path in ("/api/v1/nothing", "/admin/login/", "/api/errors/"):
            response = client.generic("POST", path, b" " * (MIB + 1), "application/json")
            assert refusal_of(response) == (413, "payload_too_large")

    def test_reads_nothing_of_what_it_refuses(self):
        request = RequestFactory().post("/", b" " * (MIB + 1), content_type="application/json")

        BodyLimitMiddleware(lambda request: HttpResponse())(request)

        assert len(request.read()) == MIB + 1


class TestNetUnderOtherViews:
    @pytest.fixture
    def net(self):
        return LastNetMiddleware(lambda request: HttpResponse())

    @pytest.mark.parametrize(
        ("error", "status"), [(SuspiciousOperation(), 400), (RequestDataTooBig(), 413)]
    )
    def test_tells_a_bad_request_from_a_large_one(self, net, error, status):
        assert net.process_exception(RequestFactory().get("/"), error).status_code == status

    def test_lets_a_bug_through(self, net):
        assert net.process_exception(RequestFactory().get("/"), RuntimeError()) is None

    @pytest.mark.parametrize("debug", [True, False])
    def test_leaves_a_bug_of_the_api_to_django_but_for_its_page(self, net, settings, debug):
        settings.DEBUG = debug

        response = net.process_exception(RequestFactory().get("/api/v1/me"), RuntimeError())

        assert (response and response.status_code) == (500 if debug else None)


class TestOtherSites:
    """What browsers let the site's own pages send and read."""

    def test_may_send_our_headers(self, client, settings):
        response = client.options(
            "/api/v1/orders",
            headers={
                "origin": settings.FRONTEND_URL,
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,idempotency-key,x-request-id",
            },
        )

        allowed = response["Access-Control-Allow-Headers"].split(", ")
        assert response["Access-Control-Allow-Origin"] == settings.FRONTEND_URL
        assert {"authorization", "idempotency-key", "x-request-id"} <= set(allowed)
        assert "x-correlation-id" in allowed

    def test_may_read_our_headers_also_on_a_refusal(self, client, db, settings):
        response = client.get("/api/v1/me", headers={"origin": settings.FRONTEND_URL})

        exposed = set(response["Access-Control-Expose-Headers"].split(", "))
        assert problem_of(response)["code"] == "not_authenticated"
        assert exposed >= {
            "X-Request-ID",
            "Retry-After",
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
        }

    def test_are_otherwise_refused(self, client, db):
        response = client.get("/api/v1/categories", headers={"origin": "https://evil.example"})

        assert "Access-Control-Allow-Origin" not in response
