"""What a container, or a machine, has left."""

from __future__ import annotations

import pytest

from ops import machine
from ops.machine import Share

GIB = 1 << 30


@pytest.fixture
def group(tmp_path):
    """A control group with these files in it."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


class TestMemory:
    def test_is_that_of_the_control_group(self, group):
        folder = group(
            memory_dot_max=f"{GIB}\n",
            memory_dot_current=f"{GIB // 2}\n",
            memory_dot_stat=f"anon 1\ninactive_file {GIB // 4}\n",
        )

        assert machine.memory(folder) == Share(used=GIB // 4, limit=GIB)

    def test_is_that_of_an_older_control_group(self, group):
        folder = group(
            memory__memory_dot_limit_in_bytes=f"{GIB}\n",
            memory__memory_dot_usage_in_bytes=f"{GIB // 2}\n",
            memory__memory_dot_stat=f"total_inactive_file {GIB // 4}\n",
        )

        assert machine.memory(folder) == Share(used=GIB // 4, limit=GIB)

    @pytest.mark.parametrize(
        "files",
        [
            {"memory_dot_max": "max", "memory_dot_current": "1", "memory_dot_stat": "anon 1"},
            {
                "memory__memory_dot_limit_in_bytes": "9223372036854771712",
                "memory__memory_dot_usage_in_bytes": "1",
                "memory__memory_dot_stat": "rss 1",
            },
            {},
        ],
        ids=["no limit", "no limit of old", "no group"],
    )
    def test_is_that_of_the_machine_where_nothing_limits_it(self, group, files):
        share = machine.memory(group(**files))

        assert share.limit > GIB // 4
        assert 0 < share.used < share.limit


class TestShare:
    def test_is_a_percentage_and_a_rest(self):
        share = Share(used=3, limit=4)

        assert (share.percent, share.free) == (75.0, 1)


class TestDisk:
    def test_is_that_of_the_folder_s_file_system(self, tmp_path):
        share = machine.disk(tmp_path)

        assert 0 < share.used < share.limit
