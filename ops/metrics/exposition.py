"""All that there is to read, in the format that the scraper asks for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from ops.metrics import files, process, rows, totals

# Other packages register what we neither fill nor ask for.
OURS = ("notevault_", "django_db_")
# The worker is one process, of which the kernel knows more.
OF_ONE_PROCESS = (*OURS, "process_")


class Web(Collector):
    """Of all processes of this gunicorn, and of the database."""

    def collect(self) -> Iterator[Metric]:
        process.look()
        counted = totals.collect(files.folder()) if files.are_shared() else REGISTRY.collect()
        yield from (family for family in counted if family.name.startswith(OURS))
        yield from process.facts()
        yield from rows.latest()


class Worker(Collector):
    """Of this process alone."""

    def collect(self) -> Iterator[Metric]:
        process.look()
        counted = REGISTRY.collect()
        yield from (family for family in counted if family.name.startswith(OF_ONE_PROCESS))
        yield from process.facts()


def render(collector: Collector, *, accept: str) -> tuple[bytes, str]:
    """The text and its content type: OpenMetrics for whoever accepts it.

    The library's own choice stumbles over a strange Accept header.
    """
    if "application/openmetrics-text" in accept:
        return openmetrics.generate_latest(collector), openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(collector), CONTENT_TYPE_LATEST
