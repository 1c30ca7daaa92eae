"""A process that dies anywhere on the way of a refund leaves exactly one of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings

from notes.models import NoteAccess
from notevault.kit import clock
from payments import tasks
from payments.models import Order, Payment, Refund
from payments.tests.refunding import ask, balances, mark_read
from payments.tests.sandbox_access import KEYS, client_of
from payments.tests.test_worker import database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("promises")]

BEFORE_THE_GATEWAY = ("refund.approved", "refund.before_call")
AFTER_IT = ("refund.gateway_accepted", "refund.before_result_commit")
# The gateway keeps its fee of ₹2.34.
WHILE_OWED = {"gateway_clearing": -9666, "gateway_fees": -234, "refunds_payable": 9900}
GONE = {"gateway_clearing": 234, "gateway_fees": -234}


def run(sandbox, *command, **environment):
    """A process of ours on this test's database and gateway."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
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
    )


@pytest.fixture
def asked(shop, run_jobs):
    """For a file that is missing: a worker finds that out, approves, and sends the refund."""
    shop.verify(shop.pay(shop.order().json()))
    order = Order.objects.get()
    mark_read(order, clock.now())
    run_jobs()
    return ask(order, clock.now(), reason="file_broken")


def made_there(sandbox):
    with client_of(sandbox) as client:
        return [refund["amount"] for refund in client.refund.all()["items"]]


class TestAWorkerKilledOnTheWayOfARefund:
    @pytest.mark.parametrize("point", BEFORE_THE_GATEWAY + AFTER_IT)
    def test_leaves_exactly_one(self, asked, sandbox, tmp_path, point):
        armed = tmp_path / point
        armed.touch()
        worker = run(sandbox, "worker", "--concurrency", "1", CRASH_POINTS_DIR=str(tmp_path))
        killed = self.end_of(worker)
        left = (len(made_there(sandbox)), Refund.objects.get().state, balances())

        swept = self.end_of(run(sandbox, "sweep", "owed-refunds"))
        refund = Refund.objects.get()
        tasks.send_refund(refund_id=str(refund.pk))  # the job that was cut short, once more

        assert (killed, armed.exists(), swept) == (-signal.SIGKILL, False, 0)
        assert left == (int(point in AFTER_IT), "requested", WHILE_OWED)
        asked.refresh_from_db()
        assert (made_there(sandbox), asked.state, refund.state) == (
            [9900],
            "completed",
            "processed",
        )
        assert (Order.objects.get().state, Payment.objects.get().given_back_paise) == (
            "refunded",
            9900,
        )
        assert NoteAccess.objects.get().revoked_at is not None
        assert balances() == GONE

    def end_of(self, process):
        try:
            return process.wait(30)
        finally:
            process.kill()
            process.wait()
