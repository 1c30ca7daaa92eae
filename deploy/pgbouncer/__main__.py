"""`make pgbouncer`: the test suite and the demo behind a real PgBouncer in transaction mode."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.pgbouncer.pooler import Pooler, PoolerFailed, free_port, running
from notevault.embedded import EmbeddedPostgresError

TESTS, DEMO = "tests", "demo"


@dataclass(frozen=True)
class Result:
    what: str
    code: int
    seconds: float
    said: str


def main(words: Sequence[str]) -> int:
    parser = ArgumentParser(
        prog="make pgbouncer",
        description="Start PostgreSQL and, before it, a PgBouncer with the shipped "
        "configuration; pass the whole test suite and the demo through it; stop both.",
        epilog='Other arguments go to pytest, and then the demo is left out: ARGS="ops -k worker".',
        allow_abbrev=False,
    )
    parser.add_argument(
        "--hold",
        action="store_true",
        help="Run nothing: print the URLs, and stay until Ctrl+C.",
    )
    options, for_pytest = parser.parse_known_args(words)
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(os.environ.get("DATA_DIR") or ".data").resolve() / "pgbouncer"
    try:
        with running(folder) as pooler:
            if options.hold:
                return hold(pooler)
            return examine(pooler, folder, for_pytest)
    except (PoolerFailed, EmbeddedPostgresError) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130


def hold(pooler: Pooler) -> int:
    print(f"DATABASE_URL={pooler.url()}\nBACKUP_DATABASE_URL={pooler.direct_url()}")
    print(f"The log of PgBouncer is {pooler.log}. Ctrl+C stops everything.", flush=True)
    while True:
        signal.pause()


def examine(pooler: Pooler, folder: Path, for_pytest: list[str]) -> int:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        "DATABASE_URL": pooler.url(),
        "BACKUP_DATABASE_URL": pooler.direct_url(),
        "DATA_DIR": str(folder),
        "PORT": str(free_port()),
    }
    tests = [sys.executable, "-m", "pytest", "-rs", *for_pytest]
    results = [run(TESTS, tests, environment)]
    if not for_pytest:
        once = f"ARGS=--once --sandbox-port {free_port()}"
        results.append(run(DEMO, ["make", "--no-print-directory", "demo", once], environment))
    print()
    for result in results:
        print(f"{result.what:<8}{result.seconds:6.0f} s  {result.said}")
    through = report(pooler)
    return 0 if through and all(result.code == 0 for result in results) else 1


def run(what: str, command: list[str], environment: dict[str, str]) -> Result:
    """Shows what the program writes, as it comes; its last line is what it said."""
    started = time.monotonic()
    last = ""
    reading, writing = os.pipe()
    with subprocess.Popen(command, env=environment, stdout=writing, stderr=writing) as child:
        os.close(writing)
        try:
            # Bytes, since a line of dots is shown before it ends.
            while piece := os.read(reading, 65536):
                sys.stdout.buffer.write(piece)
                sys.stdout.flush()
                last = (last + piece.decode(errors="replace"))[-4096:]
        except BaseException:
            child.terminate()
            raise
        finally:
            os.close(reading)
    lines = [line for line in last.splitlines() if line.strip()]
    said = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]) if lines else ""
    return Result(what, child.returncode, time.monotonic() - started, said.strip("= "))


def report(pooler: Pooler) -> bool:
    """What PgBouncer itself counted; False when nothing went through, or not by transactions."""
    stats = {row["database"]: row for row in pooler.tell("SHOW STATS")}
    pools = [row for row in pooler.tell("SHOW POOLS") if row["database"] != "pgbouncer"]
    modes = sorted({str(row["pool_mode"]) for row in pools})
    of_tests = [row for name, row in stats.items() if name.startswith("test_")]
    print(f"PgBouncer's own figures (pool mode {', '.join(modes) or 'none'}):")
    _line("tests", of_tests)
    _line("others", [row for name, row in stats.items() if name not in _names(of_tests)])
    return modes == ["transaction"] and bool(sum(row["total_xact_count"] for row in of_tests))


def _line(what: str, rows: list[dict[str, Any]]) -> None:
    transactions, queries, waited_us = (
        sum(int(row[f"total_{name}"]) for row in rows)
        for name in ("xact_count", "query_count", "wait_time")
    )
    print(
        f"  {what:<8}{transactions:>10,} transactions, {queries:>10,} queries,"
        f" {waited_us / 1e6:,.1f} s waited for a server connection"
    )


def _names(rows: list[dict[str, Any]]) -> set[str]:
    return {"pgbouncer", *(row["database"] for row in rows)}


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
