"""A run over some days: the way in for the command, the nightly job and the webhook."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import structlog
from django.db.models.functions import Now

from notevault.kit.clock import indian_day
from payments.gateways import get_gateway
from payments.gateways.base import GatewayError
from payments.models import ReconciliationRun
from payments.reconciliation import breaks
from payments.reconciliation.desk import Day, Desk, DryDesk, Tally
from payments.reconciliation.payment_list import compare_payments
from payments.reconciliation.refund_list import compare_refunds
from payments.reconciliation.settlement_report import compare_settlements, find_never_settled
from payments.reconciliation.windows import Window, closed_windows
from payments.states import RunState

# A bank may say yes for five days and a settlement takes up to seven, so each night looks
# back further than both.
NIGHTLY_DAYS = 10
# No run takes so long: its process has died.
LONGEST_RUN = timedelta(hours=6)
COUNTS = ("payments", "refunds", "settled", "foreign", "filled_in", "healed", "open")

log = structlog.get_logger("notevault.reconciliation")
OnDay = Callable[[date, Tally], None]


def reconcile_days(
    *,
    start: date,
    end: date,
    now: datetime,
    dry_run: bool = False,
    on_day: OnDay = lambda day, tally: None,
) -> Tally:
    """Compare our payments and refunds with the gateway's lists and settlement report.

    Both days included, in Indian time. Afterwards what is certain is healed, and the rest
    are open breaks, with one alert for each kind; a second run adds nothing. `on_day` hears of
    each day once it is done. Raises DaysOutOfRange and the gateway's errors; the days before
    such an error are done.
    """
    windows = closed_windows(start=start, end=end, now=now)
    if dry_run:
        desk: Desk = DryDesk(now=now)
        _compare(windows, desk, on_day)
        return desk.tally
    desk = Desk(now=now)
    _close_dead(now)
    run = ReconciliationRun.objects.create(
        first_day=start, last_day=windows[-1].day, until=windows[-1].end, started_at=now
    )
    try:
        _compare(windows, desk, on_day)
    except GatewayError as error:
        _close(run, RunState.ABANDONED, desk.tally, f"{error.code}: {error.detail}")
        raise
    _close(run, RunState.FINISHED, desk.tally, "")
    return desk.tally


def nightly_days(now: datetime) -> tuple[date, date]:
    """First and last day of the nightly run; they overlap from night to night."""
    return indian_day(now) - timedelta(days=NIGHTLY_DAYS), indian_day(now)


def _compare(windows: list[Window], desk: Desk, on_day: OnDay) -> None:
    gateway = get_gateway()
    for window in windows:
        day = Day(window, gateway, desk)
        # Payments first: a refund needs its payment, and a settlement either.
        compare_payments(day)
        compare_refunds(day)
        compare_settlements(day)
        desk.forget(first=window.day, last=window.day)
        on_day(window.day, desk.tally)
    find_never_settled(desk, first=windows[0].day, last=windows[-1].day)


def _close_dead(now: datetime) -> None:
    dead = ReconciliationRun.objects.filter(
        state=RunState.RUNNING, started_at__lt=now - LONGEST_RUN
    )
    dead.update(state=RunState.ABANDONED, outcome="its process died", finished_at=Now())


def _close(run: ReconciliationRun, state: RunState, tally: Tally, outcome: str) -> None:
    breaks.tell_of_breaks(now=run.started_at)
    counts = {name: getattr(tally, name) for name in COUNTS}
    ReconciliationRun.objects.filter(pk=run.pk).update(
        state=state, outcome=outcome[:200], finished_at=Now(), **counts
    )
    log.info("reconciliation.closed", run_id=str(run.pk), state=state, **counts)
