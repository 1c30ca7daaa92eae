"""Health is remembered for a second or two, and not from one test to the next."""

from __future__ import annotations

import pytest

from notevault.kit import clock
from ops.health import readiness, report, views


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(readiness, "_applied", False)
    readiness.answer.forget()
    report.forget_latest()
    yield
    readiness.answer.forget()
    report.forget_latest()


@pytest.fixture
def in_this_transaction(db, monkeypatch):
    """The checks see what the test has written and not committed."""

    def latest_report():
        made = report.Report(made_at=clock.now())
        report.run_checks(made)
        return made

    monkeypatch.setattr(views, "latest_report", latest_report)
