"""What the doctor says of the alerts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from alerts import channels, doctor
from ops.doctor.finding import Level, Visit


@pytest.fixture
def sending(monkeypatch):
    """Remote channels by name, and what becomes of a test by each."""

    def arrange(**errors):
        remote = [SimpleNamespace(name=name) for name in errors]
        monkeypatch.setattr(channels, "remote", lambda: remote)
        monkeypatch.setattr(channels, "send_test", lambda *, now: list(errors.items()))

    return arrange


def examine(now, *, is_production=True, send=False):
    visit = Visit(now=now, is_production=is_production, send=send)
    return [(finding.level.value, finding.what) for finding in doctor.examine(visit)]


class TestAlerts:
    def test_that_leave_the_house_are_well(self, sending, now):
        sending(slack="")

        assert examine(now) == [("ok", "Alerts go to slack and the log.")]

    @pytest.mark.parametrize(("is_production", "level"), [(True, "fail"), (False, "warn")])
    def test_that_do_not_wake_nobody(self, sending, now, is_production, level):
        sending()

        said = examine(now, is_production=is_production)

        assert said == [(level, "Alerts reach the log only, and nobody is woken.")]

    def test_are_tried_by_every_channel_where_it_is_wanted(self, sending, now):
        sending(slack="", webhook="status 410")

        assert examine(now, send=True)[1:] == [
            ("ok", "A test alert was taken by slack."),
            ("fail", "A test alert did not arrive by webhook: status 410"),
        ]

    def test_are_not_tried_otherwise(self, sending, now):
        sending(slack="gone")

        assert len(examine(now)) == 1

    def test_really_go_to_the_log(self, settings, now):
        settings.SECURITY_WEBHOOK_URLS = []

        assert examine(now, send=True)[-1] == ("ok", "A test alert was taken by log.")

    def test_that_cannot_arrive_come_with_a_remedy(self, sending, now):
        sending(slack="refused")
        visit = Visit(now=now, is_production=True, send=True)

        ill = [finding for finding in doctor.examine(visit) if finding.level != Level.OK]

        assert [bool(finding.remedy) for finding in ill] == [True]
