"""This process: its memory, its pools, its age."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import psutil
from django.conf import settings
from django.db import connections
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ops.health.database import pool_figures
from ops.instruments import POOL_CONNECTIONS, POOL_WAITING, PROCESS_MEMORY
from ops.machine import memory_limit, started_at

LOOK_EVERY_S = 2.0


def kind() -> str:
    return "worker" if os.environ.get("NOTEVAULT_PROCESS") == "worker" else "web"


def keep_looking() -> None:
    """Note pools and memory from now on, also while no request comes to this process."""
    threading.Thread(target=_look_for_ever, name="metrics", daemon=True).start()


def _look_for_ever() -> None:
    while True:
        look()
        time.sleep(LOOK_EVERY_S)


def look() -> None:
    """Note what the pools and the memory of this process are now."""
    PROCESS_MEMORY.labels(kind()).set(psutil.Process().memory_info().rss)
    pools = [found for alias in connections if (found := pool_figures(alias))]
    for state in ("used", "idle", "limit"):
        POOL_CONNECTIONS.labels(state).set(sum(pool[state] for pool in pools))
    POOL_WAITING.set(sum(pool["waiting"] for pool in pools))


def version() -> str:
    return str(settings.VERSION)


def facts() -> Iterator[Metric]:
    """What is the same from all processes of this pod."""
    build = GaugeMetricFamily("notevault_build_info", "Always 1", labels=["version"])
    build.add_metric([version()], 1)
    yield build
    started = GaugeMetricFamily(
        "notevault_start_time_seconds",
        "When the process was started; of the web, its master",
        labels=["process"],
    )
    started.add_metric([kind()], started_at())
    yield started
    if (limit := memory_limit()) is not None:
        yield GaugeMetricFamily(
            "notevault_memory_limit_bytes", "What the container may use", value=limit
        )
