"""The web server under more requests than it has threads for, as real processes."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from ops.tests.web_rig import busy, read


class TestAHundredRequestsAtOnce:
    def test_are_served_as_far_as_there_is_room_and_else_refused_at_once(self, serve):
        server = serve(threads=2, queue=8)

        with ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(server.ask, ["/0.5"] * 100))

        statuses = Counter(status for status, _, _ in answers)
        refused = sorted(took for status, _, took in answers if status == 503)
        # The last of them may come when the first have been served already.
        assert statuses == {200: 100 - len(refused), 503: len(refused)}
        assert 10 <= statuses[200] <= 14
        assert refused[len(refused) // 2] < 0.5
        assert refused[-1] < 2
        assert server.ask("/0")[0] == 200


class TestARequestTooMany:
    def test_is_told_so_as_by_any_other_problem_of_ours(self, serve):
        server = serve(threads=1, queue=1)

        with busy(server, 2, "/1"):
            status, answer, _ = server.ask("/0")

        head, _, body = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        problem = json.loads(body)
        assert status == problem["status"] == 503
        assert (problem["code"], problem["retryable"]) == ("service_unavailable", True)
        assert headers["Content-Type"] == "application/problem+json"
        assert (headers["Retry-After"], headers["Cache-Control"]) == ("1", "no-store")
        assert problem["request_id"] == headers["X-Request-ID"] == headers["X-Correlation-ID"]
        assert int(headers["Content-Length"]) == len(body)

    def test_hears_it_though_its_body_is_never_read(self, serve):
        server = serve(threads=1, queue=1)

        with busy(server, 2, "/1"):
            status, _, took = server.ask("/0", body=b"x" * 1_000_000)

        assert status == 503
        assert took < 0.8

    def test_is_refused_too_when_it_has_waited_too_long(self, serve):
        server = serve(threads=1, queue=10)

        with busy(server, 4, "/1.4") as clients:
            statuses = [read(client)[0] for client in clients]

        assert statuses == [200, 200, 503, 503]


class TestLiveness:
    def test_is_answered_whatever_waits(self, serve):
        server = serve(threads=1, queue=2)

        with busy(server, 3, "/0.6"):
            full = [server.ask("/health/live") for _ in range(3)]
        with busy(server, 1, "/0.6"):
            only_busy = server.ask("/health/live")

        for status, answer, took in [*full, only_busy]:
            assert (status, answer.partition(b"\r\n\r\n")[2]) == (200, b'{"status":"ok"}')
            assert took < 0.4


class TestASlowClient:
    def test_that_says_nothing_takes_no_thread(self, serve):
        server = serve(threads=1, queue=1)
        silent = [server.connect() for _ in range(5)]
        time.sleep(0.1)

        status, _, took = server.ask("/0")

        assert status == 200
        assert took < 1
        for client in silent:
            client.close()

    def test_that_speaks_late_is_served(self, serve):
        server = serve(threads=1, queue=1)

        with server.connect() as client:
            time.sleep(0.5)
            client.sendall(b"GET /0 HTTP/1.0\r\n\r\n")

            assert read(client)[0] == 200

    def test_that_does_not_close_its_end_holds_nobody_up(self, serve):
        server = serve(threads=1, queue=1)
        stubborn = [server.send("/0") for _ in range(3)]
        time.sleep(0.1)

        status, _, took = server.ask("/0")

        assert status == 200
        assert took < 1
        for client in stubborn:
            client.close()


class TestAKeptConnection:
    def test_is_served_request_after_request(self, serve):
        server = serve(threads=1, queue=1)

        with server.kept() as client:
            client.connect()
            kept = client.sock
            for _ in range(3):
                client.request("GET", "/0")
                answer = client.getresponse()

                assert (answer.status, answer.read()) == (200, b"done")
                assert client.sock is kept
