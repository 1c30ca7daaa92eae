"""As many slow clients as there are threads: the server answers others meanwhile."""

from __future__ import annotations

import resource
import time
from contextlib import ExitStack, suppress

import psutil
import pytest

from ops.tests.web_rig import read
from ops.web_worker import most_connections

THREADS = 16


def slow_head(server):
    client = server.connect()
    client.sendall(b"GET /0 HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    return client, lambda: client.sendall(b"x")


def slow_body(server):
    client = server.connect()
    client.sendall(b"POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    return client, lambda: client.sendall(b"x")


def small_slow_body(server):
    client = server.connect()
    client.sendall(b"POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 52\r\n\r\n")
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

    @pytest.mark.parametrize("slow", [slow_head, small_slow_body])
    def test_of_whom_nobody_ends_leave_every_thread_to_others(self, crowd, slow):
        times = crowd(slow, "/0", seconds=4)

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


class TestARequest:
    @pytest.fixture
    def server(self, serve):
        return serve()

    def test_whose_head_does_not_end_is_refused(self, server):
        with server.connect() as client:
            client.sendall(b"GET /0 HTTP/1.1\r\nX-Long: " + b"x" * 40_000)
            status, answer = read(client)

        assert (status, b"bad_request" in answer) == (431, True)

    def test_is_served_when_its_body_comes_later(self, server):
        with server.connect() as client:
            client.sendall(b"POST /0 HTTP/1.1\r\nConnection: close\r\ncontent-length:4\r\n\r\nab")
            time.sleep(0.2)
            client.sendall(b"cd")

            assert read(client)[0] == 200

    def test_is_told_to_send_the_body_that_it_holds_back(self, server):
        with server.connect() as client:
            client.sendall(
                b"POST /0 HTTP/1.1\r\nConnection: close\r\nContent-Length: 4\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            told = client.recv(25)
            client.sendall(b"abcd")

            assert (told.split()[1], read(client)[0]) == (b"100", 200)


class TestMoreSilentClientsThanThereIsRoomFor:
    @pytest.fixture
    def silent(self):
        """So many clients that begin to ask, and do not end."""
        with ExitStack() as clients:

            def come(server, count):
                for _ in range(count):
                    clients.enter_context(slow_head(server)[0])
                time.sleep(0.3)

            yield come

    def test_make_room_for_who_asks(self, serve, silent):
        server = serve(GUNICORN_CMD_ARGS="--worker-connections 20")
        silent(server, 60)

        answers = [server.ask(path) for path in ("/health/live", "/0", "/health/live")]

        assert [status for status, _, _ in answers] == [200] * 3
        assert max(took for _, _, took in answers) < 1
        assert [line["event"] for line in server.lines()].count("web.crowded") == 1

    def test_do_not_end_the_process_when_it_has_no_files_left(self, serve, silent):
        server = serve()
        [worker] = server.workers()
        few = psutil.Process(worker).num_fds() + 20
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (few, few))
        silent(server, 60)

        answers = [server.ask(path) for path in ("/health/live", "/0", "/health/live")]

        assert [status for status, _, _ in answers] == [200] * 3
        assert max(took for _, _, took in answers) < 1
        assert server.workers() == [worker]

    @pytest.mark.parametrize(
        ("files", "most"),
        [(256, 128), (1024, 824), (20_000, 1000), (resource.RLIM_INFINITY, 1000)],
    )
    def test_are_never_more_than_the_process_may_open_files(self, files, most):
        assert most_connections(1000, files=files) == most


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
