"""What can go wrong under the shop, in the database, on the disk and in the clocks, and what
its money does then. The table in `payments/README.md` names the test of every fault.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from notes.models import NoteAccess
from notevault.embedded import find_binaries
from notevault.kit import clock, crash
from notevault.settings.database import BY_PROCESS
from notevault.tests.test_database_timeouts import held_by_another
from ops import breakers
from ops.models import CircuitBreaker
from ops.tests.own_database import direct_url
from payments import checkout
from payments.models import Order, Payment, WebhookEvent
from payments.sweepers import SWEEPERS, sweep
from payments.tests.conftest import Shop
from payments.tests.factories import event_body
from payments.tests.sandbox_access import client_of as gateway_client

pytestmark = pytest.mark.django_db(transaction=True)


def another_session(**options):
    return psycopg.connect(direct_url(), autocommit=True, **options)


def live_accesses():
    return NoteAccess.objects.filter(revoked_at=None).count()


@pytest.mark.usefixtures("promises")
class TestPostgreSQLRestartedMidTransaction:
    @pytest.fixture
    def dies(self, monkeypatch):
        """As the settlement is about to commit, every session ends, as in a restart."""
        points = []

        def end_every_session(name):
            if name == "settlement.before_commit" and name not in points:
                with another_session() as session:
                    session.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
            points.append(name)

        monkeypatch.setattr(crash, "point", end_every_session)
        yield points
        connection.close()

    def test_is_a_503_that_keeps_what_was_acknowledged_and_the_retry_succeeds(self, shop, dies):
        order = shop.order().json()
        paid = shop.pay(order)
        told = shop.tell(event_body("payment.downtime.started", {}, created_at=clock.now()))

        failed = shop.verify(paid)
        connection.close()
        between = (shop.look(order)["state"], live_accesses(), Payment.objects.count())
        retried = shop.verify(paid)

        assert "settlement.before_commit" in dies
        assert (failed.status_code, failed.json()["code"]) == (503, "service_unavailable")
        assert failed["Retry-After"] == "1"
        assert between == ("awaiting_payment", 0, 0)
        assert (told.status_code, WebhookEvent.objects.count()) == (200, 1)
        assert (retried.status_code, retried.json()["state"]) == (200, "paid")
        assert live_accesses() == 1


@pytest.mark.usefixtures("promises")
class TestADiskOfTheDatabaseThatIsFull:
    """The server says so by error 53100, here from a trigger."""

    @contextmanager
    def full(self, table):
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION no_space()"
            )
        yield
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER full_disk ON {table}; DROP FUNCTION no_space()")

    def test_takes_no_event_so_that_the_gateway_sends_it_again(self, shop):
        body = event_body("order.paid", {}, created_at=clock.now())

        with self.full("payments_webhookevent"):
            refused = shop.tell(body)
            stored = WebhookEvent.objects.count()
        again = shop.tell(body)

        assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
        assert stored == 0
        assert (again.status_code, WebhookEvent.objects.count()) == (200, 1)

    @pytest.mark.parametrize("table", ["payments_payment", "notes_noteaccess", "payments_order"])
    def test_says_of_no_payment_that_it_is_settled(self, shop, table):
        order = shop.order().json()
        paid = shop.pay(order)

        with self.full(table):
            refused = shop.verify(paid)
            between = (shop.look(order)["state"], live_accesses(), Payment.objects.count())
        again = shop.verify(paid)

        assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
        assert between == ("awaiting_payment", 0, 0)
        assert (again.status_code, again.json()["state"], live_accesses()) == (200, "paid", 1)


@pytest.mark.usefixtures("promises")
class TestAProcessWhoseClockIsAnHourOff:
    @pytest.fixture(params=[-1, 1], ids=["behind", "ahead"])
    def skewed(self, request):
        """Inside, our own clock is wrong; the gateway's and the database's are not."""

        @contextmanager
        def wrong_clock():
            with pytest.MonkeyPatch.context() as patch:
                right = clock.now
                patch.setattr(clock, "now", lambda: right() + timedelta(hours=request.param))
                yield

        return wrong_clock

    def test_loses_no_payment(self, shop, skewed, run_jobs):
        """It hears of the payment, sweeps, and may refuse the news; another one makes up."""
        order = shop.order().json()
        with skewed():
            self.sweep_all()
            paid = shop.pay(order)
            shop.tell(self.news_of(shop, paid))
            run_jobs()
            self.sweep_all()
            run_jobs()

        self.sweep_all(after=timedelta(minutes=2))
        run_jobs()

        assert (shop.look(order)["state"], live_accesses()) == ("paid", 1)
        (there,) = shop.payments_there(order)
        assert there["amount_refunded"] == 0

    def test_sells_all_the_same(self, shop, skewed):
        with skewed():
            sold = shop.verify(shop.pay(shop.order().json()))

        assert (sold.status_code, sold.json()["state"], live_accesses()) == (200, "paid", 1)

    def test_prolongs_no_claim_and_no_breaker(self, shop, buyer, skewed, sandbox):
        with skewed():
            sandbox.arm("rate_limited", where="create_order")
            shop.order()
            order = Order.objects.get()
            checkout._claim(order_id=order.pk)
            breakers.force(name="razorpay", to="open", why="a test", actor_id=None)

        order = Order.objects.annotate(db_now=Now()).get()
        breaker = CircuitBreaker.objects.annotate(db_now=Now()).get(name="razorpay")
        assert timedelta(0) < order.claimed_until - order.db_now <= checkout.CLAIM
        assert timedelta(0) <= breaker.db_now - breaker.changed_at < timedelta(minutes=1)

    def news_of(self, shop, paid):
        with gateway_client(shop.gateway) as client:
            payment = client.payment.fetch(paid["razorpay_payment_id"])
        return event_body("payment.captured", {"payment": payment}, created_at=datetime.now(UTC))

    def sweep_all(self, *, after=timedelta()):
        for name in SWEEPERS:
            list(sweep(name, now=clock.now() + after))


class TestAMigrationDuringTraffic:
    ALTER = "ALTER TABLE payments_order ADD COLUMN of_a_migration integer"

    def test_gives_up_its_place_before_those_behind_it_notice(self, shop):
        """A report reads orders for long; the migration waits for it, and a buyer for both."""
        shop.order()
        failed = []

        with held_by_another("SELECT count(*) FROM payments_order"):
            migration = threading.Thread(target=self.migrate, args=(failed,))
            migration.start()
            self.wait_until_it_queues()
            started = time.monotonic()
            answer = shop.api.get(Shop.ORDERS)
            waited = time.monotonic() - started
            migration.join()

        ((error, took),) = failed
        assert isinstance(error, psycopg.errors.LockNotAvailable)
        assert took < 2
        assert (answer.status_code, len(answer.json()["items"])) == (200, 1)
        assert waited < 2

    def migrate(self, failed):
        """With what `manage.py migrate` asks of the server."""
        options = BY_PROCESS["migrate"].as_options()
        with another_session(options=options) as session:
            started = time.monotonic()
            try:
                session.execute(self.ALTER)
            except psycopg.Error as error:
                failed.append((error, time.monotonic() - started))

    def wait_until_it_queues(self):
        until = time.monotonic() + 10
        with another_session() as session:
            while not session.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                assert time.monotonic() < until
                time.sleep(0.01)


class TestARestoredDump:
    CHECKSUM = "SELECT count(*), md5(string_agg(r::text, E'\\n' ORDER BY r::text)) FROM {} r"

    def test_has_the_same_rows_and_its_ledger_holds(self, shop, tmp_path, run_jobs):
        shop.verify(shop.pay(shop.order().json()))
        run_jobs()
        shop.tell(event_body("payment.downtime.started", {}, created_at=clock.now()))
        dump = tmp_path / "dump"

        self.run("pg_dump", "-Fc", "-f", dump, direct_url())
        with self.fresh_database() as restored:
            self.run("pg_restore", "--exit-on-error", "--no-owner", "-d", restored, dump)
            before, after = self.checksums(direct_url()), self.checksums(restored)
            verified = self.verify_ledger(restored)

        assert before == after
        assert before["payments_order"][0] == before["notes_noteaccess"][0] == 1
        assert len(before) > 30
        assert (verified.returncode, verified.stderr) == (0, "")
        assert "I1" in verified.stdout

    def run(self, program, *arguments):
        result = subprocess.run(
            [find_binaries() / program, *arguments], capture_output=True, text=True, check=False
        )
        assert (result.returncode, result.stderr) == (0, "")

    @contextmanager
    def fresh_database(self):
        name = f"{connection.settings_dict['NAME']}_restored"
        with another_session() as session:
            session.execute(f"DROP DATABASE IF EXISTS {name}")
            session.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            try:
                yield direct_url().replace(connection.settings_dict["NAME"], name)
            finally:
                session.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def checksums(self, url):
        """Of every table: its number of rows and a digest of them all."""
        with psycopg.connect(url) as session:
            tables = session.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            ).fetchall()
            return {
                table: session.execute(self.CHECKSUM.format(table)).fetchone()
                for (table,) in tables
            }

    def verify_ledger(self, url):
        return subprocess.run(
            [sys.executable, "manage.py", "verify_ledger"],
            cwd=configured.BASE_DIR,
            env={**os.environ, "DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )


class TestOtherPeoplesIds:
    """As far as an answer can tell, what is another's does not exist: the same status, the
    same words, and the same work in the database, so the same time."""

    @pytest.fixture
    def others(self, shop, stranger, client_of):
        """What belongs to the buyer and the seller, for a stranger who sells too."""
        stranger.is_seller = True
        stranger.save()
        paid = shop.pay(shop.order().json())
        shop.verify(paid)
        return client_of(stranger), Order.objects.get(), shop.note, paid

    def test_are_404_in_the_same_words_and_by_the_same_queries(self, others):
        api, order, note, _paid = others
        calls = {
            ("GET", "/orders/{}"): order.pk,
            ("POST", "/orders/{}/cancel"): order.pk,
            ("POST", "/library/{}/download"): note.pk,
            ("PATCH", "/notes/{}"): note.pk,
            ("DELETE", "/notes/{}"): note.pk,
            ("POST", "/notes/{}/submit"): note.pk,
        }

        theirs = {
            (method, path): self.answer(api, method, path.format(there))
            for (method, path), there in calls.items()
        }
        nobodys = {
            (method, path): self.answer(api, method, path.format(uuid4())) for method, path in calls
        }

        assert theirs == nobodys
        assert {status for status, _, _ in theirs.values()} == {404}
        assert all(len(statements) >= 2 for _, _, statements in theirs.values())
        assert (Order.objects.get().state, live_accesses()) == ("paid", 1)

    def test_in_a_verify_call_are_404_as_well(self, others):
        api, _order, _note, paid = others
        made_up = {**paid, "razorpay_order_id": "order_AAAAAAAAAAAAAA"}
        self.answer(api, "POST", "/payments/verify", made_up)  # the throttle's first count

        theirs = self.answer(api, "POST", "/payments/verify", paid)
        nobodys = self.answer(api, "POST", "/payments/verify", made_up)

        assert theirs == nobodys
        assert theirs[0] == 404

    def answer(self, api, method, path, body=None):
        """Status, words and statements, but for ids and numbers."""
        sent = json.dumps(body or {"price_paise": 5000}) if method != "GET" else ""
        with CaptureQueriesContext(connection) as queries:
            response = api.generic(method, f"/api/v1{path}", sent, "application/json")
        problem = {**response.json(), "request_id": ""}
        statements = [re.sub(r"'[^']*'(::\w+)?|\d+", "?", query["sql"]) for query in queries]
        return response.status_code, problem, statements
