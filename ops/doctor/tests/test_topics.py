"""What the doctor says of each thing when it is well, and when it is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection

from notevault.kit.ids import uuid7
from ops import machine
from ops.backup.programs import NoFittingProgram
from ops.doctor import backups, connections, database, running, secrets, site
from ops.doctor import mail as doctor_mail
from ops.doctor.connections import Need
from ops.doctor.finding import Level, Visit
from ops.machine import Share
from ops.models import Backup


@pytest.fixture
def production(now):
    return Visit(now=now, is_production=True)


def ill(findings):
    """Level and text of those that are not well; each has a remedy."""
    found = [finding for finding in findings if finding.level != Level.OK]
    assert all(finding.remedy for finding in found)
    return [(finding.level.value, finding.what) for finding in found]


@pytest.mark.django_db
class TestDatabase:
    def test_that_is_as_it_should_be_is_well(self, production, monkeypatch):
        monkeypatch.setattr(database, "_row", lambda query: ("notevault", False))

        assert ill([database._role(production), database._version()]) == []
        assert ill([database._extensions(), database._encryption(production)]) == []

    def test_is_reached(self):
        assert database.reach_database().level == Level.OK

    def test_is_not_to_be_used_as_a_superuser(self, production, monkeypatch):
        monkeypatch.setattr(database, "_row", lambda query: ("postgres", True))

        [(level, what)] = ill([database._role(production)])

        assert (level, what.startswith("The role postgres is a superuser")) == ("fail", True)

    def test_of_an_old_version_is_refused(self, monkeypatch):
        monkeypatch.setattr(connection, "get_database_version", lambda: (13, 4))

        assert ill([database._version()]) == [("fail", "Version 13 is too old for Django.")]

    def test_is_asked_for_the_extensions_that_migrations_make(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
            made = {name for (name,) in cursor.fetchall()}

        assert made == set(database.EXTENSIONS)

    def test_lacks_an_extension(self, monkeypatch):
        monkeypatch.setattr(database, "EXTENSIONS", ("pg_trgm", "pg_nonsense"))

        assert "pg_nonsense" in ill([database._extensions()])[0][1]

    @pytest.mark.parametrize(
        ("mode", "encrypted", "is_well"),
        [
            ("verify-full", True, True),
            ("require", True, True),
            ("prefer", True, False),
            (None, True, False),
            ("require", False, False),
        ],
    )
    def test_far_away_is_reached_encrypted(self, production, monkeypatch, mode, encrypted, is_well):
        monkeypatch.setitem(connection.settings_dict, "HOST", "db.example.com")
        if mode:
            monkeypatch.setitem(connection.settings_dict["OPTIONS"], "sslmode", mode)
        monkeypatch.setattr(database, "_is_encrypted", lambda: encrypted)

        assert (ill([database._encryption(production)]) == []) is is_well

    def test_is_asked_for_encryption_by_a_role_that_sees_nobody(self, production, monkeypatch):
        """Also not itself: the session is that of the role which has signed in."""
        monkeypatch.setitem(connection.settings_dict, "HOST", "db.example.com")
        role = f"blind_{connection.settings_dict['NAME']}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {role}")
            cursor.execute(f"SET LOCAL ROLE {role}")

        [(level, what)] = ill([database._encryption(production)])

        assert (level, what.startswith("The connection may travel in the clear")) == ("fail", True)

    def test_bounds_a_session_behind_pgbouncer(self, production, monkeypatch):
        given = dict.fromkeys(database.TIMEOUTS, "3s")
        monkeypatch.setattr(database, "_value", lambda query: given[query.split()[1]])

        assert ill([database._timeouts(production)]) == []

    @pytest.mark.django_db
    def test_leaves_a_session_behind_pgbouncer_unbounded(self, production):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '3s'")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

        finding = database._timeouts(production)

        missing = "statement_timeout, idle_in_transaction_session_timeout"
        assert ill([finding]) == [
            ("fail", f"Behind PgBouncer nothing bounds a session: {missing} is not set.")
        ]
        assert f"IN DATABASE {connection.settings_dict['NAME']}" in finding.remedy
        assert "SET statement_timeout = '10s';" in finding.remedy

    def test_has_another_time(self, monkeypatch):
        monkeypatch.setattr(database, "clock_skew_s", lambda: -7.0)

        assert ill([database._clock()]) == [
            ("fail", "This clock is +7.0 s off the database's."),
        ]


class TestConnections:
    NEED = Need(pods=10, worker_pods=2, web_processes=2, pool=8, worker_threads=4)

    def test_that_fit_are_well(self):
        assert self.NEED.total == 10 * 2 * 9 + 2 * 9 + 5
        assert ill([connections.judge_need(self.NEED, limit=203)]) == []

    def test_that_do_not_fit_come_with_the_pool_that_would(self):
        finding = connections.judge_need(self.NEED, limit=97)

        assert finding.level == Level.FAIL
        assert "need 203 connections, but only 97 can be had" in finding.what
        assert "connection_limit=2" in finding.remedy
        assert "by 106" in finding.remedy
        smaller = Need(pods=10, worker_pods=2, web_processes=2, pool=2, worker_threads=4)
        assert smaller.total <= 97

    def test_that_fit_no_pool_at_all_come_with_another_remedy(self):
        assert connections.judge_need(self.NEED, limit=20).remedy.startswith("Raise the server's")

    @pytest.mark.django_db
    def test_are_counted_by_the_lowest_limit(self, production):
        assert 0 < connections._limit() < 10_000
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER CONNECTION LIMIT 17")

        assert connections._limit() == 17

    @pytest.mark.django_db
    def test_behind_pgbouncer_are_its_own_business(self, production, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)

        [finding] = connections.examine(production)

        assert "max_client_conn" in finding.what


class TestSecrets:
    @pytest.fixture
    def whole(self, settings):
        for name in set(secrets.OURS) - {"SECRET_KEY"}:
            setattr(settings, name, "")
        settings.INVOICE_SECRETS_PREVIOUS = []
        settings.SECRET_KEY = "a1f47c09d2e86b35" * 4
        settings.JWT_SECRET = "7d0f0c5d9b0a4f6e8c1b2a3948576f6d"
        settings.METRICS_TOKEN = "0b6a1f27c4d9e83512fa"
        settings.RAZORPAY_KEY_SECRET = "b6Jq0mTz4VnKx8Lw2RcYdE5h"
        return settings

    def test_that_are_long_and_different_are_well(self, whole, production):
        assert ill(secrets.examine(production)) == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("JWT_SECRET", "development-only-secret-of-notevault"),
            ("JWT_SECRET_PREVIOUS", "short1234"),
            ("RAZORPAY_WEBHOOK_SECRET", "sandbox-webhook-secret"),
            ("INVOICE_SECRET", "changeme-changeme-changeme-changeme"),
        ],
    )
    def test_that_are_defaults_or_short_are_named(self, whole, production, name, value):
        setattr(whole, name, value)

        assert ill(secrets.examine(production)) == [
            ("fail", f"{name} is a default, a placeholder, or too short.")
        ]

    def test_of_past_invoices_and_of_alerts_are_looked_at_too(self, whole, production):
        whole.INVOICE_SECRETS_PREVIOUS = ["changeme-changeme-changeme-changeme"]
        whole.ALERT_WEBHOOK_SECRET = whole.JWT_SECRET

        found = ill(secrets.examine(production))

        assert [what.partition(" is ")[0].partition(" are ")[0] for _, what in found] == [
            "INVOICE_SECRET_PREVIOUS",
            "JWT_SECRET and ALERT_WEBHOOK_SECRET",
        ]

    def test_that_are_equal_are_named_together(self, whole, production):
        whole.RAZORPAY_WEBHOOK_SECRET = whole.RAZORPAY_KEY_SECRET

        [(level, what)] = ill(secrets.examine(production))

        assert level == "fail"
        assert what.startswith("RAZORPAY_KEY_SECRET and RAZORPAY_WEBHOOK_SECRET are equal")
        assert whole.RAZORPAY_KEY_SECRET not in what

    @pytest.mark.parametrize(("token", "said"), [("", "is not set"), ("aB3dE5", "is short")])
    def test_for_metrics_are_missed(self, whole, production, token, said):
        whole.METRICS_TOKEN = token

        assert said in ill([secrets._metrics_token(production, token)])[0][1]


class TestSite:
    @pytest.fixture
    def whole(self, settings):
        settings.DEBUG = False
        settings.ALLOWED_HOSTS = ["api.example.com"]
        settings.FRONTEND_URL = "https://example.com"
        settings.PUBLIC_API_URL = "https://api.example.com"
        return settings

    def examine(self, visit):
        """Without what Django says, which ends with an id in brackets."""
        return [one for one in ill(site.examine(visit)) if not one[1].endswith(")")]

    def test_of_production_is_well(self, whole, production):
        assert self.examine(production) == []

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("DEBUG", True, "DEBUG is on"),
            ("ALLOWED_HOSTS", ["*"], "lets any host name in"),
            ("ALLOWED_HOSTS", [], "lets any host name in"),
            ("FRONTEND_URL", "http://example.com", "FRONTEND_URL is http://example.com: not https"),
            ("PUBLIC_API_URL", "http://api.example.com", "PUBLIC_API_URL is http"),
            ("TIME_ZONE", "UTC", "TIME_ZONE is UTC"),
            ("TIME_ZONE", "Nowhere/Land", "does not know the time zone"),
            ("USE_TZ", False, "TIME_ZONE is Asia/Kolkata"),
        ],
    )
    def test_that_is_not_says_why(self, whole, production, name, value, said):
        setattr(whole, name, value)

        assert said in " ".join(what for _, what in ill(site.examine(production)))

    def test_is_judged_by_django_too(self, whole, production):
        whole.SECURE_HSTS_SECONDS = 0

        assert any("security.W004" in what for _, what in ill(site.examine(production)))


class TestMail:
    def test_that_goes_nowhere_is_told(self, settings, production):
        settings.EMAIL_URL = ""

        assert ill(doctor_mail.examine(production))[0][0] == "fail"

    def test_that_goes_out_in_the_clear_is_told(self, settings, production):
        settings.EMAIL_URL = "smtp://mail.example.com"

        assert ill(doctor_mail.examine(production))[0][0] == "warn"

    def test_that_is_encrypted_is_well_and_nobody_is_asked(self, settings, production):
        settings.EMAIL_URL = "smtp+tls://u:p@mail.example.com:587"

        assert ill(doctor_mail.examine(production)) == []
        assert mail.outbox == []

    def test_is_sent_where_it_is_wanted(self, settings, now):
        settings.EMAIL_URL = "smtp+tls://u:p@mail.example.com:587"
        visit = Visit(now=now, is_production=True, mail_to="me@example.com")

        assert ill(doctor_mail.examine(visit)) == []
        assert [message.to for message in mail.outbox] == [["me@example.com"]]

    def test_server_that_is_away_is_told(self, settings, now):
        settings.EMAIL_URL = "smtp+tls://u:p@127.0.0.1:1"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        visit = Visit(now=now, is_production=True, online=True, mail_to="me@example.com")

        assert [level for level, _ in ill(doctor_mail.examine(visit))] == ["fail", "fail"]


@pytest.mark.django_db
class TestJobs:
    @pytest.fixture(autouse=True)
    def nobody(self):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
            cursor.execute("DELETE FROM procrastinate_workers")

    def test_without_a_worker_wait(self, production):
        assert ill(running.examine_jobs(production)) == [
            ("fail", "No worker is alive: mails, webhooks and refunds wait.")
        ]

    def test_with_a_worker_are_well(self, production):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")

        assert ill(running.examine_jobs(production)) == []

    def test_that_wait_or_gave_up_are_told(self, production, monkeypatch):
        monkeypatch.setattr(running, "oldest_due_s", lambda: 300.0)
        monkeypatch.setattr(running, "MANY_LETTERS", -1)

        whats = [what for _, what in ill(running.examine_jobs(production))]

        assert whats[1:] == [
            "A job has been due for 300 s.",
            "0 dead letters are open: work that gave up.",
        ]


class TestMachine:
    def test_that_is_full_is_told(self, production, monkeypatch):
        monkeypatch.setattr(machine, "disk", lambda _: Share(used=95, limit=100))
        monkeypatch.setattr(machine, "memory", lambda: Share(used=95, limit=100))

        levels = [level for level, _ in ill(running.examine_machine(production))]

        assert levels[0] == "fail"
        assert levels[-1] == "warn"

    def test_that_has_room_is_well(self, production, monkeypatch):
        monkeypatch.setattr(machine, "disk", lambda _: Share(used=5, limit=100))
        monkeypatch.setattr(machine, "memory", lambda: Share(used=5, limit=100))

        assert ill(running.examine_machine(production)) == []


@pytest.mark.django_db
class TestBackups:
    @pytest.fixture(autouse=True)
    def place(self, settings):
        settings.BACKUP_URL = "s3://bucket/db"

    def keep(self, now, *, verified):
        Backup.objects.create(
            location=f"s3://bucket/db/{uuid7()}",
            name="x",
            started_at=now,
            finished_at=now,
            sha256="0" * 64,
            size_bytes=1,
            schema_version="1",
            verified_at=now if verified else None,
        )

    def test_that_are_young_and_proved_are_well(self, production, now):
        self.keep(now - timedelta(hours=3), verified=True)

        assert ill(backups.examine(production)) == []

    def test_that_are_old_or_unproved_are_told(self, production, now):
        self.keep(now - timedelta(hours=30), verified=False)

        assert ill(backups.examine(production)) == [
            ("fail", "The newest backup is 30 hours old."),
            ("fail", "There is no backup that was restored and found right yet."),
        ]

    def test_without_a_place_are_told(self, production, now, settings):
        self.keep(now, verified=True)
        settings.BACKUP_URL = ""

        assert len(ill(backups.examine(production))) == 1

    def test_without_a_program_that_fits_are_told(self, monkeypatch):
        def none(*, at_least):
            raise NoFittingProgram("Install postgresql-client-18.")

        monkeypatch.setattr(backups, "find_clients", none)

        finding = backups._programs()

        assert (finding.level, finding.remedy) == (Level.FAIL, "Install postgresql-client-18.")
