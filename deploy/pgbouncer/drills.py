"""What clients of the web see while PgBouncer is told to let go, held, restarted or killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from deploy.pgbouncer.pooler import HOST, Pooler, PoolerFailed, free_port

CLIENTS = 8
# Read from the database each time; the last as Kubernetes does.
PATHS = ("/api/v1/notes?limit=5", "/api/v1/categories", "/health/ready")
AWAY_S = 2.0
SETTLE_S = 4.0
ANSWER_WITHIN_S = 6.0
START_WITHIN_S = 120.0
PAUSE_BETWEEN_S = 0.02


@dataclass
class Seen:
    """What clients were answered from one moment on."""

    codes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def note(self, code: str, seconds: float, *, wrong: str = "") -> None:
        self.codes[code] += 1
        self.slowest_s = max(self.slowest_s, seconds)
        if wrong:
            self.wrong.append(wrong)

    def is_sound(self) -> bool:
        return not self.wrong and self.slowest_s <= ANSWER_WITHIN_S and bool(self.codes["200"])


class Crowd:
    """Clients that ask all the time; `seen` is what they were told since it was last taken."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._seen = Seen()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_on, args=(PATHS[number % len(PATHS)],))
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def take(self) -> Seen:
        with self._lock:
            seen, self._seen = self._seen, Seen()
        return seen

    def _ask_on(self, path: str) -> None:
        while not self._over.is_set():
            started = time.monotonic()
            code, wrong = ask(self.port, path)
            with self._lock:
                self._seen.note(code, time.monotonic() - started, wrong=wrong)
            time.sleep(PAUSE_BETWEEN_S)


def ask(port: int, path: str) -> tuple[str, str]:
    """The status, and what is wrong with it: anything but 200, or 503 that says when to retry."""
    connection = HTTPConnection(HOST, port, timeout=ANSWER_WITHIN_S * 2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        return "none", f"{path}: {error!r}"
    finally:
        connection.close()
    is_told = path == "/health/ready" or answer.getheader("Retry-After")
    well = answer.status == 200 or (answer.status == 503 and is_told)
    return str(answer.status), "" if well else f"{path}: {answer.status} {body[:200]!r}"


def reconnect(pooler: Pooler) -> None:
    """New server connections for all, as after a failover."""
    pooler.tell("RECONNECT")
    time.sleep(AWAY_S)


def hold_and_go_on(pooler: Pooler) -> None:
    """As for a restart of PostgreSQL that nobody shall notice."""
    pooler.tell("PAUSE")
    time.sleep(AWAY_S)
    pooler.tell("RESUME")


def replaced_by(number: signal.Signals, *, away_s: float = AWAY_S) -> Callable[[Pooler], None]:
    def replace(pooler: Pooler) -> None:
        pooler.stop(number)
        time.sleep(away_s)
        pooler.start()

    return replace


DRILLS: dict[str, Callable[[Pooler], None]] = {
    "RECONNECT": reconnect,
    "PAUSE, 2 s, RESUME": hold_and_go_on,
    "SIGINT, 2 s away": replaced_by(signal.SIGINT),
    "SIGTERM, 2 s away": replaced_by(signal.SIGTERM),
    "SIGKILL, 2 s away": replaced_by(signal.SIGKILL),
    # As long again, if the pool's pauses between its attempts only grew.
    "SIGKILL, 20 s away": replaced_by(signal.SIGKILL, away_s=20),
}


def drill(pooler: Pooler, environment: dict[str, str]) -> bool:
    """True when every request was answered in time, and all is well a while after each."""
    print(f"\n{CLIENTS} clients   answers, and the slowest   {SETTLE_S:.0f} s later")
    sound = True
    with web(environment) as port, Crowd(port) as crowd:
        time.sleep(AWAY_S)
        crowd.take()
        for name, act in DRILLS.items():
            act(pooler)
            time.sleep(SETTLE_S)
            during = crowd.take()
            time.sleep(AWAY_S)
            after = crowd.take()
            print(f"  {name:<20} {_told(during)}   then {_told(after)}", flush=True)
            for wrong in [*during.wrong, *after.wrong][:3]:
                print(f"    {wrong}")
            sound &= during.is_sound() and after.is_sound() and set(after.codes) == {"200"}
    return sound


def _told(seen: Seen) -> str:
    return f"{json.dumps(dict(sorted(seen.codes.items())))} {seen.slowest_s:.1f} s"


@contextmanager
def web(environment: dict[str, str]) -> Iterator[int]:
    """The port of a web server as it runs in production, on the database of the demo."""
    port = free_port()
    log = os.path.join(environment["DATA_DIR"], "drills.log")
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"),
                "notevault.wsgi:application",
            ],
            env={
                **environment,
                "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
                "DJANGO_READ_DOT_ENV": "false",
                "WEB_BIND": HOST,
                "PORT": str(port),
                "WEB_DRAIN_S": "0",
                "THROTTLE_DEFAULT": "100000/s",
            },
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while ask(port, "/health/ready")[0] != "200":
            if process.poll() is not None or time.monotonic() > deadline:
                raise PoolerFailed(f"The web server did not come up: see {log}")
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()
