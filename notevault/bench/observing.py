"""What it costs to look: a scrape of `/metrics`, and the middleware of each request."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from django.conf import settings

from notevault.bench.client import Request, run_all
from notevault.bench.report import Outcome, Promise, percentile, row_of
from notevault.bench.rig import METRICS_TOKEN, Rig
from notevault.demo.processes import DemoFailed

REQUESTS, CLIENTS, SCRAPES = 10_000, 8, 100
SCRAPE_S = 0.02
MIDDLEWARE_S = 0.0003
# Nobody has collected static files here.
QUIETLY = ("-W", "ignore::UserWarning:django.core.handlers.base")
# As in production. Their answers do not matter, their series do.
ELSEWHERE = (
    *("notes/search?q=algebra", "universities", "me", "library", "orders", "seller/notes"),
    *("seller/ledger", "seller/payouts", "refunds", "nothing-of-the-kind"),
)
SCRAPE = Request("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})


def scrape(rig: Rig) -> Outcome:
    """Ten thousand requests over many routes, then one scrape after the other."""
    pages = rig.traffic.catalogue(REQUESTS // 2)
    others = [Request("GET", f"/api/v1/{path}") for path in islice(cycle(ELSEWHERE), REQUESTS // 2)]
    run_all([*pages, *others], rig.send, at_once=CLIENTS)
    times, text = [], ""
    for _ in range(SCRAPES):
        begun = time.perf_counter()
        reply = rig.send(SCRAPE)
        times.append(time.perf_counter() - begun)
        text = reply.body.decode()
        if reply.status != 200:
            raise DemoFailed(f"/metrics was answered {reply.status}.")
    counted = _counted(text)
    found = percentile(times, 95)
    return Outcome(
        [row_of("/metrics", times)],
        [
            Promise(
                f"/metrics costs under {SCRAPE_S * 1000:.0f} ms, p95, after {REQUESTS} requests",
                f"{found * 1000:.1f} ms, and it knows of {counted} requests",
                found < SCRAPE_S and counted >= REQUESTS,
            )
        ],
        [
            f"{settings.WEB_WORKERS} processes of {settings.WEB_THREADS} threads, "
            f"{len(text.splitlines())} lines, {len(text) // 1024} KiB"
        ],
    )


def _counted(text: str) -> int:
    values = re.findall(r"^notevault_http_requests_total\{.*\} (\S+)$", text, re.MULTILINE)
    return sum(int(float(value)) for value in values)


def middleware(rig: Rig) -> Outcome:
    """The same requests with and without it, by turns, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        with (Path(folder) / "log").open("wb") as log:
            subprocess.run(
                [sys.executable, *QUIETLY, "-m", "notevault.bench.overhead", str(found)],
                cwd=settings.BASE_DIR,
                env={**os.environ, **rig.world.processes.environment, "TMPDIR": folder},
                stdout=log,
                check=True,
            )
        rounds: list[tuple[list[float], list[float]]] = json.loads(found.read_text())
    differences = [median(there) - median(not_there) for there, not_there in rounds]
    cost = median(differences)
    return Outcome(
        [
            row_of("a request with middleware", [s for there, _ in rounds for s in there]),
            row_of("without", [s for _, absent in rounds for s in absent]),
        ],
        [
            Promise(
                f"metrics, logs and ids cost under {MIDDLEWARE_S * 1000:.1f} ms a request",
                f"{cost * 1000:.3f} ms "
                f"({', '.join(f'{seconds * 1000:.3f}' for seconds in differences)})",
                cost < MIDDLEWARE_S,
            )
        ],
    )


def measure(rig: Rig, seconds: float) -> Outcome:
    """Both, whatever the seconds: what is promised is of so many requests."""
    one, other = scrape(rig), middleware(rig)
    return Outcome(
        [*one.rows, *other.rows],
        [*one.promises, *other.promises],
        [*one.facts, *other.facts],
    )
