"""Secrets sent to every endpoint, of real processes at their most talkative."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import orjson
import pytest
import requests
from django.urls import URLPattern, get_resolver

from ops.tests.own_database import database_url
from ops.tests.web_rig import HOST, free_port, launch, stop, wait_until_it_answers, written

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "canary, 'horse' & battery"
TOKEN = "canary0token0f6b2d4e8a1c3"
CARD = "4111111111111111"
EMAIL = "canary.person+x@mail.example.co.in"
SECRETS = {
    "password": PASSWORD,
    "token": TOKEN,
    "refresh": TOKEN,
    "razorpay_signature": TOKEN,
    "card_number": "4111 1111 1111 1111",
    "note": f"paid by {CARD}",
    "email": EMAIL,
}
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Cookie": f"sessionid={TOKEN}; csrftoken={TOKEN}",
    "X-Razorpay-Signature": TOKEN,
    "X-Request-ID": f"{EMAIL} {CARD}",
    "User-Agent": f"{EMAIL}/{CARD}",
    "Referer": f"https://example.com/?token={TOKEN}&email={EMAIL}",
    "Idempotency-Key": EMAIL,
}
FOUND = ("canary", "4111111111111111", "4111 1111")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# An API whose every endpoint breaks, in the most talkative way.
BROKEN = """
from notevault.wsgi import application
from rest_framework.views import APIView

def break_down(self, request, *args, **kwargs):
    raise RuntimeError(f"{request.data!r} {dict(request.headers)!r} {request.META['QUERY_STRING']}")

APIView.initial = break_down
"""


def paths(patterns, before=""):
    """One path for each route, with a secret wherever it takes a text."""
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield "/" + filled(here)
        else:
            yield from paths(pattern.url_patterns, here)


def filled(route):
    for kind, value in {
        "<uuid:": "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f",
        "<int:": "4111111111111111",
        "<": f"{EMAIL}-{TOKEN}",
    }.items():
        while kind in route:
            start = route.index(kind)
            route = route[:start] + value + route[route.index(">", start) + 1 :]
    return route.replace("^", "").replace("$", "")


def endpoints(prefix=""):
    found = sorted(set(paths(get_resolver().url_patterns)))
    return [path for path in found if path.startswith(prefix)]


@contextmanager
def serving(app, *options, **environment):
    server = launch(
        app,
        *options,
        port=free_port(),
        **{
            "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
            "DATABASE_URL": database_url(),
            "LOG_LEVEL": "debug",
            "THROTTLE_DEFAULT": "100000/min",
            **environment,
        },
    )
    try:
        wait_until_it_answers(server, "/health/live")
        yield server
    finally:
        stop(server)


def ask(server, method, path):
    """Its secrets in the query, in the headers, and in a body of JSON or of a form."""
    url = f"http://{HOST}:{server.port}{path}"
    nested = {**SECRETS, "inner": [SECRETS, orjson.dumps(SECRETS).decode()]}
    bodies = [{"json": nested}, {"data": SECRETS}] if method != "GET" else [{}]
    for body in bodies:
        requests.request(
            method, url, params=SECRETS, headers=HEADERS, timeout=60, allow_redirects=False, **body
        )


def ask_everything(server, methods, paths):
    with ThreadPoolExecutor(4) as pool:
        asked = [(server, method, path) for method in methods for path in paths]
        list(pool.map(ask, *zip(*asked, strict=True)))


def expect_no_secret(server, *, at_least):
    text = written(server.out)
    lines = [orjson.loads(line) for line in text.splitlines()]
    assert written(server.errors) == ""
    assert len([line for line in lines if line["event"] == "request"]) >= at_least
    for secret in FOUND:
        assert [line for line in text.splitlines() if secret in line] == []
    return lines


@pytest.mark.timeout(400)
class TestNoLineHoldsASecret:
    def test_of_whatever_is_sent_to_every_endpoint_of_the_api(self):
        asked = endpoints("/api/v1/")

        with serving("notevault.wsgi:application") as server:
            ask_everything(server, METHODS, asked)
            expect_no_secret(server, at_least=len(asked) * len(METHODS))

    def test_of_whatever_is_sent_to_the_pages_and_the_admin(self):
        asked = [path for path in endpoints() if not path.startswith("/api/v1/")]

        with serving("notevault.wsgi:application") as server:
            ask_everything(server, ("GET", "POST"), asked)
            lines = expect_no_secret(server, at_least=len(asked))

        assert "health/detailed" in {line.get("route") for line in lines}

    def test_when_every_endpoint_breaks(self, tmp_path):
        (tmp_path / "broken.py").write_text(BROKEN)
        asked = endpoints("/api/v1/")

        with serving("broken", "--pythonpath", str(tmp_path)) as server:
            ask_everything(server, ("POST",), asked)
            lines = expect_no_secret(server, at_least=len(asked))

        assert len([line for line in lines if "RuntimeError" in line.get("exception", "")]) > 20

    def test_when_the_database_is_away(self):
        asked = endpoints("/api/v1/auth")
        away = "postgresql://notevault:canary-of-the-database@127.0.0.1:1/x?pool_timeout=1"

        with serving("notevault.wsgi:application", DATABASE_URL=away) as server:
            ask_everything(server, ("POST",), asked)
            expect_no_secret(server, at_least=len(asked))

    def test_of_a_request_that_is_none(self, serve_nothing_readable):
        text = serve_nothing_readable

        assert "request.unreadable" in text
        assert "canary" not in text


@pytest.fixture
def serve_nothing_readable():
    requests_of_no_kind = (
        f"GET /?token={TOKEN} HTTP/9.9\r\n\r\n",
        f"GET / HTTP/1.1\r\nBad Header {TOKEN}: x\r\n\r\n",
        f"{TOKEN} {EMAIL}\r\n\r\n",
        f"GET /{TOKEN * 400} HTTP/1.1\r\n\r\n",
    )
    with serving("notevault.wsgi:application") as server:
        for text in requests_of_no_kind:
            with server.connect() as client:
                client.sendall(text.encode())
                client.recv(65536)
        yield written(server.out)
