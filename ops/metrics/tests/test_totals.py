"""What the files of several processes say together."""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings

# Two processes, one after the other in one interpreter; prints both renderings.
FILL = """
import sys
from pathlib import Path
from prometheus_client import Counter, Gauge, Histogram, CollectorRegistry, generate_latest
from ops.metrics import files, totals
files.share(port="1")
files.begin_anew()
from prometheus_client.multiprocess import MultiProcessCollector
files.take_place("0")
counter = Counter("c", "Counts", ["a"])
gauge = Gauge("g", "Stands", ["a"], multiprocess_mode="livesum")
histogram = Histogram("h_seconds", "Lasts", ["a"], buckets=(0.1, 1, 10))
for place in ("0", "1", "2"):
    files.take_place(place)
    for label in ("x", 'y"', "z\\\\n"):
        counter.labels(label).inc(int(place) + 1)
        gauge.labels(label).set(5)
        for seconds in (0.05, 0.5, 5, 50):
            histogram.labels(label).observe(seconds)
files.leave_place("2")
(files.folder() / "counter_3.db").touch()
class Ours:
    def collect(self):
        return totals.collect(files.folder())
ours = generate_latest(Ours()).decode()
(files.folder() / "counter_3.db").unlink()
theirs = CollectorRegistry()
MultiProcessCollector(theirs, path=str(files.folder()))
print(sorted(ours.splitlines()) == sorted(generate_latest(theirs).decode().splitlines()))
print(ours)
"""


def filled(tmp_path):
    return subprocess.run(
        [sys.executable, "-c", FILL],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


class TestTheTotals:
    def test_are_those_of_the_library_also_beside_a_file_that_is_just_made(self, tmp_path):
        output = filled(tmp_path)

        assert output.startswith("True\n")
        assert 'c_total{a="x"} 6.0' in output
        assert 'g{a="x"} 10.0' in output
        assert 'h_seconds_bucket{a="x",le="1.0"} 6.0' in output
        assert 'h_seconds_count{a="x"} 12.0' in output
