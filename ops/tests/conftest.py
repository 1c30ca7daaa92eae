from __future__ import annotations

from contextlib import ExitStack

import pytest

from ops.tests.web_rig import sleeper


@pytest.fixture
def serve(tmp_path):
    """Start gunicorn with one process; stopped after the test."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(sleeper(tmp_path, **options))
