"""Figures on a disk that may be full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest
from django.conf import settings
from prometheus_client.mmap_dict import MmapedDict

from ops.metrics import figures
from ops.metrics.figures import FIRST_BYTES, Figures


def written(path):
    return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(str(path))}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "counter_0.db"


@pytest.fixture
def opened(path):
    with ExitStack() as files:
        yield lambda: files.enter_context(closing(Figures(str(path))))


def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


class TestFigures:
    def test_are_where_the_library_reads_them(self, path, opened):
        file = opened()
        file.read_value("a")
        file.write_value("a", 2.0, 0.0)
        file.close()

        assert written(path) == {"a": 2.0}
        assert opened().read_value("a") == (2.0, 0.0)

    def test_have_all_their_bytes_before_they_are_written(self, path, opened):
        file = opened()
        for number in range(1000):
            file.write_value(f"{'x' * 100}{number}", 1.0, 0.0)

        stat = path.stat()
        assert stat.st_size > FIRST_BYTES
        assert stat.st_blocks * 512 >= stat.st_size
        assert len(written(path)) == 1000

    def test_of_an_earlier_process_get_what_they_lack(self, path, opened):
        with path.open("wb") as file:
            file.truncate(2 * FIRST_BYTES)

        opened().read_value("a")

        assert path.stat().st_blocks * 512 >= 2 * FIRST_BYTES


class TestAFullDisk:
    def test_counts_nothing_and_leaves_no_half_of_a_file(self, path, opened, monkeypatch):
        monkeypatch.setattr(figures.os, "posix_fallocate", refuse)
        file = opened()
        file.write_value("a", 1.0, 0.0)

        assert file.read_value("a") == (0.0, 0.0)
        assert list(path.parent.iterdir()) == []

    def test_counts_on_what_has_room_and_the_rest_once_it_has(self, path, opened, monkeypatch):
        long = "x" * FIRST_BYTES
        file = opened()
        file.write_value("a", 1.0, 0.0)
        with monkeypatch.context() as full:
            full.setattr(figures.os, "posix_fallocate", refuse)
            file.write_value("a", 2.0, 0.0)
            file.write_value(long, 1.0, 0.0)
            meanwhile = written(path)
        file.write_value(long, 3.0, 0.0)

        assert meanwhile == {"a": 2.0}
        assert written(path) == {"a": 2.0, long: 3.0}

    def test_does_not_end_the_process(self, tmp_path):
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small disk")
        mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(tmp_path)]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("this container may not mount a small disk")
        try:
            done = subprocess.run(
                [sys.executable, "-c", COUNTING],
                cwd=settings.BASE_DIR,
                env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            subprocess.run(["umount", str(tmp_path)], check=True)

        assert (done.returncode, done.stdout.count("metrics.no_room")) == (0, 1)
        assert done.stdout.splitlines()[-1] == "5000.0"


COUNTING = """
from ops.metrics import files
files.share(port="1")
files.begin_anew()
from prometheus_client import Counter
counter = Counter("a_total", "A.", ["x"])
for number in range(5000):
    counter.labels(str(number)).inc()
    counter.labels("again").inc()
print(counter.labels("again")._value.get())
"""
