"""What a migration that is not applied yet would lock."""

from __future__ import annotations

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from ops.doctor import migrations as topic
from ops.doctor.finding import Level, Visit

MANY = {"ops_deadletter": 2_000_000}
FEW = {"ops_deadletter": 100}


def sql_of(*operations):
    """As `sqlmigrate` would show it, on the tables of today."""
    migration = migrations.Migration("0999_next", "ops")
    migration.operations = operations
    state = MigrationLoader(connection).project_state()
    with connection.schema_editor(collect_sql=True) as editor:
        migration.apply(state, editor, collect_sql=True)
    return editor.collected_sql


INDEX = models.Index(fields=["attempts"], name="letters_by_attempts")
RISKY = [
    (migrations.AddIndex("deadletter", INDEX), "builds an index: no writes"),
    (
        migrations.AlterField("deadletter", "attempts", models.BigIntegerField()),
        "rewrites the table: no reads or writes",
    ),
    (
        migrations.AddConstraint(
            "deadletter", models.CheckConstraint(condition=models.Q(attempts__gt=0), name="some")
        ),
        "checks the whole table: no writes",
    ),
    (
        migrations.AddConstraint(
            "deadletter", models.UniqueConstraint(fields=["attempts"], name="one")
        ),
        "builds an index: no reads or writes",
    ),
]


@pytest.mark.django_db(transaction=True)
class TestRisks:
    @pytest.mark.parametrize(("operation", "effect"), RISKY, ids=[e for _, e in RISKY])
    def test_of_a_large_table_are_told(self, operation, effect):
        found = list(topic.risks_of(sql_of(operation), MANY))

        assert found == [f"on ops_deadletter (2,000,000 rows) {effect} meanwhile"]

    @pytest.mark.parametrize(("operation", "effect"), RISKY, ids=[e for _, e in RISKY])
    def test_of_a_small_table_are_none(self, operation, effect):
        assert list(topic.risks_of(sql_of(operation), FEW)) == []

    def test_of_a_new_column_are_none(self):
        column = migrations.AddField("deadletter", "note", models.TextField(null=True))

        assert list(topic.risks_of(sql_of(column), MANY)) == []

    def test_of_a_new_table_are_none(self):
        table = migrations.CreateModel("Fresh", [("id", models.BigAutoField(primary_key=True))])

        assert list(topic.risks_of(sql_of(table), MANY)) == []

    def test_of_an_index_that_is_built_beside_are_none(self):
        statement = 'CREATE INDEX CONCURRENTLY "x" ON "ops_deadletter" ("attempts")'

        assert list(topic.risks_of([statement], MANY)) == []

    def test_of_a_constraint_that_is_validated_later_are_none(self):
        statement = 'ALTER TABLE "ops_deadletter" ADD CONSTRAINT "x" CHECK (attempts > 0) NOT VALID'

        assert list(topic.risks_of([statement], MANY)) == []

    def test_of_a_column_that_is_dropped_are_for_the_code_that_runs(self):
        found = list(topic.risks_of(sql_of(migrations.RemoveField("deadletter", "error")), FEW))

        assert found == ["takes something of ops_deadletter away that running pods may still use"]

    def test_of_python_are_for_a_person_to_read(self):
        found = list(topic.risks_of(sql_of(migrations.RunPython(lambda *_: None)), MANY))

        assert found == ["runs Python: read what it does, and for how many rows"]


@pytest.mark.django_db
class TestMigrations:
    def test_that_are_applied_are_well(self, now):
        [finding] = topic.examine(Visit(now=now, is_production=True))

        assert (finding.level, finding.what) == (Level.OK, "All migrations are applied.")

    def test_that_are_not_are_named_with_what_they_hold(self, now):
        newest = MigrationLoader(connection).graph.leaf_nodes("ops")[0]
        MigrationRecorder(connection).record_unapplied(*newest)

        pending, *rest = topic.examine(Visit(now=now, is_production=True))

        assert pending.level == Level.WARN
        assert pending.what == f"Not applied: {newest[0]}.{newest[1]}."
        assert "manage.py migrate" in pending.remedy
        assert rest
