"""What can go wrong around the gateway, and what NoteVault promises in each case.

The table in `payments/README.md` names the test of every fault; here are those of money.
After each of these tests the invariants hold.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.db import connection
from rest_framework.test import APIClient

from alerts.models import Alert
from notes.models import Note, NoteAccess
from notevault.accounts.tests.factories import make_user
from notevault.kit import clock
from payments import checkout, polling
from payments.gateways import razorpay as adapter
from payments.models import Order, Payment, Refund, WebhookEvent
from payments.sandbox.server import running_sandbox
from payments.sweepers import sweep
from payments.tests.conftest import impatient, use_as_gateway
from payments.tests.factories import event_body
from payments.tests.sandbox_access import KEYS
from payments.tests.sandbox_access import client_of as gateway_client
from payments.tests.test_worker import database_url, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("promises")]

SOON = timedelta(minutes=2)


def live_accesses():
    return NoteAccess.objects.filter(revoked_at=None).count()


def swept(name, *, after=SOON):
    return [row.outcome for row in sweep(name, now=clock.now() + after)]


class TestATimeOutBeforeTheGatewaysOrderExists:
    def test_is_a_503_and_the_retry_makes_the_one_order(self, shop, sandbox):
        sandbox.arm("silent", where="create_order", seconds=2)

        with impatient():
            refused = shop.order()
        there = shop.orders_there()
        again = shop.order()

        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert (refused.json()["code"], refused.json()["retryable"]) == (
            "gateway_outcome_unknown",
            True,
        )
        assert there == []
        assert (again.status_code, again.json()["next_action"]) == (200, "pay")
        assert [order["id"] for order in shop.orders_there()] == [again.json()["gateway_order_id"]]
        assert (Order.objects.count(), Payment.objects.count()) == (1, 0)


class TestATimeOutAfterTheGatewaysOrderExists:
    @pytest.mark.parametrize("fault", ["answer_lost", "reset_after"])
    def test_the_retry_gives_the_same_order(self, shop, sandbox, fault):
        sandbox.arm(fault, where="create_order", seconds=2)

        with impatient():
            refused = shop.order()
        (existing,) = shop.orders_there()
        again = shop.order()

        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert again.json()["gateway_order_id"] == existing["id"]
        assert [order["id"] for order in shop.orders_there()] == [existing["id"]]
        assert Order.objects.count() == 1


class TestAGatewayThatFailsIsSilentOrRefusesTheMany:
    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ("rate_limited", "gateway_unavailable"),
            ("server_error", "gateway_outcome_unknown"),
            ("bad_gateway", "gateway_outcome_unknown"),
            ("reset_before", "gateway_outcome_unknown"),
        ],
    )
    def test_is_a_503_that_says_when_to_come_back(self, shop, sandbox, fault, code):
        sandbox.arm(fault, where="create_order")

        refused = shop.order()

        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert refused.json()["code"] == code
        assert shop.order().json()["next_action"] == "pay"

    def test_keeps_nobody_waiting_for_six_seconds_and_no_other_route_at_all(
        self, shop, sandbox, client_of
    ):
        """With the real time-out, and more buyers than there are places for them."""
        assert adapter.TIMEOUT_S == 5.0
        sandbox.arm("silent", times=0, seconds=30)
        buyers = [client_of(make_user(f"buyer{number}")) for number in range(6)]

        with ThreadPoolExecutor(len(buyers)) as pool:
            asked = [pool.submit(self.timed, self.order, api, shop.note) for api in buyers]
            time.sleep(0.5)
            looks = [self.timed(APIClient().get, "/api/v1/notes") for _ in range(10)]
            answers = [answer.result() for answer in asked]

        assert {answer.status_code for answer, _ in answers} == {503}
        assert max(took for _, took in answers) < 6
        assert min(took for _, took in answers) < 2  # for want of a place, at once
        assert {answer.status_code for answer, _ in looks} == {200}
        assert max(took for _, took in looks) < 2

    def order(self, api, note):
        return api.post("/api/v1/orders", {"note_ids": [str(note.pk)]}, format="json")

    def timed(self, act, *arguments):
        started = time.monotonic()
        try:
            return act(*arguments), time.monotonic() - started
        finally:
            connection.close()


class TestDuplicateAndReorderedEvents:
    def test_have_one_effect(self, open_shop, telling_sandbox, run_jobs):
        shop = open_shop(telling_sandbox)
        order = shop.order().json()
        telling_sandbox.arm("duplicate", where="payment.captured")
        telling_sandbox.arm("duplicate", where="order.paid")
        telling_sandbox.arm("reorder", where="payment.authorized", seconds=20)

        shop.pay(order)
        wait_for(lambda: WebhookEvent.objects.count() == 3, seconds=20)
        wait_for(lambda: self.deliveries(telling_sandbox) == 5, seconds=20)
        handled = run_jobs()

        arrived = list(WebhookEvent.objects.order_by("pk").values_list("event", "state"))
        assert sorted(arrived) == [
            ("order.paid", "handled"),
            ("payment.authorized", "handled"),
            ("payment.captured", "handled"),
        ]
        assert arrived[0][0] != "payment.authorized"  # news of the capture has overtaken it
        assert handled.count("payments.tasks.handle_event") == 3
        assert (shop.look(order)["state"], live_accesses()) == ("paid", 1)
        payment = Payment.objects.get()
        assert [move.new for move in payment.moves.order_by("pk")] == ["captured"]
        assert Note.objects.get(pk=shop.note.pk).sales_count == 1
        assert Refund.objects.count() == 0

    def deliveries(self, sandbox):
        events = sandbox.app.deliverer.outbox.list_events(count=100)
        return sum(event["attempts"] for event in events if event["state"] == "delivered")


class TestAnEventUpToSixteenDaysLate:
    @pytest.fixture
    def late(self, shop, buyer, run_jobs):
        """Paid after the order had expired, and sixteen days ago."""
        then = clock.now() - timedelta(days=16) + timedelta(minutes=1)
        started = checkout.start_checkout(buyer_id=buyer.pk, note_ids=[shop.note.pk], now=then)
        assert swept("overdue-orders") == ["expired"]
        run_jobs()  # asks the gateway, where nothing is paid yet
        order = Order.objects.get(pk=started.order_id)
        assert order.state == "expired"
        paid = shop.pay({"gateway_order_id": order.gateway_order_id})
        with gateway_client(shop.gateway) as client:
            payment = client.payment.fetch(paid["razorpay_payment_id"])
        return event_body("payment.captured", {"payment": payment}, created_at=then)

    def test_fulfils_an_order_that_has_expired(self, shop, late, run_jobs):
        assert shop.tell(late).status_code == 200
        run_jobs()

        assert (Order.objects.get().state, live_accesses()) == ("paid", 1)

    def test_is_refunded_when_the_note_is_no_longer_for_sale(self, shop, late, run_jobs):
        Note.objects.update(state="withdrawn")

        assert shop.tell(late).status_code == 200
        run_jobs()

        order = Order.objects.get()
        (payment,) = shop.payments_there({"gateway_order_id": order.gateway_order_id})
        assert (order.state, live_accesses()) == ("refunded", 0)
        assert payment["amount_refunded"] == 9900


class TestAVerifyCall:
    def test_that_never_comes_is_made_up_for(self, shop):
        order = shop.order().json()
        shop.pay(order)

        assert swept("unheard-payments") == ["asked"]

        assert (shop.look(order)["state"], live_accesses()) == ("paid", 1)

    def test_that_is_repeated_gives_the_same_answer(self, shop):
        paid = shop.pay(shop.order().json())

        first, again = shop.verify(paid), shop.verify(paid)

        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json() == again.json()
        assert first.json()["next_action"] == "download"
        assert live_accesses() == 1

    def test_that_is_forged_is_a_400_and_costs_the_order_nothing(self, shop):
        order = shop.order().json()
        paid = shop.pay(order)

        forged = shop.verify({**paid, "razorpay_signature": "0" * 64})

        assert (forged.status_code, forged.json()["code"]) == (400, "signature_invalid")
        assert (shop.look(order)["state"], live_accesses()) == ("awaiting_payment", 0)
        assert Alert.objects.get().kind == "payments.forged_verification"
        assert shop.verify(paid).json()["state"] == "paid"

    def test_from_another_user_is_a_404(self, shop, stranger, client_of):
        order = shop.order().json()
        paid = shop.pay(order)

        refused = client_of(stranger).post(shop.VERIFY, paid, format="json")

        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        assert (shop.look(order)["state"], live_accesses()) == ("awaiting_payment", 0)


class TestAWebhookEndpointDisabledAtTheGateway:
    def test_loses_no_payment(self, open_shop, settings, monkeypatch):
        """A day of retries passes in a blink, and then the gateway stops sending."""
        with running_sandbox(**KEYS, webhook_url="http://127.0.0.1:1/", clock=1e6) as sandbox:
            use_as_gateway(sandbox, settings, monkeypatch)
            shop = open_shop(sandbox)
            order = shop.order().json()
            shop.pay(order)
            wait_for(lambda: not sandbox.app.deliverer.accepts(), seconds=20)

            assert swept("unheard-payments") == ["asked"]

            assert (shop.look(order)["state"], live_accesses()) == ("paid", 1)
            assert WebhookEvent.objects.count() == 0


class TestTwoTabsThatBuyOneNote:
    def test_make_one_purchase_and_the_second_payment_is_refunded(
        self, shop, sandbox, buyer, client_of, run_jobs
    ):
        tabs = [client_of(buyer) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(self.open_checkout, tabs, [shop.note] * 2)
        assert first["gateway_order_id"] == second["gateway_order_id"]
        shop.pay(first)
        sandbox.act(f"/orders/{first['gateway_order_id']}/second-capture")

        swept("unheard-payments")
        run_jobs()

        there = shop.payments_there(first)
        assert sorted(payment["amount_refunded"] for payment in there) == [0, 9900]
        assert sorted(Payment.objects.values_list("state", "settles")) == [
            ("captured", True),
            ("refunded", False),
        ]
        assert (shop.look(first)["state"], live_accesses()) == ("paid", 1)

    def open_checkout(self, api, note):
        try:
            body = {"note_ids": [str(note.pk)]}
            return api.post("/api/v1/orders", body, format="json").json()
        finally:
            connection.close()


class TestAnAmountOrCurrencyThatDiffers:
    @pytest.mark.parametrize("vpa", ["wrongamount@razorpay", "dollars@razorpay"])
    def test_gives_no_access_and_waits_for_staff_with_a_critical_alert(self, shop, vpa):
        order = shop.order().json()
        paid = shop.pay(order, vpa)

        answer = shop.verify(paid)

        payment = Payment.objects.get()
        assert (answer.status_code, answer.json()["next_action"]) == (200, "contact_support")
        assert (payment.state, live_accesses()) == ("quarantined", 0)
        (there,) = shop.payments_there(order)
        assert (payment.amount_paise, payment.currency) == (there["amount"], there["currency"])
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("payments.quarantined", "critical")


class TestAProcessKilledAfterTheGatewayAcceptedARefund:
    def test_leaves_exactly_one_refund(self, shop, sandbox, tmp_path):
        order = shop.order().json()
        shop.verify(shop.pay(order))
        sandbox.act(f"/orders/{order['gateway_order_id']}/second-capture")
        polling.check_order(order_id=order["id"], now=clock.now())
        (tmp_path / "refund.gateway_accepted").touch()

        killed = self.sweep_owed_refunds(sandbox, CRASH_POINTS_DIR=str(tmp_path))
        owed = Refund.objects.get().state
        followed = self.sweep_owed_refunds(sandbox)

        assert (killed, owed) == (-signal.SIGKILL, "requested")
        assert (followed, Refund.objects.get().state) == (0, "processed")
        refunded = [payment["amount_refunded"] for payment in shop.payments_there(order)]
        assert sorted(refunded) == [0, 9900]

    def sweep_owed_refunds(self, sandbox, **environment):
        """By a process of its own; its exit code."""
        return subprocess.run(
            [sys.executable, "manage.py", "sweep", "owed-refunds"],
            cwd=configured.BASE_DIR,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
                "DATABASE_URL": database_url(),
                "RAZORPAY_BASE_URL": sandbox.url,
                "RAZORPAY_KEY_ID": KEYS["key_id"],
                "RAZORPAY_KEY_SECRET": KEYS["key_secret"],
                "SWEEP_AFTER_S": "0",
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
