"""How the web of a local run is served, and how it differs from a pod's.

A machine of two cores is served by two processes, a pod of half a core by one with more threads;
here they reach the database directly, there through PgBouncer. The C library is told the same.
"""

from __future__ import annotations

from deploy import pod

WORKERS, THREADS = 2, 8


def environment() -> dict[str, str]:
    return {**pod.of_the_c_library(), "WEB_WORKERS": str(WORKERS), "WEB_THREADS": str(THREADS)}


def in_words() -> str:
    there = pod.of_the_web_server()
    return (
        f"{WORKERS} processes of {THREADS} threads, directly at the database; a pod has "
        f"{there['WEB_WORKERS']} process of {there['WEB_THREADS']} threads, behind PgBouncer"
    )
