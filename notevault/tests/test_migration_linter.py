"""What `make migrations` refuses: what traffic, or code that still runs, would feel."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

pytestmark = pytest.mark.django_db

BEFORE = ("ops", "0005_failed_jobs_index")
NAME = "9001_bad"
CHECK = models.CheckConstraint(condition=models.Q(attempts__gt=0), name="letters_were_tried")
# Each with what is said of it.
BAD = {
    "a column that must be given": (
        "NOT NULL constraint",
        migrations.AddField("deadletter", "late", models.TextField(default="")),
    ),
    "a column that must not be null any more": (
        "NOT NULL constraint",
        migrations.AlterField("deadletter", "closed_at", models.DateTimeField()),
    ),
    "another type of a column": (
        "ALTERING columns",
        migrations.AlterField("deadletter", "task", models.TextField(max_length=3)),
    ),
    "another name of a column": (
        "RENAMING columns",
        migrations.RenameField("deadletter", "task", "job"),
    ),
    "another name of a table": (
        "RENAMING tables",
        migrations.AlterModelTable("deadletter", "ops_letter"),
    ),
    "a column that goes": ("DROPPING columns", migrations.RemoveField("deadletter", "task")),
    "a table that goes": ("DROPPING table", migrations.DeleteModel("deadletter")),
    "an index that stops writers": (
        "CREATE INDEX locks table",
        migrations.AddIndex("deadletter", models.Index(fields=["task"], name="letters_by_name")),
    ),
    "a unique constraint that stops everybody": (
        "ADDING unique constraint",
        migrations.AddConstraint(
            "deadletter", models.UniqueConstraint(fields=["task"], name="one_letter_a_task")
        ),
    ),
    "a check that reads each row while everybody waits": (
        "ADDING a check",
        migrations.AddConstraint("deadletter", CHECK),
    ),
    "a check that is validated under the lock that adds it": (
        "VALIDATING a constraint",
        AddConstraintNotValid("deadletter", CHECK),
        ValidateConstraint("deadletter", CHECK.name),
    ),
}
GOOD = {
    "a column that may be null": [
        migrations.AddField("deadletter", "late", models.TextField(null=True))
    ],
    "a column with a default of the database": [
        migrations.AddField("deadletter", "late", models.TextField(db_default=""))
    ],
    "a check of what is written from now on": [AddConstraintNotValid("deadletter", CHECK)],
    "a check of a table that it makes": [
        migrations.CreateModel("late", [("attempts", models.IntegerField(primary_key=True))]),
        migrations.AddConstraint("late", CHECK),
    ],
}


@pytest.fixture
def lint(monkeypatch, capsys):
    """Judge a migration as `make migrations` would: its exit code, and what it says."""

    def judge(*operations):
        parts = {"dependencies": [BEFORE], "operations": operations}
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
        says, *operations = BAD[change]

        code, told = lint(*operations)

        assert (code, f"(ops, {NAME})... ERR" in told) == (1, True), told
        assert says in told

    @pytest.mark.parametrize("change", GOOD)
    def test_lets_through(self, lint, change):
        code, told = lint(*GOOD[change])

        assert code == 0, told
