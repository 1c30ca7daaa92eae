"""What a server tells Python once it is loaded, in a process of its own: it stays told."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc, sys
from notevault.kit import interpreter
interpreter.tune()
print(gc.get_freeze_count() > 0, gc.get_threshold()[0], round(sys.getswitchinterval(), 6))
"""


def test_what_is_loaded_is_not_looked_over_again_and_turns_are_short() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "25000", "0.001"]
