"""The hourly proof: kept, alerted, measured, and never twice at once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app

from alerts.models import Alert
from payments import invariants, proofs, tasks
from payments.metrics import MoneyCollector
from payments.models import LedgerProof, Order
from payments.settlement import settle_payment
from payments.tests.factories import make_order
from payments.tests.proving import sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(buyer, note, gateway, now, run_jobs):
    order = make_order(buyer=buyer, notes=[note], now=now)
    paid = gateway.pay(order.gateway_order_id)
    settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    run_jobs()
    return order


def misname(order):
    Order.objects.filter(pk=order.pk).update(state="partially_refunded")


def gauges():
    prefix = "notevault_ledger_proof_"
    return {
        family.name.removeprefix(prefix): family.samples[0].value
        for family in MoneyCollector().collect()
        if family.name.startswith(prefix)
    }


class TestAProof:
    def test_that_holds_is_kept(self, order, now):
        proof = proofs.prove_promises(now=now)

        assert (proof.broken, proof.first_broken, proof.ran_at) == (0, "", now)
        assert len(proof.checks) == len(invariants.CHECKS)
        assert not Alert.objects.exists()

    def test_that_is_broken_alerts_at_once(self, order, now):
        misname(order)

        proof = proofs.prove_promises(now=now)

        assert proof.broken == 1
        assert f"{order.pk}: order is partially_refunded" in proof.first_broken
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("payments.promise_broken", "critical")
        assert str(order.pk) in alert.message

    def test_that_is_repeated_soon_alerts_once(self, order, now):
        misname(order)

        for _ in range(2):
            proofs.prove_promises(now=now)

        assert Alert.objects.get().count == 2

    def test_that_holds_again_ends_the_alert(self, order, now):
        misname(order)
        proofs.prove_promises(now=now)
        Order.objects.filter(pk=order.pk).update(state="paid")

        proofs.prove_promises(now=now + timedelta(hours=1))

        assert Alert.objects.get().state == "resolved"

    def test_is_kept_for_ninety_days(self, db, now):
        for days in (91, 89):
            proofs.prove_promises(now=now - timedelta(days=days))

        proofs.prove_promises(now=now)

        kept = LedgerProof.objects.order_by("ran_at").values_list("ran_at", flat=True)
        assert list(kept) == [now - timedelta(days=89), now]

    def test_leaves_the_field_to_one_that_is_running(self, db, now):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [invariants.proof.ALONE])
            found = []
            thread = threading.Thread(target=lambda: found.append(_prove_and_leave(now)))
            thread.start()
            thread.join()

        assert found == [None]
        assert not LedgerProof.objects.exists()

    def test_outlives_the_patience_of_a_worker(self, db, now, monkeypatch):
        slow = invariants.Check("I3", "slow", "SELECT 1, pg_sleep(0.3)::text WHERE false")
        never = "SELECT x, 'x' FROM (SELECT pg_sleep(0.3), 1 AS x) s WHERE x = 2"
        sql("SET statement_timeout = '100ms'")
        try:
            proof = invariants.prove([slow, invariants.Check("I3", "slower", never)])
            left = sql("SHOW statement_timeout")
        finally:
            sql("SET statement_timeout = 0")

        assert (proof.broken, left) == (0, "100ms")

    def test_writes_nothing_while_it_looks(self, order):
        with pytest.raises(Exception, match="read-only transaction"):
            invariants.prove(
                [
                    invariants.Check(
                        "I3",
                        "a check that writes",
                        "SELECT nextval('payments_ledgerentry_id_seq'), 'x'",
                    )
                ]
            )


def _prove_and_leave(now):
    try:
        return proofs.prove_promises(now=now)
    finally:
        connection.close()


class TestTheSchedule:
    def test_proves_every_hour(self, db):
        tasks.prove_promises()

        assert LedgerProof.objects.count() == 1
        crons = {
            periodic.task.name: periodic.cron
            for periodic in app.periodic_registry.periodic_tasks.values()
        }
        assert crons["payments.tasks.prove_promises"] == "41 * * * *"


class TestTheMetrics:
    def test_say_nothing_before_the_first_proof(self, db):
        assert gauges() == {}

    def test_are_of_the_latest_proof(self, order, now):
        proofs.prove_promises(now=now - timedelta(hours=1))
        misname(order)
        latest = proofs.prove_promises(now=now)

        assert gauges() == {
            "broken_rows": 1.0,
            "timestamp_seconds": now.timestamp(),
            "seconds": latest.seconds,
        }
