"""A visit that ends between two requests is in the figures: locust itself, on a shop of paper."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.load import plan
from deploy.load.generator import LOCUST, Generator, Run
from deploy.load.recorder import BROKEN
from deploy.load.scenarios import Person

pytestmark = pytest.mark.skipif(
    not Path(LOCUST).exists(), reason="`make .venv-load/ready` installs locust"
)


class EmptyLibrary(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"items": [], "next_cursor": None}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def shop():
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyLibrary)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_has_nothing_to_download_is_counted(shop, tmp_path):
    buyer = Person(email="b@example.com", access="a", refresh="r", expires_at=time.time() + 900)
    run = Run(
        base_url=shop,
        form=plan.Form("short", (plan.Stage(0.5, 1), plan.Stage(1.5, 1)), rate=5),
        mix={"download": 100},
        people=[asdict(buyer)],
    )

    with Generator(run, home=tmp_path / "locust") as generator:
        recorded = generator.wait(lambda _: None)

    ((fault, count),) = recorded["faults"][BROKEN].items()
    assert fault.startswith("NothingToDownload")
    assert count == len(recorded["times"]["library"]) >= 1
