"""What the runner makes of PgBouncer's own figures; the rest of it is `make pgbouncer`."""

from __future__ import annotations

import importlib

import pytest

runner = importlib.import_module("deploy.pgbouncer.__main__")


def row(database, transactions, **more):
    of_stats = {"total_query_count": 2 * transactions, "total_wait_time": 0}
    return {"database": database, "total_xact_count": transactions, **of_stats, **more}


class Console:
    """Of a PgBouncer that has counted so much."""

    def __init__(self, *stats, mode="transaction"):
        own = row("pgbouncer", 99, pool_mode="statement")
        self.rows = {
            "SHOW STATS": [*stats, own],
            "SHOW POOLS": [{**each, "pool_mode": mode} for each in stats] + [own],
        }

    def tell(self, command):
        return self.rows[command]


BOTH = (row("test_notevault_gw0", 5), row("test_notevault_gw1", 0), row("notevault", 7))


class TestTheReport:
    @pytest.mark.parametrize(
        ("stats", "whats", "holds"),
        [
            (BOTH, ["tests", "demo"], True),
            (BOTH[:2], ["tests", "demo"], False),
            (BOTH[1:], ["tests", "demo"], False),
            (BOTH[:2], ["tests"], True),
            (BOTH[2:], ["demo"], True),
            (BOTH[2:], ["tests"], False),
            ((), ["tests"], False),
        ],
    )
    def test_wants_transactions_of_all_that_was_run(self, stats, whats, holds):
        assert runner.report(Console(*stats), whats) is holds

    def test_says_whose_are_missing(self, capsys):
        runner.report(Console(*BOTH[:2]), ["tests", "demo"])

        assert "No transaction of the demo went through it." in capsys.readouterr().out

    def test_wants_them_by_transaction(self):
        assert not runner.report(Console(*BOTH, mode="session"), ["tests", "demo"])
