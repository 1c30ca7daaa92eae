"""`manage.py reconcile` and the jobs that run by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from notevault.kit import clock
from notevault.kit.clock import indian_day
from payments import tasks
from payments.models import Payment, ReconciliationBreak, ReconciliationRun
from payments.reconciliation.windows import GRACE, ONE_DAY
from payments.tests.factories import event_body, signed
from payments.tests.reconciling import LATER, breaks, shop_on_sandbox
from payments.webhooks import inbox

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shop(buyer, seller, monkeypatch):
    with shop_on_sandbox(buyer, seller, monkeypatch) as shop:
        yield shop


@pytest.fixture
def an_hour_later(monkeypatch):
    moment = clock.now() + LATER
    monkeypatch.setattr(clock, "now", lambda: moment)


def reconcile(*flags: str, out: StringIO | None = None) -> tuple[int, list[str]]:
    """Exit code and lines of a run from yesterday on."""
    out, code = out or StringIO(), 0
    start = indian_day(clock.now()) - ONE_DAY
    try:
        call_command(
            "reconcile", f"--from={start}", f"--to={indian_day(clock.now())}", *flags, stdout=out
        )
    except SystemExit as end:
        code = end.code
    return code, out.getvalue().splitlines()


class TestReconcile:
    def test_heals_and_exits_with_0_when_nothing_is_open(self, shop, an_hour_later):
        shop.pay(shop.order())

        code, lines = reconcile()

        assert code == 0
        assert lines == [
            "1 payments, 0 refunds, 1 settled lines; 0 foreign, 1 completed, "
            "0 breaks show no more.",
            "break           count        difference  healed  open  closed",
            "missing_here        1            ₹99.00       1     0       0",
        ]

    def test_exits_with_1_when_breaks_are_open(self, shop, an_hour_later):
        shop.post(f"/settlements/{shop.sell()}/adjust", difference=-100)

        code, lines = reconcile()

        assert code == 1
        assert lines[-1] == "amount              1            -₹1.00       0     1       0"

    def test_in_a_dry_run_changes_nothing(self, shop, an_hour_later):
        shop.pay(shop.order())

        code, lines = reconcile("--dry-run")

        assert (code, lines[0]) == (0, "Dry run: nothing was changed.")
        assert lines[-1] == "missing_here        1            ₹99.00       1     0       0"
        assert (Payment.objects.count(), ReconciliationRun.objects.count()) == (0, 0)

    def test_shows_each_day_on_a_terminal(self, shop, an_hour_later):
        shop.sell()

        _code, lines = reconcile(out=Terminal())

        assert lines[1].startswith(f"{indian_day(clock.now())}  so far: 1 payments, 0 refunds, ")

    def test_takes_yesterday_when_no_day_is_named(self, shop):
        out = StringIO()

        call_command("reconcile", stdout=out)

        run = ReconciliationRun.objects.get()
        assert run.first_day == run.last_day == indian_day(clock.now()) - ONE_DAY

    def test_of_days_that_make_no_sense_exits_with_2(self, gateway):
        with pytest.raises(CommandError, match="is before the first day") as refusal:
            call_command("reconcile", "--from=2026-02-01", "--to=2026-01-01")
        with pytest.raises(CommandError, match="'yesterday' is not a date such as 2026-11-23"):
            call_command("reconcile", "--from=yesterday")

        assert refusal.value.returncode == 2
        assert ReconciliationRun.objects.count() == 0

    def test_without_the_gateway_exits_with_3_and_says_so(self, gateway):
        gateway.is_down = True

        with pytest.raises(CommandError, match="does not answer") as refusal:
            call_command("reconcile")

        assert refusal.value.returncode == 3


class TestTheNightlyJob:
    def test_defers_one_run_over_the_last_days(self, gateway, run_jobs, an_hour_later):
        tasks.reconcile_lately()
        tasks.reconcile_lately()

        assert run_jobs() == ["payments.tasks.reconcile"]

        run = ReconciliationRun.objects.get()
        assert run.state == "finished"
        assert run.first_day == indian_day(clock.now()) - 10 * ONE_DAY

    def test_is_repeated_while_the_gateway_is_down(self, gateway, run_jobs, an_hour_later):
        gateway.is_down = True
        tasks.reconcile_lately()
        assert run_jobs() == []
        gateway.is_down = False

        assert run_jobs() == ["payments.tasks.reconcile"]

        states = ReconciliationRun.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == ["abandoned", "finished"]

    def test_heals_what_no_webhook_told_us(self, shop, run_jobs, an_hour_later):
        shop.pay(shop.order())
        run_jobs()

        tasks.reconcile_lately()
        run_jobs()

        assert breaks() == [("missing_here", "payment", "healed", 9900)]
        assert ReconciliationBreak.objects.get().day == indian_day(clock.now() - LATER)


class TestASettlementEvent:
    def test_has_its_indian_day_reconciled_once_it_is_old_enough(self, run_jobs):
        moment = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)  # half past one of the 24th
        body = event_body(
            "settlement.processed", {"settlement": {"id": "setl_1"}}, created_at=moment
        )
        inbox.receive(
            **signed(body, settings.RAZORPAY_WEBHOOK_SECRET), event_id="evt_000001", now=moment
        )

        assert run_jobs() == ["payments.tasks.handle_event"]

        job = ProcrastinateJob.objects.get(task_name="payments.tasks.reconcile")
        assert (job.args["start"], job.args["end"]) == ("2026-11-24", "2026-11-24")
        assert job.scheduled_at > clock.now() + GRACE
