"""Which backups stay, and what health and metrics say of them."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from health_check.exceptions import ServiceWarning

from notevault.kit import clock
from ops.backup.health import Age
from ops.backup.metrics import BackupCollector
from ops.backup.shelf import shelf_of
from ops.backup.stores import Folder, part_name
from ops.models import Backup

pytestmark = pytest.mark.django_db(transaction=True)


def put(folder, day, *, database="shop", verified=False):
    """A backup of a day of November, without contents."""
    name = f"{database}-202611{day:02}T030000Z.dump"
    (folder / name).touch()
    (folder / f"{name}.json").touch()
    at = clock.now()
    Backup.objects.create(
        location=(folder / name).as_uri(),
        name=name,
        started_at=at + timedelta(days=day),
        finished_at=at + timedelta(days=day),
        sha256="0" * 64,
        size_bytes=10,
        schema_version="abc",
        verified_at=at if verified else None,
    )
    return name


class TestKeeping:
    def test_removes_all_but_the_newest(self, shelf, now):
        names = [put(shelf, day) for day in (1, 2, 3, 4)]
        kept = shelf_of(Folder(shelf), "shop")

        kept.remove(kept.surplus(keep=2), now=now)

        assert kept.whole() == [names[3], names[2]]
        removed = Backup.objects.filter(removed_at=now).values_list("name", flat=True)
        assert sorted(removed) == names[:2]

    def test_never_removes_the_last_that_was_verified(self, shelf):
        names = [put(shelf, day, verified=day < 3) for day in (1, 2, 3, 4)]

        assert shelf_of(Folder(shelf), "shop").surplus(keep=1) == [names[2], names[0]]

    def test_touches_nothing_but_whole_backups_of_this_database(self, shelf):
        put(shelf, 1, database="other")
        put(shelf, 1, database="shop-2")
        put(shelf, 2)
        (shelf / "shop-20261101T030000Z.dump").touch()
        (shelf / "notes.dump").touch()

        assert shelf_of(Folder(shelf), "shop").surplus(keep=1) == []


class TestRubbish:
    def old(self, path):
        path.touch()
        os.utime(path, (time.time() - 90_000,) * 2)
        return path.name

    def found(self, shelf):
        return sorted(shelf_of(Folder(shelf), "shop").rubbish(now=clock.now()))

    def test_is_what_a_dead_process_left(self, shelf):
        name = "shop-20261101T030000Z.dump"
        dead = part_name(name).rpartition("-")[0] + "-999999999"
        (shelf / dead).touch()

        assert self.found(shelf) == [dead]

    def test_is_what_is_half_and_a_day_old(self, shelf):
        name = "shop-20261101T030000Z.dump"
        halves = [
            self.old(shelf / f"{name}.part-another_host-1"),
            self.old(shelf / name),
            self.old(shelf / "shop-20261102T030000Z.dump.json"),
        ]

        assert self.found(shelf) == sorted(halves)

    def test_is_not_what_may_be_in_the_making(self, shelf):
        name = "shop-20261101T030000Z.dump"
        (shelf / part_name(name)).touch()
        (shelf / f"{name}.part-another_host-1").touch()
        (shelf / name).touch()

        assert self.found(shelf) == []

    def test_is_not_what_others_put_there(self, shelf):
        self.old(shelf / "notes.txt")
        self.old(shelf / "other-20261101T030000Z.dump")
        for name in ("shop-20261101T030000Z.dump", "shop-20261101T030000Z.dump.json"):
            self.old(shelf / name)

        assert self.found(shelf) == []


def age_backup(*, made, verified, name="a"):
    now = clock.now()
    Backup.objects.create(
        location=f"file:///{name}.dump",
        name=f"{name}.dump",
        started_at=now - made,
        finished_at=now - made,
        sha256="0" * 64,
        size_bytes=4711,
        schema_version="abc",
        verified_at=now - verified if verified is not None else None,
    )


HOUR = timedelta(hours=1)


class TestHealth:
    @pytest.mark.parametrize(
        ("made", "verified", "warning"),
        [
            (1, 1, None),
            (25, 25, None),
            (27, 27, "no backup was made for 27 hours"),
            (1, None, "no verified backup was made yet"),
        ],
    )
    def test_warns_of_age(self, made, verified, warning):
        age_backup(made=made * HOUR, verified=None if verified is None else verified * HOUR)
        check = Age()

        if warning is None:
            check.run()
        else:
            with pytest.raises(ServiceWarning, match=warning):
                check.run()

        assert check.details["last_backup_at"] is not None

    def test_warns_of_an_old_one_that_is_proved_again_while_the_new_ones_are_not(self):
        age_backup(made=50 * HOUR, verified=HOUR)
        age_backup(made=HOUR, verified=None, name="b")

        with pytest.raises(ServiceWarning, match="no verified backup was made for 50 hours"):
            Age().run()

    def test_warns_when_there_never_was_one(self, settings):
        settings.DEBUG = False

        with pytest.raises(ServiceWarning, match="no backup was made yet"):
            Age().run()

    def test_does_not_bother_developers(self, settings):
        settings.DEBUG = True

        Age().run()


class TestMetrics:
    def read(self):
        return {
            metric.name.removeprefix("notevault_backup_"): metric.samples[0].value
            for metric in BackupCollector().collect()
        }

    def test_are_absent_before_there_is_one(self):
        assert self.read() == {}

    def test_tell_of_the_newest_and_of_the_newest_that_was_proved(self):
        age_backup(made=HOUR, verified=None)
        unproved = self.read()
        row = Backup.objects.get()
        age_backup(made=50 * HOUR, verified=HOUR / 2, name="b")
        old = Backup.objects.get(name="b.dump")

        made = {
            "last_success_timestamp_seconds": row.finished_at.timestamp(),
            "size_bytes": 4711,
        }
        proved = {"last_verified_timestamp_seconds": old.finished_at.timestamp()}
        assert (unproved, self.read()) == (made, {**made, **proved})
