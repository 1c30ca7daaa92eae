"""Where the web's processes count, and that nobody else counts there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

from ops.metrics import files


class TestAPlace:
    @pytest.mark.parametrize(
        ("taken", "free"),
        [([], "0"), (["0"], "1"), (["1"], "0"), (["0", "2"], "1"), (["2", "1", "0"], "3")],
    )
    def test_is_the_first_that_no_living_process_has(self, taken, free):
        assert files.free_place(taken) == free


class TestTheFolder:
    def test_that_is_somebody_else_s_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setenv(files.VARIABLE, str(tmp_path / "link"))
        (tmp_path / "theirs").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "theirs")

        with pytest.raises(PermissionError, match="somebody else"):
            files.begin_anew()

    def test_is_for_its_owner_alone(self, tmp_path, monkeypatch):
        monkeypatch.setenv(files.VARIABLE, str(tmp_path / "new"))

        files.begin_anew()

        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


class TestACommand:
    def test_leaves_no_figures_though_the_variable_is_set(self, tmp_path):
        result = subprocess.run(
            [
                *(sys.executable, "manage.py", "shell", "--no-imports", "-c"),
                "from prometheus_client import values; print(values.ValueClass.__name__)",
            ],
            cwd=settings.BASE_DIR,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )

        assert result.stdout.strip() == "MutexValue"
        assert list(tmp_path.iterdir()) == []
