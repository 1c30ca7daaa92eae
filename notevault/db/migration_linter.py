"""What `make migrations` refuses beyond django-migration-linter's own rules.

Only the settings of tests load it: the linter is no part of what runs in production.
"""

from __future__ import annotations

import re
from typing import Any

from django.apps import AppConfig
from django_migration_linter.sql_analyser.analyser import ANALYSER_STRING_MAPPING
from django_migration_linter.sql_analyser.base import Check, CheckMode, CheckType
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

_ADDED = re.compile(r"ALTER TABLE (\S+) ADD CONSTRAINT \S+ CHECK\b")
_VALIDATED = re.compile(r"ALTER TABLE (\S+) VALIDATE CONSTRAINT\b")


def checks_each_row_under_a_lock(statements: list[str], **_: Any) -> bool:
    """A table of another migration is read whole while nobody may use it."""
    made = [each for each in statements if each.startswith("CREATE TABLE ")]
    return any(
        (found := _ADDED.search(each))
        and not each.rstrip("; ").endswith("NOT VALID")
        and not any(table.startswith(f"CREATE TABLE {found.group(1)} ") for table in made)
        for each in statements
    )


def validates_what_it_has_locked(statements: list[str], **_: Any) -> bool:
    """VALIDATE CONSTRAINT lets others work, but not in the transaction of an ALTER TABLE."""
    if not (statements and statements[0].startswith("BEGIN")):
        return False
    altered: set[str] = set()
    for each in statements:
        if found := _VALIDATED.search(each):
            if found.group(1) in altered:
                return True
        elif found := re.match(r"ALTER TABLE (\S+) ", each):
            altered.add(found.group(1))
    return False


class Analyser(PostgresqlAnalyser):
    migration_checks = [
        *PostgresqlAnalyser.migration_checks,
        Check(
            code="ADD_CHECK",
            fn=checks_each_row_under_a_lock,
            message="ADDING a check reads the table under a lock: AddConstraintNotValid, and "
            "ValidateConstraint in a later migration",
            mode=CheckMode.TRANSACTION,
            type=CheckType.ERROR,
        ),
        Check(
            code="VALIDATE_LOCKED",
            fn=validates_what_it_has_locked,
            message="VALIDATING a constraint keeps the lock of an ALTER TABLE before it: give it "
            "a migration of its own",
            mode=CheckMode.TRANSACTION,
            type=CheckType.ERROR,
        ),
    ]


class MigrationLinter(AppConfig):
    """django-migration-linter, which knows one analyser more."""

    name = "django_migration_linter"

    def ready(self) -> None:
        ANALYSER_STRING_MAPPING["notevault"] = Analyser
