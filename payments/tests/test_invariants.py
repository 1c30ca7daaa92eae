"""Each check holds for what the code does, and finds the row that breaks its promise."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from alerts.models import Alert, AlertDelivery
from notes.models import NoteAccess
from notevault.kit.ids import uuid7
from payments.invariants import CHECKS, queues, sales
from payments.models import Order, OrderItem, Payment, Refund, WebhookEvent
from payments.settlement import settle_payment
from payments.tests.factories import make_order
from payments.tests.proving import broken, sql, verify

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sold(buyer, note, gateway, now, run_jobs):
    """A paid order, a second payment of it given back, and an order that waits."""
    order = make_order(buyer=buyer, notes=[note], now=now)
    for _ in range(2):
        paid = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    run_jobs()
    order.refresh_from_db()
    return order


class TestVerifyLedger:
    def test_holds_for_a_sale(self, sold):
        code, out = verify()

        assert (code, broken(out)) == (0, {})
        assert [line.split("  ")[2] for line in out.splitlines() if line.startswith("holds")] == [
            check.about for check in CHECKS
        ]
        assert "Every promise holds." in out

    def test_says_the_same_to_a_machine(self, sold):
        Order.objects.update(state="partially_refunded")
        out = StringIO()

        with pytest.raises(SystemExit):
            call_command("verify_ledger", "--json", stdout=out)

        proof = json.loads(out.getvalue())
        found = {check["about"]: check for check in proof["checks"] if check["broken"]}
        assert (proof["broken"], len(proof["checks"])) == (1, len(CHECKS))
        assert found["An order says how much of it has gone back"]["first"]["id"] == str(sold.pk)

    def test_counts_what_waits_for_staff(self, buyer, note, gateway, now, run_jobs):
        order = make_order(buyer=buyer, notes=[note], now=now)
        paid = gateway.pay(order.gateway_order_id, amount_paise=9800)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)

        code, out = verify()

        assert code == 0
        assert "waiting: 1 payments in quarantine, for staff" in out


def lose_a_second_capture(order, now):
    Payment.objects.filter(settles=False).update(state="captured", given_back_paise=0)
    Refund.objects.all().delete()


def return_a_refund_and_keep_its_money(order, now):
    Payment.objects.filter(settles=False).update(state="refunded", given_back_paise=0)
    Refund.objects.update(state="failed")


def unpay(order, now):
    Order.objects.update(state="awaiting_payment")


def pay_without_money(order, now):
    Payment.objects.update(settles=False)


def lose_the_access(order, now):
    NoteAccess.objects.update(revoked_at=now)


def take_a_line_for_nothing(order, now):
    OrderItem.objects.update(outcome="given_back")
    NoteAccess.objects.update(revoked_at=now)


def forget_a_line(order, now):
    take_a_line_for_nothing(order, now)
    OrderItem.objects.update(release_at=None)


def misname_the_order(order, now):
    Order.objects.update(state="partially_refunded")


def keep_the_access(order, now):
    Payment.objects.filter(settles=True).update(state="refunded", given_back_paise=9900)
    Order.objects.update(state="refunded")


def give_for_nothing(order, now):
    Order.objects.update(state="expired")
    Payment.objects.filter(settles=True).update(settles=False, state="failed")


def lose_an_event(order, now):
    WebhookEvent.objects.create(
        event_id="evt_000001",
        event="payment.captured",
        payload={},
        created_at=now,
        received_at=now,
    )


def lose_a_refund(order, now):
    Refund.objects.update(state="requested")


def lose_an_alert(order, now):
    Alert.objects.create(
        kind="test", severity="high", message="m", dedupe_key="k", raised_at=now, last_raised_at=now
    )


def lose_a_delivery(order, now):
    lose_an_alert(order, now)
    AlertDelivery.objects.create(alert=Alert.objects.get(kind="test"), channel="x", created_at=now)


def lose_a_job(order, now):
    sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts, args)"
        " VALUES ('payments', 'payments.tasks.send_refund', 'failed', 8, '{}')"
    )


def give_twice(order, now):
    sql("DROP INDEX one_live_access_per_buyer_and_note")
    first = NoteAccess.objects.get()
    NoteAccess.objects.create(note=first.note, buyer=first.buyer, reference=uuid7(), granted_at=now)


BREAKS = [
    (lose_a_second_capture, "A captured payment has paid its order, or goes back whole"),
    (
        return_a_refund_and_keep_its_money,
        "A captured payment has paid its order, or goes back whole",
    ),
    (unpay, "A settled order is paid, and a paid order is settled or free"),
    (pay_without_money, "A settled order is paid, and a paid order is settled or free"),
    (lose_the_access, "Every line of a paid order gave its access or gives its money back"),
    (forget_a_line, "What a payment bought nothing for goes back to the paisa"),
    (take_a_line_for_nothing, "A line that was taken back has given its money back"),
    (misname_the_order, "An order says how much of it has gone back"),
    (give_for_nothing, "No access without its money"),
    (keep_the_access, "What has gone back whole gives no access"),
    (lose_an_event, "Every event is handled, or a job or dead letter answers for it"),
    (lose_a_refund, "Every owed refund has a job or a dead letter"),
    (lose_an_alert, "Every alert is delivered, or a job or dead letter answers for it"),
    (lose_a_delivery, "Every alert is delivered, or a job or dead letter answers for it"),
    (lose_a_job, "Every job that gave up is a dead letter"),
]


class TestABrokenPromise:
    @pytest.mark.parametrize(
        ("damage", "about"), BREAKS, ids=[damage.__name__ for damage, _ in BREAKS]
    )
    def test_is_found_and_its_row_named(self, damage, about, sold, now):
        damage(sold, now)

        code, out = verify()

        assert code == 1
        assert broken(out)[about] != ""

    def test_of_two_accesses_is_found_though_an_index_forbids_it(self, sold, now):
        give_twice(sold, now)
        try:
            code, out = verify()
        finally:
            NoteAccess.objects.all().delete()
            sql(
                "CREATE UNIQUE INDEX one_live_access_per_buyer_and_note ON notes_noteaccess"
                " (buyer_id, note_id) WHERE revoked_at IS NULL"
            )

        assert code == 1
        assert "One live access per buyer and note" in broken(out)

    def test_can_be_found_by_every_check(self):
        found = {about for _, about in BREAKS} | {"One live access per buyer and note"}

        assert found == {check.about for check in (*sales.CHECKS, *queues.CHECKS)}
