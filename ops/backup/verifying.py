"""The proof of a backup: restored into a scratch database, it holds what was dumped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from notevault.kit import clock
from ops.backup import records, restoring
from ops.backup.database import Database
from ops.backup.manifest import Manifest, ManifestDamaged, is_older_schema, refuse_newer_schema
from ops.backup.refusal import BackupError
from ops.backup.restoring import DumpDamaged
from ops.backup.scratch import scratch_beside, scratch_given
from ops.backup.shelf import read_manifest
from ops.backup.stores import Store, location
from ops.backup.taking import OnBytes, hold_alone


class CommandFailed(BackupError):
    """One of our own commands did, on the scratch database, for another reason than its rows."""


@dataclass
class Verdict:
    backup: Manifest
    location: str
    problems: list[str] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    """The proof of `verify_ledger`, as that writes it."""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {
            "backup": self.location,
            "started_at": self.backup.started_at.isoformat(),
            "sha256": self.backup.sha256,
            "size_bytes": self.backup.size_bytes,
            "rows": sum(self.backup.rows.values()),
            "tables": len(self.backup.rows),
            "is_good": self.is_good,
            "problems": self.problems,
            "ledger_broken": self.ledger.get("broken"),
            "seconds": round(self.seconds, 1),
        }


def verify(
    *,
    store: Store,
    name: str,
    home: Database,
    into: Database | None = None,
    on_bytes: OnBytes,
) -> Verdict:
    """Restore, compare, prove, and write down what came of it.

    `home` is the database that is asked to be alone, and on whose server the scratch is made
    unless `into` is an empty one elsewhere. Raises a BackupError where the backup could not be
    tried, which says nothing about it, and ManifestDamaged, which says all. A program that fails
    is of the first kind: the dump is as it was written, but a scratch may have no room.
    """
    began = time.monotonic()
    verdict = Verdict(_manifest_of(store, name), location(store, name))
    backup = verdict.backup
    records.record(manifest=backup, location=verdict.location)
    with _alone(home):
        try:
            refuse_newer_schema(backup)
            with store.at_hand(backup.name) as path:
                restoring.check_dump(path, backup, on_bytes=on_bytes)
                with scratch_given(into) if into else scratch_beside(home) as scratch:
                    _try(path, scratch, verdict, on_bytes)
        except DumpDamaged as error:
            verdict.problems.append(str(error))
        except BackupError as error:
            records.record_failure(location=verdict.location, error=str(error), is_bad=False)
            raise
    verdict.seconds = time.monotonic() - began
    _write_down(verdict)
    return verdict


def _manifest_of(store: Store, name: str) -> Manifest:
    try:
        return read_manifest(store, name)
    except ManifestDamaged as error:
        records.record_failure(location=location(store, name), error=str(error), is_bad=True)
        raise


def _try(path: Path, scratch: Database, verdict: Verdict, on_bytes: OnBytes) -> None:
    target = restoring.look_at(scratch, verdict.backup)
    restoring.restore(path, target, on_bytes=on_bytes)
    verdict.problems += restoring.differences(scratch, verdict.backup)
    if is_older_schema(verdict.backup):
        _manage(scratch, "migrate", "--no-input", "-v", "0")
    verdict.ledger = _prove_ledger(scratch)
    if broken := verdict.ledger["broken"]:
        verdict.problems.append(f"verify_ledger finds {broken} rows that break a promise")


def _write_down(verdict: Verdict) -> None:
    if verdict.is_good:
        records.record_verified(location=verdict.location, now=clock.now())
    else:
        error = "; ".join(verdict.problems)
        records.record_failure(location=verdict.location, error=error, is_bad=True)


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    with closing(database.connect()) as connection:
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        hold_alone(connection)
        yield


def _prove_ledger(scratch: Database) -> dict[str, Any]:
    """A command, because the books are not the cellar's to know."""
    said = _manage(scratch, "verify_ledger", "--json", accepted=(0, 1))
    try:
        proof: dict[str, Any] = json.loads(said[said.index("{") :])
    except ValueError:
        raise CommandFailed(f"verify_ledger said no proof: {said[-300:]}") from None
    return proof


def _manage(scratch: Database, *words: str, accepted: tuple[int, ...] = (0,)) -> str:
    """Run one of our commands on the scratch. Raises CommandFailed with its last words."""
    done = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *words],
        env={**os.environ, "DATABASE_URL": scratch.url()},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode not in accepted:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise CommandFailed(f"{words[0]} failed on the restored copy: {lines[-1]}")
    return done.stdout
