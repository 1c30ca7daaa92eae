"""The table of faults in `payments/README.md` names tests that exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
FAULTS = 33


def rows():
    """Fault and tests of each row: `(fault, [node, …])`."""
    _, _, table = README.read_text().partition("| fault | promise | test |\n")
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()[1:] if line]
    return [(fault, re.findall(r"`([^`]+)`", tests)) for fault, _promise, tests in cells]


NODES = sorted({node for _, nodes in rows() for node in nodes})


class TestTheTableOfFaults:
    def test_has_a_test_for_every_row(self):
        faults = [fault for fault, _ in rows()]

        assert len(set(faults)) == len(faults) == FAULTS
        assert [fault for fault, nodes in rows() if not nodes] == []

    @pytest.mark.parametrize("node", NODES)
    def test_names_a_test_that_exists(self, node):
        path, *names = node.split("::")
        found = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        for name in names:
            found = getattr(found, name)

        tests = [name for name in dir(found) if name.startswith("test_")]
        assert names[0].startswith("Test")
        assert tests or names[-1].startswith("test_")
