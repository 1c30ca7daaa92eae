"""Which backups of one database a store holds, and which of them may go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ops.backup import manifest, records
from ops.backup.manifest import Manifest
from ops.backup.places import open_store
from ops.backup.refusal import BackupError
from ops.backup.stores import PART, Store, is_forsaken, location

# No run takes as long, so what is unfinished since then will stay so.
ABANDONED_AFTER = timedelta(days=1)


class NoSuchBackup(BackupError):
    pass


class SeveralDatabases(BackupError):
    pass


@dataclass(frozen=True)
class Shelf:
    store: Store
    database: str = r"[A-Za-z0-9_.-]+"
    """A name, or a pattern for all of them."""

    def whole(self) -> list[str]:
        """Names of the dumps that have their manifest, the newest first."""
        names = self.store.names()
        dumps = [name for name in names if self._is_ours(name) and manifest.beside(name) in names]
        return sorted(dumps, key=_taken, reverse=True)

    def find(self, name: str = "") -> str:
        """The newest, or the one of that name. Raises NoSuchBackup."""
        found = self.whole()
        if not found or (name and name not in found):
            raise NoSuchBackup(
                f"There is no whole backup {name or 'of a NoteVault database'} in {self.store.url}."
            )
        return name or found[0]

    def surplus(self, *, keep: int) -> list[str]:
        """What is older than the newest `keep`, but for the newest that was ever verified."""
        names = self.whole()
        verified = records.newest_verified([location(self.store, name) for name in names])
        return [name for name in names[keep:] if location(self.store, name) != verified]

    def remove(self, names: Iterable[str], *, now: datetime) -> None:
        """The manifest goes first: half of a removal is no backup."""
        for name in names:
            self.store.remove(manifest.beside(name))
            self.store.remove(name)
            records.mark_removed(location(self.store, name), now=now)

    def remove_rubbish(self, *, now: datetime) -> None:
        for name in self.rubbish(now=now):
            self.store.remove(name)

    def rubbish(self, *, now: datetime) -> list[str]:
        """What killed runs left behind, and nothing that another run may be at."""
        names = self.store.names()
        old = {name for name, changed in names.items() if now - changed > ABANDONED_AFTER}
        return [
            name
            for name in names
            if self._is_ours(PART.sub("", name).removesuffix(manifest.SUFFIX))
            and _is_half(name, names)
            and (name in old or is_forsaken(name))
        ]

    def _is_ours(self, name: str) -> bool:
        return re.fullmatch(rf"{self.database}-\d{{8}}T\d{{6}}Z\.dump", name) is not None


def find_backup(url: str, *, database: str) -> tuple[Store, str]:
    """Where it is and what it is called: the one that a URL of a dump names, or the newest of
    this database in a folder's URL. Raises NoSuchBackup."""
    store, name = _opened(url)
    return store, (Shelf(store) if name else shelf_of(store, database)).find(name)


def find_backup_for(url: str, *, target: str) -> tuple[Store, str]:
    """The same for a database that it shall be restored into, which in a folder of one database
    may have another name. Raises NoSuchBackup, and SeveralDatabases where that is a guess."""
    store, name = _opened(url)
    if name or shelf_of(store, target).whole():
        return find_backup(url, database=target)
    databases = sorted({_database(dump) for dump in Shelf(store).whole()})
    if len(databases) > 1:
        raise SeveralDatabases(
            f"{store.url} has backups of {', '.join(databases)}, and none of {target}: "
            "name the .dump that you mean."
        )
    return store, Shelf(store).find()


def names_dump(url: str) -> bool:
    return url.endswith(".dump")


def _opened(url: str) -> tuple[Store, str]:
    folder, _, last = url.rpartition("/")
    name = last if names_dump(url) else ""
    store = open_store((folder or ".") if name else url)
    store.check()
    return store, name


def read_manifest(store: Store, name: str) -> Manifest:
    """Raises ManifestDamaged."""
    with store.reading(manifest.beside(name)) as file:
        return manifest.read(file.read(), name=name)


def name_for(database: str, *, now: datetime) -> str:
    """Names of one database sort by their time."""
    return f"{_plain(database)}-{now:%Y%m%dT%H%M%SZ}.dump"


def shelf_of(store: Store, database: str) -> Shelf:
    return Shelf(store, re.escape(_plain(database)))


def _plain(database: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "_", database)


def _taken(name: str) -> str:
    return name[-len("20260101T000000Z.dump") :]


def _database(name: str) -> str:
    return name[: -len("-20260101T000000Z.dump")]


def _is_half(name: str, names: Iterable[str]) -> bool:
    if PART.search(name):
        return True
    other = name.removesuffix(manifest.SUFFIX)
    return (manifest.beside(name) if other == name else other) not in names
