"""As many slow clients as there are threads: the server answers others meanwhile."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

import pytest

THREADS = 16


def slow_head(server):
    client = server.connect()
    client.sendall(b"GET /0 HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    return client, lambda: client.sendall(b"x")


def slow_body(server):
    client = server.connect()
    client.sendall(b"POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    return client, lambda: client.sendall(b"x")


def slow_reader(server):
    client = server.connect(receive_buffer=4096)
    client.sendall(b"GET /big-20000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    return client, lambda: client.recv(1)


@pytest.fixture
def crowd(serve):
    """Answer times of a path while slow clients move a byte each half second."""

    def run(slow, path, *, seconds):
        server = serve(threads=THREADS // 2, queue=32, WEB_WORKERS="2")
        times, until = [], time.monotonic() + seconds
        with ExitStack() as clients:
            moves = []
            for _ in range(THREADS):
                client, move = slow(server)
                clients.enter_context(client)
                moves.append(move)
            time.sleep(0.5)
            while time.monotonic() < until:
                for move in moves:
                    with suppress(OSError):  # it has been cut off
                        move()
                status, _, took = server.ask(path)
                times.append((took, status))
                time.sleep(0.4)
        return times

    return run


class TestSixteenSlowClients:
    def test_leave_liveness_answered_within_a_second(self, crowd):
        times = crowd(slow_reader, "/health/live", seconds=4)

        assert {status for _, status in times} == {200}
        assert max(took for took, _ in times) < 1

    def test_of_whom_nobody_ends_his_head_leave_every_thread_to_others(self, crowd):
        times = crowd(slow_head, "/0", seconds=4)

        assert {status for _, status in times} == {200}
        assert max(took for took, _ in times) < 1

    @pytest.mark.parametrize("slow", [slow_body, pytest.param(slow_reader, marks=pytest.mark.full)])
    def test_lose_their_threads_after_five_seconds(self, crowd, slow):
        times = crowd(slow, "/0", seconds=9)

        took, status = times[-1]
        assert status == 200
        assert took < 1

    @pytest.mark.full
    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("slow", [slow_head, slow_body, slow_reader])
    def test_leave_liveness_answered_for_a_minute(self, crowd, slow):
        times = crowd(slow, "/health/live", seconds=60)

        assert {status for _, status in times} == {200}
        assert max(took for took, _ in times) < 1


class TestACrowdThatIsSlow:
    def test_does_not_hold_up_the_end(self, serve):
        server = serve(threads=2, queue=4, WEB_FINISH_S="20")
        asked_at = time.monotonic()
        with ExitStack() as clients:
            for slow in (slow_head, slow_body, slow_reader):
                clients.enter_context(slow(server)[0])
            time.sleep(0.3)
            server.terminate()
            code, _ = server.end()

        assert code == 0
        assert time.monotonic() - asked_at < 15
