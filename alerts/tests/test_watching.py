"""What is looked at every minute, what becomes of old alerts, and the line in health."""

from __future__ import annotations

from datetime import timedelta

import pytest
from health_check.exceptions import ServiceWarning

from alerts import channels, kinds, receivers, retention, tasks, watching
from alerts.delivery import fan_out
from alerts.health import Channels
from alerts.models import Alert, AlertDelivery
from alerts.services import raise_alert
from notevault.kit import clock
from notevault.tests.monitoring import files as monitoring
from ops.health.jobs import MANY_LETTERS
from ops.models import Backup, DeadLetter

pytestmark = pytest.mark.django_db


def bury(count, now):
    for number in range(count):
        DeadLetter.objects.create(
            task="payments.tasks.send_refund" if number else "payments.tasks.send_mail",
            arguments={},
            error="OSError: x",
            fingerprint="f",
            attempts=8,
            job_id=number,
            buried_at=now,
            last_failed_at=now,
        )


def waiting(channel, since, *, key="k"):
    alert = Alert.objects.create(
        kind="alerts.test",
        severity="high",
        message="m",
        dedupe_key=key,
        raised_at=since,
        last_raised_at=since,
    )
    return AlertDelivery.objects.create(alert=alert, channel=channel, created_at=since)


def told(kind):
    rows = Alert.objects.filter(kind=kind).order_by("pk")
    return list(rows.values_list("dedupe_key", "state"))


class TestDeadLetters:
    def test_are_alerted_of_above_ten(self, now):
        bury(10, now)
        watching.watch_dead_letters(now=now)
        assert told("ops.dead_letters") == []
        DeadLetter.objects.all().delete()
        bury(11, now)

        watching.watch_dead_letters(now=now)

        alert = Alert.objects.get()
        assert (alert.severity, alert.message) == (
            "critical",
            "11 jobs have given up and are open dead letters.",
        )
        assert alert.metadata["tasks"] == {
            "payments.tasks.send_refund": 10,
            "payments.tasks.send_mail": 1,
        }

    def test_are_alerted_of_once_and_once_more_each_day(self, now):
        bury(11, now)

        for minutes in (0, 1, 6, 600, 1439):
            watching.watch_dead_letters(now=now + timedelta(minutes=minutes))
        within_a_day = Alert.objects.count()
        watching.watch_dead_letters(now=now + timedelta(hours=24))

        assert (within_a_day, Alert.objects.count()) == (1, 2)

    def test_are_over_when_they_are_fewer(self, now):
        bury(11, now)
        watching.watch_dead_letters(now=now)
        DeadLetter.objects.first().delete()

        watching.watch_dead_letters(now=now + timedelta(minutes=1))

        assert told("ops.dead_letters") == [("dead-letters", "resolved")]

    def test_are_as_many_as_the_rule_and_health_say(self):
        (rule,) = [one for one in monitoring.alerts() if one["alert"] == "DeadLettersPile"]

        open_ones = 'max by (namespace) (notevault_dead_letters{state="open"})'
        assert rule["expr"] == f"{open_ones} > {MANY_LETTERS}"
        assert rule["labels"]["severity"] == kinds.find("ops.dead_letters").severity


class TestABackup:
    def make(self, finished_at, verified_at=None):
        return Backup.objects.create(
            location=str(finished_at),
            name="b",
            started_at=finished_at,
            finished_at=finished_at,
            sha256="0" * 64,
            size_bytes=1,
            schema_version="1",
            verified_at=verified_at,
        )

    @pytest.mark.parametrize("verified", [True, False])
    def test_that_nobody_found_right_for_a_day_is_alerted_of_until_one_is(self, now, verified):
        long_ago = now - timedelta(hours=31)
        self.make(long_ago, long_ago if verified else None)

        watching.watch_backups(now=now)
        was_told = told("ops.backup_old")
        self.make(now - timedelta(hours=29), now)
        watching.watch_backups(now=now)

        assert was_told == [("backup-old", "open")]
        assert told("ops.backup_old") == [("backup-old", "resolved")]

    def test_that_is_old_is_alerted_of_however_lately_it_was_restored(self, now):
        self.make(now - timedelta(hours=31), verified_at=now - timedelta(hours=1))

        watching.watch_backups(now=now)

        assert told("ops.backup_old") == [("backup-old", "open")]

    def test_that_was_never_made_is_alerted_of(self, now):
        watching.watch_backups(now=now)

        assert Alert.objects.get().message == "No backup was ever made."

    def test_is_not_asked_of_developers(self, now, settings):
        settings.DEBUG = True

        watching.watch_backups(now=now)

        assert not Alert.objects.exists()


