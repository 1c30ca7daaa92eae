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

from deploy.pgbouncer.drills import drill
from deploy.pgbouncer.pooler import Pooler, PoolerFailed, free_port, running
from notevault.embedded import EmbeddedPostgresError


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
        "configuration; pass the whole test suite, the demo and drills through it; stop both.",
        epilog='Others go to pytest, and demo and drills are left out: ARGS="ops -k worker".',
        allow_abbrev=False,
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        "--drills",
        action="store_true",
        help="Run no tests: only the demo and, under traffic, PAUSE, RECONNECT and restarts.",
    )
    only.add_argument(
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
            environment = environment_for(pooler, folder)
            results = [] if options.drills else [run_tests(for_pytest, environment)]
            if not for_pytest:
                results.append(run_demo(environment))
            is_sound = summary(pooler, results)
            # Last, because a restart forgets what was counted.
            if not for_pytest:
                is_sound &= drill(pooler, environment)
            return 0 if is_sound else 1
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


def environment_for(pooler: Pooler, folder: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        "DATABASE_URL": pooler.url(),
        "BACKUP_DATABASE_URL": pooler.direct_url(),
        "DATA_DIR": str(folder),
        "PORT": str(free_port()),
    }


def run_tests(for_pytest: list[str], environment: dict[str, str]) -> Result:
    return run("tests", [sys.executable, "-m", "pytest", "-rs", *for_pytest], environment)


def run_demo(environment: dict[str, str]) -> Result:
    once = f"ARGS=--once --sandbox-port {free_port()}"
    return run("demo", ["make", "--no-print-directory", "demo", once], environment)


def summary(pooler: Pooler, results: list[Result]) -> bool:
    """Prints it; True when all is well."""
    print()
    for result in results:
        print(f"{result.what:<8}{result.seconds:6.0f} s  {result.said}")
    through = report(pooler, [result.what for result in results])
    return through and all(result.code == 0 for result in results)


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


def report(pooler: Pooler, whats: Sequence[str]) -> bool:
    """What PgBouncer itself counted; False when one of `whats` did not go through it, or not by
    transactions."""
    stats = [row for row in pooler.tell("SHOW STATS") if row["database"] != "pgbouncer"]
    pools = [row for row in pooler.tell("SHOW POOLS") if row["database"] != "pgbouncer"]
    modes = sorted({str(row["pool_mode"]) for row in pools})
    print(f"PgBouncer's own figures, pool mode {', '.join(modes) or 'none'}:")
    rows_of = by_what(stats)
    for what, rows in rows_of.items():
        _line(what, rows)
    missing = [what for what in whats if not any(row["total_xact_count"] for row in rows_of[what])]
    for what in missing:
        print(f"  No transaction of the {what} went through it.")
    return modes == ["transaction"] and not missing


def by_what(stats: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of SHOW STATS by who made them: each process of the tests has a database of its own."""
    of_tests = [row for row in stats if row["database"].startswith("test_")]
    return {"tests": of_tests, "demo": [row for row in stats if row not in of_tests]}


def _line(what: str, rows: list[dict[str, Any]]) -> None:
    transactions, queries, waited_us = (
        sum(int(row[f"total_{name}"]) for row in rows)
        for name in ("xact_count", "query_count", "wait_time")
    )
    print(
        f"  {what:<8}{transactions:>10,} transactions, {queries:>10,} queries,"
        f" {waited_us / 1e6:,.1f} s waited for a server connection"
    )


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
