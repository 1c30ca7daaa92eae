"""How long a wait may take inside a request, and outside of one."""

from __future__ import annotations

import threading

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from notevault.kit import deadline


@pytest.fixture
def clock(monkeypatch):
    """`clock[0]` is the monotonic time."""
    time = [100.0]
    monkeypatch.setattr(deadline.time, "monotonic", lambda: time[0])
    return time


class TestRemaining:
    def test_is_all_that_was_asked_for_outside_of_a_request(self):
        assert deadline.remaining(7.0) == 7.0
        assert not deadline.is_set()

    def test_is_never_more_than_what_is_left(self, clock):
        with deadline.within(5.5):
            assert deadline.remaining(2.0) == 2.0
            clock[0] += 4.5
            assert deadline.remaining(2.0) == 1.0

    def test_is_nothing_when_the_time_is_over(self, clock):
        with deadline.within(5.5):
            clock[0] += 60
            assert deadline.remaining(2.0) == 0.0

    def test_knows_nothing_of_another_thread_s_request(self):
        seen = []

        with deadline.within(1.0):
            other = threading.Thread(target=lambda: seen.append(deadline.remaining(9.0)))
            other.start()
            other.join()

        assert seen == [9.0]

    def test_is_whole_again_after_a_failure(self):
        with pytest.raises(ValueError), deadline.within(1.0):
            raise ValueError

        assert deadline.remaining(9.0) == 9.0


class TestMiddleware:
    def seconds_of(self, request):
        left = []

        def answer(_request):
            left.append(deadline.remaining(60.0))
            return HttpResponse()

        deadline.DeadlineMiddleware(answer)(request)
        return left

    def test_gives_a_request_five_and_a_half_seconds(self, clock):
        request = RequestFactory().post("/", "{}", content_type="application/json")

        assert self.seconds_of(request) == [pytest.approx(5.5)]
        assert not deadline.is_set()

    def test_gives_an_upload_thirty(self, clock):
        request = RequestFactory().post("/", {"title": "multipart"})

        assert self.seconds_of(request) == [pytest.approx(30.0)]

    def test_counts_the_wait_for_a_thread(self, clock):
        deadline.begin_after(2.0)

        left = self.seconds_of(RequestFactory().get("/"))
        deadline.begin_after(0.0)

        assert left == [pytest.approx(3.5)]

    def test_stands_before_everything_but_the_probes_and_the_metrics(self, settings):
        assert settings.MIDDLEWARE[:3] == [
            "ops.middleware.ProbeMiddleware",
            "ops.metrics.http.HTTPMetricsMiddleware",
            "notevault.kit.deadline.DeadlineMiddleware",
        ]
