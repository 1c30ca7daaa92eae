"""How the web of a local run is served, and how it differs from a pod's.

A machine of two cores is served by two processes, a pod of half a core by one with more threads;
here they reach the database directly, there through PgBouncer. The C library is told the same.
"""

from __future__ import annotations

from pathlib import Path

WORKERS, THREADS = 2, 8
OF_A_POD = Path(__file__).resolve().parents[1] / "k8s" / "base" / "config.env"


def environment() -> dict[str, str]:
    of_the_c_library = {
        name: value for name, value in _of_a_pod().items() if name.startswith("MALLOC_")
    }
    return {**of_the_c_library, "WEB_WORKERS": str(WORKERS), "WEB_THREADS": str(THREADS)}


def in_words() -> str:
    pod = _of_a_pod()
    return (
        f"{WORKERS} processes of {THREADS} threads, directly at the database; a pod has "
        f"{pod['WEB_WORKERS']} process of {pod['WEB_THREADS']} threads, behind PgBouncer"
    )


def _of_a_pod() -> dict[str, str]:
    """What the cluster's ConfigMap gives to every pod."""
    lines = (line.strip() for line in OF_A_POD.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
