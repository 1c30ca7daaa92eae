"""`python -m notevault.bench.overhead FILE`: times requests with and without the middleware for
metrics, logs and ids, and writes the seconds of each round to the file as JSON.

A process of its own: it logs as production does, to its stdout, and counts in shared files.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS, REQUESTS, WARM_UP = 7, 400, 200
# Of no route that does much, so that the difference is not lost in the rest.
PATH = "/api/v1/nothing-of-the-kind"
MEASURED = {
    "ops.metrics.http.HTTPMetricsMiddleware",
    "notevault.kit.correlation.CorrelationMiddleware",
}

Answer = Callable[[], None]


def main(found: Path) -> None:
    os.environ["NOTEVAULT_PROCESS"] = "web"
    from ops.metrics import files

    files.share(port="0")
    files.begin_anew()
    files.take_place("0")
    import django

    django.setup()
    from django.conf import settings

    without = [name for name in settings.MIDDLEWARE if name not in MEASURED]
    chains = (_chain(settings.MIDDLEWARE), _chain(without))
    for answer in chains:
        _times(answer, WARM_UP)
    rounds = [[_times(answer, REQUESTS) for answer in chains] for _ in range(ROUNDS)]
    found.write_text(json.dumps(rounds))


def _chain(middleware: list[str]) -> Answer:
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import RequestFactory, override_settings

    with override_settings(MIDDLEWARE=middleware):
        handler = WSGIHandler()
    # As a server gives it; each request has its own.
    environ = RequestFactory().get(PATH, headers={"host": "127.0.0.1"}).environ

    def answer() -> None:
        response: Any = handler(dict(environ), lambda *_: None)
        b"".join(response)
        response.close()

    return answer


def _times(answer: Answer, count: int) -> list[float]:
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        answer()
        times.append(time.perf_counter() - begun)
    return times


if __name__ == "__main__":
    main(Path(sys.argv[1]))
