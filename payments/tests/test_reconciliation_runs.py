"""Runs over the same days again and again, dry runs, and what staff close."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert
from notes.models import NoteAccess
from payments.gateways.base import GatewayUnavailable
from payments.models import Order, Payment, ReconciliationBreak, ReconciliationRun, Refund
from payments.reconciliation.breaks import BreakNotOpen, close_break
from payments.reconciliation.runs import nightly_days, reconcile_days
from payments.reconciliation.windows import DaysOutOfRange, closed_windows
from payments.tests.reconciling import breaks, shop_on_sandbox
from payments.tests.test_races import at_once

pytestmark = pytest.mark.django_db

TWO_HOURS = timedelta(hours=2)
THREE_HOURS = timedelta(hours=3)
OPEN = [("amount", "settlement", "open", -100)]


@pytest.fixture
def shop(buyer, seller, monkeypatch):
    with shop_on_sandbox(buyer, seller, monkeypatch) as shop:
        yield shop


@pytest.fixture
def wrong(shop):
    """A payment of which the settlement report says a rupee less."""
    payment_id = shop.sell()
    shop.post(f"/settlements/{payment_id}/adjust", difference=-100)
    return payment_id


def close(staff, now):
    close_break(
        break_id=ReconciliationBreak.objects.get().pk, staff_id=staff.pk, why="a bank fee", now=now
    )


class TestASecondRun:
    def test_changes_nothing_but_when_it_was_seen(self, shop, wrong):
        shop.pay(shop.order())
        shop.reconcile()
        before = self.everything()
        seen_before = ReconciliationBreak.objects.get(kind="amount").last_seen_at

        tally = shop.reconcile(later=TWO_HOURS)

        assert self.everything() == before
        assert (tally.filled_in, tally.healed, tally.open) == (0, 0, 1)
        seen = ReconciliationBreak.objects.get(kind="amount")
        assert seen.last_seen_at > seen_before == seen.first_seen_at

    def everything(self):
        return [
            list(Payment.objects.order_by("pk").values()),
            list(Order.objects.order_by("pk").values()),
            list(Refund.objects.values()),
            breaks(),
            Alert.objects.count(),
        ]


class TestABreak:
    def test_that_shows_no_more_is_healed_by_the_next_run(self, shop, wrong):
        shop.reconcile()
        shop.post(f"/settlements/{wrong}/adjust", difference=0)

        tally = shop.reconcile(later=TWO_HOURS)

        healed = ReconciliationBreak.objects.get()
        assert (healed.state, healed.healed_at is not None) == ("healed", True)
        assert healed.moves.get().why == "shows no more"
        assert (tally.vanished, tally.open) == (1, 0)

    def test_of_another_day_stays_open(self, shop, wrong, now):
        shop.reconcile()
        ReconciliationBreak.objects.update(day=date(2020, 1, 1))
        shop.post(f"/settlements/{wrong}/adjust", difference=0)

        shop.reconcile(later=TWO_HOURS)

        assert breaks() == OPEN

    def test_that_was_healed_and_shows_again_is_open_with_another_alert(self, shop, wrong):
        shop.reconcile()
        shop.post(f"/settlements/{wrong}/adjust", difference=0)
        shop.reconcile(later=TWO_HOURS)
        shop.post(f"/settlements/{wrong}/adjust", difference=-100)

        shop.reconcile(later=THREE_HOURS)

        row = ReconciliationBreak.objects.get()
        assert (row.state, row.healed_at) == ("open", None)
        assert Alert.objects.count() == 2


class TestManyBreaks:
    def test_of_one_kind_are_one_alert_with_their_count_and_references(self, shop, wrong):
        other = shop.sell()
        shop.post(f"/settlements/{other}/adjust", difference=-300)

        shop.reconcile()

        alert = Alert.objects.get()
        named = {row["gateway_id"] for row in alert.metadata["breaks"]}
        assert (alert.kind, alert.metadata["count"]) == ("payments.break_amount", 2)
        assert alert.metadata["difference_paise"] == -400
        assert named == {wrong, other}
        assert ", and 1 more (-₹4.00)." in alert.message

    def test_that_a_run_which_died_left_untold_are_told_of_after_the_next(self, shop, wrong):
        shop.reconcile()
        Alert.objects.all().delete()
        ReconciliationBreak.objects.update(told_at=None)

        shop.reconcile(later=TWO_HOURS)

        assert Alert.objects.count() == 1


class TestAClosedBreak:
    def test_keeps_who_closed_it_and_why(self, shop, wrong, moderator, now):
        shop.reconcile()

        close(moderator, now)

        move = ReconciliationBreak.objects.get().moves.get()
        assert (move.new, move.why, move.actor_id) == ("closed", "a bank fee", moderator.pk)

    def test_cannot_be_closed_again(self, shop, wrong, moderator, now):
        shop.reconcile()
        close(moderator, now)

        with pytest.raises(BreakNotOpen):
            close(moderator, now)

        assert ReconciliationBreak.objects.get().moves.count() == 1

    def test_stays_closed_while_its_figures_are_the_same(self, shop, wrong, moderator, now):
        shop.reconcile()
        close(moderator, now)

        tally = shop.reconcile(later=TWO_HOURS)

        assert breaks() == [("amount", "settlement", "closed", -100)]
        assert (tally.open, Alert.objects.count()) == (0, 1)
        assert shop.reconcile(later=THREE_HOURS, dry_run=True).open == 0

    def test_is_open_again_with_other_figures(self, shop, wrong, moderator, now):
        shop.reconcile()
        close(moderator, now)
        shop.post(f"/settlements/{wrong}/adjust", difference=-300)

        shop.reconcile(later=TWO_HOURS)

        assert breaks() == [("amount", "settlement", "open", -300)]
        assert Alert.objects.count() == 2


@pytest.mark.django_db(transaction=True)
class TestRunsAtOnce:
    def test_heal_once_and_leave_one_row_for_one_matter(self, shop, wrong, note):
        shop.pay(shop.order(note))

        def run(_number):
            return shop.reconcile().open

        assert at_once(run, count=4) == {1: 4}

        assert breaks() == [*OPEN, ("missing_here", "payment", "healed", 9900)]
        assert NoteAccess.objects.filter(note=note, revoked_at=None).count() == 1
        assert Alert.objects.count() == 1


class TestADryRun:
    def test_tells_what_a_run_would_do_and_writes_nothing(self, shop, wrong):
        shop.pay(shop.order())
        shop.refund_in_dashboard(wrong, amount=4000)

        with CaptureQueriesContext(
            connection,
        ) as queries:
            tally = shop.reconcile(dry_run=True)

        # The circuit breaker counts the calls of the gateway.
        of_ours = [query["sql"] for query in queries if "ops_circuitbreaker" not in query["sql"]]
        verbs = {sql.split()[0] for sql in of_ours}
        assert verbs <= {"SELECT", "SAVEPOINT", "RELEASE"}
        assert {kind.value: line.healed for kind, line in tally.lines.items()} == {
            "missing_here": 2,
            "amount": 0,
        }
        assert (tally.open, ReconciliationRun.objects.count()) == (1, 0)
        assert (breaks(), Payment.objects.count()) == ([], 1)


class TestARun:
    def test_is_on_record_with_its_counts(self, shop, wrong):
        shop.pay(shop.order())

        shop.reconcile()

        run = ReconciliationRun.objects.get()
        assert (run.state, run.finished_at is not None) == ("finished", True)
        assert (run.payments, run.refunds, run.settled) == (2, 0, 2)
        assert (run.healed, run.open, run.filled_in, run.foreign) == (1, 1, 2, 0)

    def test_that_the_gateway_left_alone_is_on_record_as_abandoned(self, shop, wrong):
        shop.sandbox.stop()

        with pytest.raises(GatewayUnavailable):
            shop.reconcile()

        run = ReconciliationRun.objects.get()
        assert run.state == "abandoned"
        assert run.outcome.startswith("gateway_unavailable")
        assert breaks() == []

    def test_whose_process_died_is_abandoned_by_a_later_one(self, shop, wrong):
        shop.reconcile()
        ReconciliationRun.objects.update(state="running", finished_at=None)

        shop.reconcile(later=timedelta(hours=5))
        after_five = ReconciliationRun.objects.earliest("started_at").state
        shop.reconcile(later=timedelta(hours=7))

        run = ReconciliationRun.objects.earliest("started_at")
        assert after_five == "running"
        assert (run.state, run.outcome) == ("abandoned", "its process died")
        assert run.finished_at is not None

    def test_tells_of_each_day(self, shop):
        days = []

        shop.reconcile(on_day=lambda day, tally: days.append(day))

        # Shortly before midnight an hour later is another day.
        run = ReconciliationRun.objects.get()
        assert days[0] == run.first_day
        assert days[-1] == run.last_day
        assert len(days) == (run.last_day - run.first_day).days + 1 >= 2


class TestWindows:
    NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # half past five in India

    def test_are_whole_indian_days_but_for_what_is_too_young(self):
        yesterday, today = closed_windows(
            start=date(2026, 11, 22), end=date(2026, 11, 30), now=self.NOW
        )

        assert yesterday.start == datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
        assert yesterday.end == today.start == datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
        assert (today.day, today.end) == (date(2026, 11, 23), self.NOW - timedelta(minutes=10))

    @pytest.mark.parametrize(
        ("start", "end"),
        [(date(2026, 11, 23), date(2026, 11, 22)), (date(2026, 11, 24), date(2026, 11, 25))],
    )
    def test_of_no_time_are_refused(self, start, end, gateway):
        with pytest.raises(DaysOutOfRange):
            reconcile_days(start=start, end=end, now=self.NOW)

        assert ReconciliationRun.objects.count() == 0

    def test_of_one_night_overlap_with_those_of_the_next(self):
        first, last = nightly_days(self.NOW)

        assert (first, last) == (date(2026, 11, 13), date(2026, 11, 23))
