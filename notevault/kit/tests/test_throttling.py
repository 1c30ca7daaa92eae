"""Rate limits that all processes count together."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.db import connections
from django.test import RequestFactory
from rest_framework.request import Request

from notevault.kit import throttling
from notevault.kit.tests.problem_details import problem_of
from notevault.kit.throttling import SharedThrottle, Throttle, parse_rate

pytestmark = pytest.mark.django_db

# Fifteen seconds into a minute, and ten minutes into an hour.
NOW = 1_800_000_615.7


@pytest.fixture(autouse=True)
def _clean_counts():
    caches["local"].clear()
    yield
    caches["local"].clear()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that stands still, so that no window ends within a test."""
    clock = SimpleNamespace(at=NOW)
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: clock.at))
    return clock


@pytest.fixture
def rate(settings):
    def set_rate(scope, rate):
        settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, scope: rate}

    return set_rate


def allows(throttle, *, scope="sign_in", user=None, address="10.0.0.1", **meta):
    request = Request(RequestFactory().get("/", REMOTE_ADDR=address, **meta))
    request.user = user or AnonymousUser()
    return throttle().allow_request(request, SimpleNamespace(throttle_scope=scope))


class TestParseRate:
    @pytest.mark.parametrize(
        ("text", "parsed"),
        [("20/min", (20, 60)), ("5/s", (5, 1)), ("600/h", (600, 3600)), ("0/min", (0, 60))],
    )
    def test_reads_requests_and_seconds(self, text, parsed):
        assert parse_rate(text) == parsed

    @pytest.mark.parametrize("text", ["20", "20/minute", "x/min", "", "/min"])
    def test_refuses_anything_else(self, text):
        with pytest.raises((KeyError, ValueError)):
            parse_rate(text)


class TestHeaders:
    def test_count_down_to_the_refusal(self, client, rate):
        rate("default", "2/min")

        answers = [client.get("/api/v1/categories") for _ in range(3)]

        assert [
            (
                answer.status_code,
                answer["RateLimit-Limit"],
                answer["RateLimit-Remaining"],
                answer["RateLimit-Reset"],
            )
            for answer in answers
        ] == [(200, "2", "1", "45"), (200, "2", "0", "45"), (429, "2", "0", "45")]

    def test_say_when_to_come_back(self, client, rate):
        rate("default", "1/min")
        client.get("/api/v1/categories")

        answer = client.get("/api/v1/categories")

        problem = problem_of(answer)
        assert (problem["status"], problem["code"]) == (429, "rate_limited")
        assert problem["detail"] == "Try again in 45 s."
        assert answer["Retry-After"] == "45"

    def test_are_on_refusals_too(self, client, rate):
        rate("sign_in", "9/h")

        answer = client.post("/api/v1/auth/login", {}, content_type="application/json")

        assert answer.status_code == 400
        assert answer["RateLimit-Limit"] == "9"
        assert answer["RateLimit-Remaining"] == "8"
        assert answer["RateLimit-Reset"] == str(3600 - 615)

    def test_tell_of_the_limit_that_is_nearest(self, rate):
        rate("sign_in", "9/min")
        rate("order", "5/min")
        request = Request(RequestFactory().get("/", REMOTE_ADDR="10.0.0.1"))
        request.user = AnonymousUser()

        class Nearer(Throttle):
            scope = "order"

        for throttle in (Throttle, Nearer, Throttle):
            throttle().allow_request(request, SimpleNamespace(throttle_scope="sign_in"))

        assert request._request.rate_limit == (5, 4, 45)


class TestWindow:
    @pytest.mark.parametrize("throttle", [Throttle, SharedThrottle])
    def test_lets_the_limit_through_and_no_more(self, rate, throttle):
        rate("sign_in", "3/min")

        assert [allows(throttle) for _ in range(5)] == [True, True, True, False, False]

    @pytest.mark.parametrize("throttle", [Throttle, SharedThrottle])
    def test_begins_anew_with_the_next_one(self, rate, clock, throttle):
        rate("sign_in", "1/min")
        allows(throttle)
        clock.at = NOW + 44
        assert not allows(throttle)

        clock.at = NOW + 45

        assert allows(throttle)

    def test_tells_callers_and_scopes_apart(self, rate, buyer, seller):
        rate("sign_in", "1/min")
        rate("order", "1/min")
        callers = [
            {},
            {"scope": "order"},
            {"address": "10.0.0.2"},
            {"user": buyer},
            {"user": seller},
        ]

        assert [allows(Throttle, **caller) for caller in callers] == [True] * 5
        assert [allows(Throttle, **caller) for caller in callers] == [False] * 5

    def test_follows_a_user_from_address_to_address(self, rate, buyer):
        rate("sign_in", "1/min")
        allows(Throttle, user=buyer)

        assert not allows(Throttle, user=buyer, address="10.0.0.2")

    def test_cannot_be_escaped_by_a_made_up_address(self, rate):
        rate("sign_in", "1/min")
        allows(Throttle, HTTP_X_FORWARDED_FOR="1.1.1.1")

        assert not allows(Throttle, HTTP_X_FORWARDED_FOR="2.2.2.2")

    def test_uses_what_our_own_proxy_added(self, rate, settings):
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
        rate("sign_in", "1/min")
        allows(Throttle, HTTP_X_FORWARDED_FOR="6.6.6.6, 1.1.1.1")

        assert not allows(Throttle, HTTP_X_FORWARDED_FOR="7.7.7.7, 1.1.1.1")
        assert allows(Throttle, HTTP_X_FORWARDED_FOR="6.6.6.6, 2.2.2.2")

    def test_costs_plain_reads_no_query(self, rate, django_assert_num_queries):
        rate("default", "5/min")

        with django_assert_num_queries(0):
            assert allows(Throttle, scope="default")


class TestEveryView:
    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [
            ("post", "/api/v1/auth/login", "sign_in"),
            ("post", "/api/v1/auth/refresh", "refresh"),
            ("post", "/api/v1/auth/register", "register"),
            ("post", "/api/v1/auth/password/change", "sign_in"),
            ("post", "/api/v1/orders", "order"),
            ("post", "/api/v1/payments/verify", "verify"),
        ],
    )
    def test_that_is_sensitive_is_counted_for_all_processes(
        self, client_of, buyer, rate, method, path, scope
    ):
        rate(scope, "1/min")
        client = client_of(buyer)
        getattr(client, method)(path, {}, format="json")
        caches["local"].clear()

        answer = getattr(client, method)(path, {}, format="json")

        assert answer.status_code == 429

    def test_of_the_gateway_is_never_refused_for_its_number(self, client, rate):
        rate("default", "1/h")

        answers = {client.post("/api/v1/webhooks/razorpay").status_code for _ in range(5)}

        assert answers == {400}


@pytest.mark.django_db(transaction=True)
class TestManyProcesses:
    """Each thread has its own connection, as each pod has."""

    def hit(self, _number):
        try:
            return allows(SharedThrottle)
        finally:
            connections.close_all()

    def test_share_one_count(self, rate):
        rate("sign_in", "2/min")

        with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
            answers = [pool.submit(self.hit, 0).result() for pool in (first, second) * 2]

        assert answers == [True, True, False, False]

    def test_count_exactly_when_all_come_at_once(self, rate):
        rate("sign_in", "7/min")

        with ThreadPoolExecutor(20) as pool:
            answers = Counter(pool.map(self.hit, range(20)))

        assert answers == {True: 7, False: 13}
        key = f"throttle:sign_in:10.0.0.1:{int(NOW) // 60}"
        assert caches["default"].get(key) == 20
