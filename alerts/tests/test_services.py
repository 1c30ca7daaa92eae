"""Raising an alert: a row and a job, in the caller's transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import structlog
from django.db import transaction

from alerts.models import Alert, Severity
from alerts.services import NotInCatalogue, raise_alert, resolve_alert

pytestmark = pytest.mark.django_db

DELIVER = "alerts.tasks.deliver_alert"
SEND = "alerts.tasks.send_delivery"
MATTER = {
    "kind": "accounts.refresh_reused",
    "severity": Severity.HIGH,
    "message": "A token was used again.",
    "dedupe_key": "session-1",
}


@pytest.fixture(autouse=True)
def _outside_of_a_request():
    structlog.contextvars.clear_contextvars()


class TestRaiseAlert:
    def test_writes_a_row_and_defers_its_delivery(self, now, run_jobs):
        with structlog.contextvars.bound_contextvars(request_id="caller-id"):
            raised = raise_alert(**MATTER, metadata={"user_id": "u1"}, now=now)

        alert = Alert.objects.get()
        assert raised == alert
        assert (alert.kind, alert.severity) == ("accounts.refresh_reused", "high")
        assert (alert.message, alert.metadata) == ("A token was used again.", {"user_id": "u1"})
        assert (alert.request_id, alert.count) == ("caller-id", 1)
        assert (alert.raised_at, alert.last_raised_at, alert.delivered_at) == (now, now, None)
        assert run_jobs() == [DELIVER, SEND]

    def test_needs_no_request_and_no_metadata(self, now):
        alert = raise_alert(**MATTER, now=now)

        assert (alert.request_id, alert.metadata) == ("", {})

    def test_cuts_what_is_too_long_instead_of_failing(self, now, settings):
        settings.ALERT_KINDS_STRICT = False
        alert = raise_alert(
            kind="k" * 100, severity=Severity.HIGH, message="m" * 900, dedupe_key="d" * 300, now=now
        )

        alert.refresh_from_db()
        assert (alert.kind, alert.message) == ("k" * 64, "m" * 500)
        assert len(alert.dedupe_key) <= 128

    def test_tells_long_matters_apart(self, now):
        for end in "ab":
            raise_alert(**{**MATTER, "dedupe_key": "d" * 200 + end}, now=now)
            raise_alert(**{**MATTER, "dedupe_key": "d" * 200 + end}, now=now)

        assert list(Alert.objects.values_list("count", flat=True)) == [2, 2]

    def test_can_hold_what_a_payer_has_typed(self, now):
        alert = raise_alert(**{**MATTER, "message": "nul \x00, ₹ and 😀"}, now=now)

        alert.refresh_from_db()
        assert alert.message == "nul , ₹ and 😀"


class TestAnAlertOfUglyValues:
    @pytest.mark.parametrize(
        ("metadata", "kept"),
        [
            ({"name": "nul \x00"}, {"name": "nul "}),
            ({"name\x00": "half \ud83d"}, {"name": "half \\ud83d"}),
            ({"rate": float("nan"), "most": float("inf")}, {"rate": "nan", "most": "inf"}),
            ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, {"at": "2026-01-02 00:00:00+00:00"}),
            (
                {"id": UUID(int=1), "paise": Decimal("1.5")},
                {"id": str(UUID(int=1)), "paise": "1.5"},
            ),
            ({"many": ({"one": b"x"}, 2**80)}, {"many": [{"one": "b'x'"}, hex(2**80)]}),
            ({1: None, "is": True}, {"1": None, "is": True}),
        ],
    )
    def test_keeps_as_much_of_the_details_as_can_be_stored(self, now, metadata, kept):
        alert = raise_alert(**MATTER, metadata=metadata, now=now)

        alert.refresh_from_db()
        assert alert.metadata == kept

    def test_ends_where_its_details_hold_themselves(self, now):
        endless: dict = {}
        endless["again"] = endless

        alert = raise_alert(**MATTER, metadata=endless, now=now)

        alert.refresh_from_db()
        assert list(alert.metadata) == ["again"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "k\x00\ud83d"},
            {"message": "half \ud83d"},
            {"dedupe_key": "d\x00\ud83d"},
            {"dedupe_key": "\ud83d" * 200},
            {"severity": "catastrophic"},
            {"severity": "odd"},
        ],
    )
    def test_is_raised_delivered_and_resolved_all_the_same(self, now, settings, run_jobs, wrong):
        settings.ALERT_KINDS_STRICT = False
        matter = {**MATTER, **wrong}

        alert = raise_alert(**matter, now=now)
        again = raise_alert(**matter, now=now)
        ran = run_jobs()
        ended = resolve_alert(dedupe_key=matter["dedupe_key"], now=now)

        alert.refresh_from_db()
        assert (again, ran, ended) == (None, [DELIVER, SEND], 1)
        assert (alert.severity, alert.delivered_at is None) == ("high", False)


class TestStorm:
    def test_within_five_minutes_is_counted_and_delivered_once(self, now, run_jobs):
        raise_alert(**MATTER, now=now)

        answers = [
            raise_alert(**MATTER, now=now + timedelta(seconds=seconds)) for seconds in (0, 1, 299)
        ]

        alert = Alert.objects.get()
        assert answers == [None, None, None]
        assert (alert.count, alert.raised_at) == (4, now)
        assert alert.last_raised_at == now + timedelta(seconds=299)
        assert run_jobs() == [DELIVER, SEND]

    def test_is_told_again_after_five_minutes(self, now, run_jobs):
        raise_alert(**MATTER, now=now)
        raise_alert(**MATTER, now=now + timedelta(minutes=4))

        again = raise_alert(**MATTER, now=now + timedelta(minutes=5))

        assert again.count == 1
        assert sorted(Alert.objects.values_list("count", flat=True)) == [1, 2]
        assert run_jobs() == [DELIVER, DELIVER, SEND, SEND]

    def test_counts_on_the_latest_alert(self, now):
        raise_alert(**MATTER, now=now)
        latest = raise_alert(**MATTER, now=now + timedelta(minutes=6))

        raise_alert(**MATTER, now=now + timedelta(minutes=7))

        latest.refresh_from_db()
        assert latest.count == 2

    def test_of_one_matter_does_not_hide_another(self, now, run_jobs):
        raise_alert(**MATTER, now=now)
        raise_alert(**{**MATTER, "dedupe_key": "session-2"}, now=now)

        assert Alert.objects.count() == 2
        assert run_jobs() == [DELIVER, DELIVER, SEND, SEND]


class TestAKind:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "accounts.nothing_of_the_kind"},
            {"severity": Severity.WARNING},
            {"kind": "payments.dispute", "severity": "odd"},
        ],
    )
    def test_that_the_catalogue_lacks_is_a_mistake_while_developing(self, now, wrong):
        with pytest.raises(NotInCatalogue, match=r"see alerts/kinds\.py"):
            raise_alert(**{**MATTER, **wrong}, now=now)

        assert Alert.objects.count() == 0

    def test_that_the_catalogue_lacks_is_delivered_all_the_same_in_production(
        self, now, settings, run_jobs
    ):
        settings.ALERT_KINDS_STRICT = False

        raise_alert(**{**MATTER, "kind": "accounts.nothing_of_the_kind"}, now=now)

        assert run_jobs() == [DELIVER, SEND]


class TestResolveAlert:
    def test_ends_every_alert_of_the_matter_and_no_other(self, now, run_jobs):
        raise_alert(**MATTER, now=now)
        raise_alert(**MATTER, now=now + timedelta(minutes=6))
        raise_alert(**{**MATTER, "dedupe_key": "session-2"}, now=now)

        ended = resolve_alert(dedupe_key="session-1", now=now, why="the thief is caught")

        states = Alert.objects.order_by("pk").values_list("state", flat=True)
        assert (ended, list(states)) == (2, ["resolved", "resolved", "open"])
        assert Alert.objects.first().moves.get().why == "the thief is caught"

    def test_of_nothing_is_no_error(self, now):
        assert resolve_alert(dedupe_key="session-1", now=now) == 0

    def test_finds_a_long_key_too(self, now):
        raise_alert(**{**MATTER, "dedupe_key": "d" * 300}, now=now)

        assert resolve_alert(dedupe_key="d" * 300, now=now) == 1

    def test_lets_the_next_one_be_told_at_once_and_as_another_incident(self, now, run_jobs):
        first = raise_alert(**MATTER, now=now)
        resolve_alert(dedupe_key="session-1", now=now)

        again = raise_alert(**MATTER, now=now + timedelta(seconds=10))

        assert again is not None
        assert again.incident_id != first.incident_id

    def test_is_what_parts_incidents(self, now):
        first = raise_alert(**MATTER, now=now)
        second = raise_alert(**MATTER, now=now + timedelta(minutes=5))
        third = raise_alert(**MATTER, now=now + timedelta(minutes=10))

        assert first.pk == first.incident_id == second.incident_id == third.incident_id


@pytest.mark.django_db(transaction=True)
class TestTransaction:
    def test_that_rolls_back_raises_nothing(self, now, run_jobs):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            raise_alert(**MATTER, now=now)
            raise ZeroDivisionError

        assert Alert.objects.count() == 0
        assert run_jobs() == []