class TestAChannel:
    def test_that_takes_nothing_for_a_quarter_of_an_hour_is_alerted_of(self, now):
        waiting("slack", now - timedelta(minutes=16))
        waiting("webhook", now - timedelta(minutes=14))

        watching.watch_channels(now=now)

        assert told("alerts.channel_failing") == [("channel-failing:slack", "open")]

    def test_is_well_again_when_it_took_what_waited(self, now):
        row = waiting("slack", now - timedelta(minutes=16))
        watching.watch_channels(now=now)
        AlertDelivery.objects.filter(pk=row.pk).update(state="delivered")

        watching.watch_channels(now=now)

        assert told("alerts.channel_failing") == [("channel-failing:slack", "resolved")]

    def test_that_was_not_even_asked_is_alerted_of(self, now):
        row = waiting("slack", now - timedelta(minutes=16))
        AlertDelivery.objects.all().delete()

        watching.watch_channels(now=now)

        assert told("alerts.channel_failing") == [("channel-failing:all channels", "open")]
        fan_out(alert_id=row.alert_id, round_number=1, now=now)
        watching.watch_channels(now=now)
        assert told("alerts.channel_failing") == [("channel-failing:all channels", "resolved")]

    def test_does_not_grow_the_queries_with_what_waits(self, now, django_assert_max_num_queries):
        for number in range(30):
            waiting("slack", now - timedelta(minutes=16), key=str(number))

        with django_assert_max_num_queries(12):
            watching.watch_channels(now=now)

    def test_is_watched_by_a_task(self):
        waiting("slack", clock.now() - timedelta(minutes=16))

        tasks.watch()

        assert told("alerts.channel_failing") == [("channel-failing:slack", "open")]


class TestRetention:
    def test_removes_what_arrived_half_a_year_ago(self, now):
        old, edge = now - timedelta(days=181), now - timedelta(days=179)
        for key, at, done in (("old", old, old), ("young", edge, edge), ("waits", old, None)):
            row = waiting("log", at, key=key)
            row.attempts.create(at=at, ms=1)
            Alert.objects.filter(pk=row.alert_id).update(delivered_at=done)

        removed = [retention.remove_old(now=now), retention.remove_old(now=now)]

        kept = set(Alert.objects.values_list("dedupe_key", flat=True))
        assert (removed, kept) == ([1, 0], {"young", "waits"})
        assert AlertDelivery.objects.count() == 2


class TestHealth:
    URL = "https://a.example/x"

    def check(self):
        line = Channels()
        try:
            line.run()
        except ServiceWarning as warning:
            return str(warning), line.details
        return "", line.details

    def test_is_degraded_while_alerts_reach_the_log_only(self):
        why, details = self.check()

        assert "SECURITY_WEBHOOK_URL is not set" in why
        assert details["channels"] == ["log"]

    def test_is_well_with_a_channel_that_takes_them(self, settings):
        settings.SECURITY_WEBHOOK_URLS = [self.URL]

        assert self.check() == (
            "",
            {"channels": ["log", "webhook"], "disabled": [], "failing": {}},
        )

    def test_is_degraded_by_a_receiver_that_is_gone(self, settings, now):
        settings.SECURITY_WEBHOOK_URLS = [self.URL]
        receivers.disable(channel=channels.find("webhook"), why="410", now=now)

        why, details = self.check()

        assert "Switched off" in why
        assert details["disabled"] == ["webhook"]

    def test_is_degraded_by_a_channel_that_takes_nothing(self, settings):
        settings.SECURITY_WEBHOOK_URLS = [self.URL]
        waiting("webhook", clock.now() - timedelta(minutes=16))

        why, details = self.check()

        assert "Not taking alerts: webhook" in why
        assert list(details["failing"]) == ["webhook"]


class TestWatch:
    def test_tells_again_of_what_staff_called_resolved_and_is_not(self, now):
        facts = {
            "kind": "ops.dead_letters",
            "severity": "critical",
            "message": "m",
            "dedupe_key": "dead-letters",
        }
        raise_alert(**facts, now=now)
        Alert.objects.update(state="resolved")

        watching.watch(is_wrong=True, **facts, now=now + timedelta(minutes=1))

        assert [state for _, state in told("ops.dead_letters")] == ["resolved", "open"]
