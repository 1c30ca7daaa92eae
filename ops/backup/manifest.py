"""What lies beside a dump: the proof that it is whole, and what a restored copy must hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.migrations.loader import MigrationLoader

from ops.backup.refusal import BackupError

FORMAT = 1
SUFFIX = ".json"


class ManifestDamaged(BackupError):
    pass


class SchemaIsNewer(BackupError):
    pass


@dataclass(frozen=True)
class Manifest:
    name: str
    """The dump's, in the same folder."""
    database: str
    app_version: str
    server_version: str
    client_version: str
    started_at: datetime
    finished_at: datetime
    size_bytes: int
    sha256: str
    schema_version: str
    migrations: list[str]
    """All that were applied, as `app.name`."""
    rows: dict[str, int]
    """Of each table, in the dump's own snapshot."""

    @property
    def server_major(self) -> int:
        return int(self.server_version.partition(".")[0])

    def as_bytes(self) -> bytes:
        """JSON for people too, sealed: a changed byte of it is found as one of the dump is."""
        body = {"format": FORMAT, **asdict(self)}
        body["started_at"] = self.started_at.isoformat()
        body["finished_at"] = self.finished_at.isoformat()
        return _written({**body, "seal": _seal(body)})


def read(data: bytes, *, name: str) -> Manifest:
    """Raises ManifestDamaged for anything but what `as_bytes` once gave for this dump."""
    try:
        body = json.loads(data)
        seal = body.pop("seal")
        is_whole = seal == _seal(body) and _written({**body, "seal": seal}) == data
        if not is_whole or body.pop("format") != FORMAT or body["name"] != name:
            raise ManifestDamaged(f"The manifest of {name} is not as it was written.")
        times = {key: datetime.fromisoformat(body[key]) for key in ("started_at", "finished_at")}
        return Manifest(**{**body, **times})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestDamaged(f"The manifest of {name} cannot be read: {error}.") from error


def beside(dump: str) -> str:
    return dump + SUFFIX


def version_of(migrations: Iterable[str]) -> str:
    """One short word for a set of applied migrations."""
    return hashlib.sha256("\n".join(sorted(migrations)).encode()).hexdigest()[:12]


def refuse_newer_schema(manifest: Manifest) -> None:
    """Raises SchemaIsNewer where the dump has migrations that this code does not."""
    if unknown := sorted(set(manifest.migrations) - _known()):
        raise SchemaIsNewer(
            f"{manifest.name} has a newer schema than this code: it does not know "
            f"{', '.join(unknown[:3])}{' and others' if len(unknown) > 3 else ''}. "
            f"Restore it with the code of that time (version {manifest.app_version}) or newer."
        )


def is_older_schema(manifest: Manifest) -> bool:
    """True where `migrate` has something to do after a restore."""
    return bool(_known(with_replaced=False) - set(manifest.migrations))


def _known(*, with_replaced: bool = True) -> set[str]:
    on_disk = MigrationLoader(None).disk_migrations
    known = set(on_disk)
    if with_replaced:
        known |= {old for migration in on_disk.values() for old in migration.replaces}
    return {f"{app}.{name}" for app, name in known}


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(_written(body)).hexdigest()


def _written(body: dict[str, Any]) -> bytes:
    return json.dumps(body, indent=2, sort_keys=True).encode() + b"\n"
