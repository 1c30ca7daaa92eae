"""The shop in production settings, as real processes of this machine."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from notevault.bench.rig import database_url
from notevault.demo.processes import HOST, Processes
from notevault.tests.monitoring.rows import make_rows

TOKEN = "a-token-for-the-scraper-of-the-tests"
# Whatever of the outside the shop would call refuses the connection.
NOWHERE = "https://127.0.0.1:1"


@dataclass(frozen=True)
class Shop:
    """Where web and worker are scraped, as host:port."""

    web: str
    worker: str

    def metrics(self, target: str, token: str = TOKEN) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"http://{target}/metrics", headers=headers, timeout=10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def shop(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """Two web processes and a worker over the test's database, which it leaves empty."""
    found = Shop(web=f"{HOST}:{free_port()}", worker=f"{HOST}:{free_port()}")
    with django_db_blocker.unblock():
        make_rows()
        environment = {**made_up_secrets(), **addresses(found)}
        connections.close_all()
    processes = Processes(log_dir=tmp_path_factory.mktemp("logs"), environment=environment)
    with processes:
        processes.start("worker", "manage.py", "worker")
        gunicorn = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py")
        processes.start("web", *gunicorn, "notevault.wsgi:application")
        processes.wait_for(f"http://{found.web}/health/ready")
        processes.wait_for(f"http://{found.worker}/health/live")
        yield found
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)
        connections.close_all()


def made_up_secrets() -> dict[str, str]:
    """deploy/check.env, whose values a shell would read."""
    lines = (settings.BASE_DIR / "deploy" / "check.env").read_text().splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return dict(word[0].split("=", 1) for word in words if word)


def addresses(shop: Shop) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url(),
        "DJANGO_READ_DOT_ENV": "false",
        "METRICS_TOKEN": TOKEN,
        "WEB_BIND": HOST,
        "PORT": shop.web.partition(":")[2],
        "WEB_WORKERS": "2",
        "WORKER_PORT": shop.worker.partition(":")[2],
        "RAZORPAY_BASE_URL": NOWHERE,
        "CLOUDINARY_UPLOAD_PREFIX": NOWHERE,
    }
