"""What is counted of a request: once, whatever becomes of it, by the template of its route."""

from __future__ import annotations

import random
import string

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch
from prometheus_client import REGISTRY

from ops.instruments import HTTP_IN_FLIGHT
from ops.metrics.http import HTTPMetricsMiddleware, count_turned_away
from ops.metrics.tests.counting import Since

NOTE = "api/v1/notes/<uuid:note_id>"


@pytest.fixture
def since():
    return Since()


@pytest.fixture(autouse=True)
def nothing_in_flight():
    """Django's test client leaves answers open that other tests did not read."""
    HTTP_IN_FLIGHT.set(0)


def in_flight():
    return REGISTRY.get_sample_value("notevault_http_requests_in_flight")


def answered_by(view, method="GET"):
    """The answer of a view with a route of its own, behind the middleware."""

    def get_response(request):
        request.resolver_match = ResolverMatch(view, (), {}, route="a/<int:route>")
        return view(request)

    request = RequestFactory().generic(method, "/a/1")
    return HTTPMetricsMiddleware(get_response)(request)


@pytest.mark.django_db
class TestARequest:
    def test_is_counted_by_the_template_of_its_route(self, client, note, since):
        client.get(f"/api/v1/notes/{note.pk}")

        assert since.grown("http_requests_total") == {("GET", NOTE, "200"): 1}
        assert since("http_request_seconds_count", method="GET", route=NOTE) == 1
        assert since("http_request_seconds_bucket", method="GET", route=NOTE, le="+Inf") == 1

    def test_that_is_refused_before_any_view_is_counted_too(self, client, settings, since):
        settings.ALLOWED_HOSTS = ["api.example.com"]

        client.get("/api/v1/notes", headers={"host": "elsewhere.example.com"})
        client.post(
            "/api/v1/orders", b"x" * 9, "application/json", headers={"content-encoding": "gzip"}
        )

        assert sum(since.grown("http_requests_total").values()) == 2

    def test_of_a_probe_or_a_scrape_is_not_counted(self, client, since):
        for path in ("/health/live", "/health/ready", "/metrics", "/metrics/json"):
            client.get(path)

        assert since.grown("http_requests_total") == {}

    def test_that_fails_is_an_error_and_no_more_in_flight(self, client, monkeypatch, since):
        from notevault.kit import views

        client.raise_request_exception = False
        monkeypatch.setattr(views, "CATALOGUE", None)

        client.get("/api/errors/")

        assert since.grown("http_requests_total") == {("GET", "api/errors/", "500"): 1}
        assert in_flight() == 0


@pytest.mark.django_db
class TestAnAnswer:
    def test_is_in_flight_while_its_view_works(self, since):
        seen = []

        answered_by(lambda _: seen.append(in_flight()) or HttpResponse())

        assert (seen, in_flight()) == ([1], 0)

    def test_in_parts_is_in_flight_until_it_has_ended(self, since):
        answer = answered_by(lambda _: StreamingHttpResponse(iter([b"a", b"b"])))

        during = (in_flight(), since.grown("http_requests_total"))
        body = b"".join(answer)
        answer.close()

        assert (during, body) == ((1, {}), b"ab")
        assert since.grown("http_requests_total") == {("GET", "a/<int:route>", "200"): 1}
        assert in_flight() == 0

    def test_whose_client_has_gone_is_counted_once(self, since):
        answer = answered_by(lambda _: StreamingHttpResponse(iter([b"a", b"b"])))
        next(iter(answer))

        answer.close()
        answer.close()

        assert since.grown("http_requests_total") == {("GET", "a/<int:route>", "200"): 1}
        assert in_flight() == 0

    def test_that_breaks_off_by_our_fault_is_an_error(self, since):
        def parts():
            yield b"a"
            raise OSError("the store is away")

        answer = answered_by(lambda _: StreamingHttpResponse(parts()))
        with pytest.raises(OSError, match="away"):
            b"".join(answer)
        answer.close()

        assert since.grown("http_requests_total") == {("GET", "a/<int:route>", "500"): 1}

    def test_that_is_a_file_reaches_the_server_as_a_file(self, tmp_path, since):
        (tmp_path / "note.pdf").write_bytes(b"%PDF")

        answer = answered_by(lambda _: FileResponse((tmp_path / "note.pdf").open("rb")))
        is_file = answer.file_to_stream is not None
        answer.close()

        assert is_file
        assert since.grown("http_requests_total") == {("GET", "a/<int:route>", "200"): 1}

    def test_that_never_comes_because_the_process_ends_is_an_error(self, since):
        def stopped(_):
            raise SystemExit

        with pytest.raises(SystemExit):
            answered_by(stopped)

        assert since.grown("http_requests_total") == {("GET", "a/<int:route>", "500"): 1}
        assert in_flight() == 0

    def test_of_the_web_server_itself_is_counted(self, since):
        count_turned_away()

        assert since.grown("http_requests_total") == {("other", "overloaded", "503"): 1}


@pytest.mark.django_db
class TestAThousandStrangeRequests:
    def test_add_few_series(self, client, since):
        dice = random.Random(5)

        for _ in range(1000):
            word = "".join(dice.choices(string.ascii_letters + "/.%_", k=12))
            path = dice.choice([f"/{word}", f"/api/v1/{word}", f"/static/{word}", f"/files/{word}"])
            client.generic("".join(dice.choices(string.ascii_uppercase, k=5)), path)

        grown = since.grown("http_requests_total")
        assert sum(grown.values()) == 1000
        assert len(grown) <= 12
        assert {method for method, _, _ in grown} == {"other"}
