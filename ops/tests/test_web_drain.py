"""The web server that is told to stop, as real processes: nobody who got through is cut off."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest

from ops.tests.web_rig import HOST, busy, read


def lines_of(lines, *loggers):
    return [line["event"] for line in lines if line["logger"] in loggers]


def ask(kept, path):
    kept.request("GET", path)
    answer = kept.getresponse()
    answer.read()
    return answer


def is_open(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return False
    return True


class TestSigterm:
    def test_lets_what_runs_and_what_waits_end(self, serve):
        server = serve(threads=2, queue=8)

        with busy(server, 6, "/0.5") as clients:
            server.terminate()
            statuses = [read(client)[0] for client in clients]
        code, lines = server.end()

        assert statuses == [200] * 6
        assert code == 0
        assert lines_of(lines, "notevault.web") == ["web.up", "web.draining", "web.down"]

    def test_serves_who_has_connected_but_was_not_yet_accepted(self, serve):
        server = serve(threads=1, queue=50)
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)

        with busy(server, 20, "/0") as clients:
            server.terminate()
            time.sleep(0.3)
            os.kill(worker, signal.SIGCONT)
            statuses = [read(client)[0] for client in clients]

        assert statuses == [200] * 20
        assert server.end()[0] == 0

    def test_goes_on_accepting_for_the_time_to_drain_and_asks_to_close(self, serve):
        server = serve(WEB_DRAIN_S="1.5")

        with server.kept() as kept:
            before = ask(kept, "/0")
            server.terminate()
            time.sleep(0.5)
            after = ask(kept, "/0")
        _, fresh, _ = server.ask("/0")

        assert (before.will_close, after.status, after.will_close) == (False, 200, True)
        assert fresh.startswith(b"HTTP/1.1 200 ")
        assert server.end()[0] == 0

    def test_asks_to_close_also_when_the_request_came_before(self, serve):
        server = serve(WEB_DRAIN_S="0")

        with server.kept() as kept:
            kept.request("GET", "/0.6")
            time.sleep(0.2)
            server.terminate()
            answer = kept.getresponse()

        assert (answer.status, answer.will_close) == (200, True)

    def test_closes_the_door_before_the_last_request_has_ended(self, serve):
        server = serve(threads=2, WEB_DRAIN_S="0")

        with busy(server, 1, "/2") as (client,):
            server.terminate()
            time.sleep(0.7)
            was_open = is_open(server)
            status, _ = read(client)

        assert (was_open, status) == (False, 200)

    def test_answers_the_next_request_of_a_kept_connection(self, serve):
        server = serve(WEB_DRAIN_S="0")

        with server.kept() as kept:
            ask(kept, "/0")
            server.terminate()
            time.sleep(0.7)
            answer = ask(kept, "/0")

        assert (answer.status, answer.will_close) == (200, True)
        assert server.end()[0] == 0

    def test_is_not_held_up_by_who_is_silent(self, serve):
        server = serve(WEB_DRAIN_S="0")
        silent = [server.connect() for _ in range(3)]
        time.sleep(0.2)

        asked_at = time.monotonic()
        server.terminate()
        code, _ = server.end()

        assert code == 0
        assert time.monotonic() - asked_at < 5
        for client in silent:
            client.close()


class TestARequestThatTakesTooLong:
    def test_is_cut_and_that_is_logged(self, serve):
        server = serve(WEB_DRAIN_S="0", WEB_FINISH_S="1")

        with busy(server, 1, "/30") as (client,):
            asked_at = time.monotonic()
            server.terminate()
            with pytest.raises((ConnectionResetError, IndexError)):
                read(client)
            code, lines = server.end()

        assert code == 0
        assert 1 <= time.monotonic() - asked_at < 5
        (down,) = [line for line in lines if line["event"] == "web.down"]
        assert down["cut"] == 1


class TestASecondSignal:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
    def test_ends_it_at_once(self, serve, number):
        server = serve(WEB_DRAIN_S="20")

        with busy(server, 1, "/30"):
            server.terminate()
            time.sleep(0.5)
            asked_at = time.monotonic()
            server.process.send_signal(number)
            code, _ = server.end()

        assert code == 0
        assert time.monotonic() - asked_at < 5

    def test_changes_nothing_when_it_is_sigterm_again(self, serve):
        server = serve(WEB_DRAIN_S="0")

        with busy(server, 1, "/1.5") as (client,):
            server.terminate()
            time.sleep(0.3)
            server.terminate()
            status, _ = read(client)

        assert status == 200
        assert server.end()[0] == 0


class TestSigint:
    def test_ends_it_at_once_without_a_request_under_way(self, serve):
        server = serve(WEB_DRAIN_S="20")

        asked_at = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        code, _ = server.end()

        assert code == 0
        assert time.monotonic() - asked_at < 3


class TestThePortOfAServerThatHasEnded:
    def test_is_free_for_the_next(self, serve):
        server = serve(WEB_DRAIN_S="0")

        server.terminate()
        server.end()

        with socket.socket() as successor:
            successor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            successor.bind((HOST, server.port))
