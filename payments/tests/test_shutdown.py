"""The whole service is replaced under load, again and again: nobody's request fails."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException

import pytest

from notevault.accounts import services
from notevault.kit import clock
from ops.tests.own_database import database_url
from ops.tests.web_rig import HOST, launch, stop
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 16
PAUSE_S = 0.32  # 50 requests a second of sixteen clients


@pytest.fixture
def door():
    """The listening socket, held by us as systemd would."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen(512)
        yield listening


@pytest.fixture
def start(door):
    with ExitStack() as running:

        def run(workers):
            server = launch(
                "notevault.wsgi:application",
                *("--bind", f"fd://{door.fileno()}"),
                port=door.getsockname()[1],
                pass_fds=(door.fileno(),),
                DJANGO_SETTINGS_MODULE="notevault.settings.local",
                DATABASE_URL=database_url(),
                WEB_WORKERS=str(workers),
                WEB_DRAIN_S="0.6",
                THROTTLE_DEFAULT="100000/min",
            )
            running.callback(stop, server)
            deadline = time.monotonic() + 150
            while ups(server) < workers:
                assert server.process.poll() is None
                assert time.monotonic() < deadline, server.lines()
                time.sleep(0.1)
            return server

        yield run


def ups(server):
    text = os.pread(server.out.fileno(), 2**20, 0)
    return text.count(b'"web.up"')


class Load:
    """Half of the clients keep their connection; each third request waits for an outcome."""

    def __init__(self, port, token, slow_path):
        self.port, self.slow_path = port, slow_path
        self.headers = {"Authorization": f"Bearer {token}"}
        self.outcomes = Counter()
        self.ends = threading.Event()
        self.threads = [
            threading.Thread(target=self.run, args=(number,)) for number in range(CLIENTS)
        ]

    def __enter__(self):
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join()
        self.seconds = time.monotonic() - self.began

    def run(self, number):
        client = HTTPConnection(HOST, self.port, timeout=30)
        due = time.monotonic() + PAUSE_S * number / CLIENTS
        for turn in range(1_000_000):
            if self.ends.wait(max(0.0, due - time.monotonic())):
                break
            due += PAUSE_S
            path = self.slow_path if (turn + number) % 6 == 0 else "/api/v1/notes"
            self.outcomes[self.ask(client, path)] += 1
            if number % 2:
                client.close()
        client.close()

    def ask(self, client, path):
        try:
            client.request("GET", path, headers=self.headers)
            answer = client.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            client.close()
            return repr(error)
        return answer.status


@pytest.fixture
def load(door, buyer, note, gateway):
    order = make_order(buyer=buyer, notes=[note], now=clock.now())
    token = services.start_session(user=buyer, now=clock.now()).access
    return Load(door.getsockname()[1], token, f"/api/v1/orders/{order.pk}?wait=1")


def replace(serving, start, rounds, workers):
    """Each round: a successor is ready, then the predecessor is told to stop."""
    codes, cuts = [], []
    for _ in range(rounds):
        successor = start(workers)
        serving.terminate()
        code, lines = serving.end()
        codes.append(code)
        cuts += [line["cut"] for line in lines if line["event"] == "web.down"]
        serving = successor
    return codes, cuts


@pytest.mark.timeout(600)
class TestSigtermUnderFiftyRequestsASecond:
    @pytest.mark.parametrize(
        ("rounds", "workers"), [(2, 1), pytest.param(20, 2, marks=pytest.mark.full)]
    )
    def test_fails_no_request_and_exits_with_0(self, start, load, rounds, workers):
        first = start(workers)
        with load:
            codes, cuts = replace(first, start, rounds, workers)

        assert dict(load.outcomes) == {200: load.outcomes.total()}
        assert load.outcomes.total() > 35 * load.seconds
        assert codes == [0] * rounds
        assert cuts == [0] * (rounds * workers)
