"""What `make migrations` refuses: what traffic, or code that still runs, would feel."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

pytestmark = pytest.mark.django_db

BEFORE = ("ops", "0005_failed_jobs_index")
NAME = "9001_bad"
BAD = {
    "a column that must be given": migrations.AddField(
        "deadletter", "late", models.TextField(default="")
    ),
    "a column that must not be null any more": migrations.AlterField(
        "deadletter", "task", models.TextField(null=False, max_length=3)
    ),
    "another name of a column": migrations.RenameField("deadletter", "task", "job"),
    "another name of a table": migrations.AlterModelTable("deadletter", "ops_letter"),
    "a column that goes": migrations.RemoveField("deadletter", "task"),
    "a table that goes": migrations.DeleteModel("deadletter"),
    "an index that stops writers": migrations.AddIndex(
        "deadletter", models.Index(fields=["task"], name="letters_by_task")
    ),
    "a unique constraint that stops everybody": migrations.AddConstraint(
        "deadletter", models.UniqueConstraint(fields=["task"], name="one_letter_a_task")
    ),
}
GOOD = {
    "a column that may be null": migrations.AddField(
        "deadletter", "late", models.TextField(null=True)
    ),
    "a column with a default of the database": migrations.AddField(
        "deadletter", "late", models.TextField(db_default="")
    ),
}


@pytest.fixture
def lint(monkeypatch, capsys):
    """Judge an operation as `make migrations` would: its exit code, and what it says."""

    def judge(operation):
        parts = {"dependencies": [BEFORE], "operations": [operation]}
        module = ModuleType(f"ops.migrations.{NAME}")
        module.__file__ = __file__
        module.Migration = type("Migration", (migrations.Migration,), parts)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        build = MigrationLoader.load_disk

        def load_disk(loader):
            build(loader)
            loader.disk_migrations["ops", NAME] = module.Migration(NAME, "ops")

        monkeypatch.setattr(MigrationLoader, "load_disk", load_disk)
        try:
            call_command(
                "lintmigrations",
                "ops",
                NAME,
                project_root_path=str(settings.BASE_DIR),
                no_cache=True,
                quiet=["ok", "ignore"],
            )
        except SystemExit as refusal:
            return refusal.code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    yield judge
    connection.close()


class TestTheLinter:
    @pytest.mark.parametrize("change", BAD)
    def test_refuses(self, lint, change):
        code, told = lint(BAD[change])

        assert (code, f"(ops, {NAME})... ERR" in told) == (1, True), told

    @pytest.mark.parametrize("change", GOOD)
    def test_lets_through(self, lint, change):
        code, told = lint(GOOD[change])

        assert code == 0, told
