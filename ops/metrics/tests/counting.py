"""How far a counter of this process has gone since a moment."""

from __future__ import annotations

from prometheus_client import REGISTRY


class Since:
    """Counters only go up, from test to test too: what counts is the difference."""

    def __init__(self) -> None:
        self._before = _samples()

    def __call__(self, name: str, **labels: str) -> float:
        key = (f"notevault_{name}", tuple(sorted(labels.items())))
        return _samples().get(key, 0.0) - self._before.get(key, 0.0)

    def grown(self, name: str) -> dict[tuple[str, ...], float]:
        """By the values of its labels, in the order of their names."""
        found = {}
        for (sample, labels), value in _samples().items():
            difference = value - self._before.get((sample, labels), 0.0)
            if sample == f"notevault_{name}" and difference:
                found[tuple(label for _, label in labels)] = difference
        return found


def _samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }
