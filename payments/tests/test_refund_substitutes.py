"""A refund that goes through after all, when its money had been owed anew or bought again."""

from __future__ import annotations

import pytest

from alerts.models import Alert
from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments import invariants, refund_requests, refunds
from payments.gateways.base import GatewayRefund
from payments.models import Order, Refund
from payments.states import Reason
from payments.tests.factories import locked, refund_lines, sell

pytestmark = pytest.mark.django_db


def reply_to(refund, status="processed"):
    payment_id = refund.payment.gateway_payment_id
    refund_id = refund.gateway_refund_id or "rfnd_AAAAAAAAAAAAAA"
    return GatewayRefund(
        refund_id, payment_id, refund.amount_paise, "INR", status, refund.idempotency_key
    )


def broken():
    return [
        (check.about, finding.what)
        for check in invariants.CHECKS
        for finding in invariants.findings(check)
    ]


class TestARefundOfARequestThatWasTriedAgain:
    @pytest.fixture
    def order(self, buyer, seller, gateway, now, run_jobs):
        other = make_user("other-seller", is_seller=True)
        notes = [make_note(seller=seller), make_note(seller=other)]
        order = sell(buyer=buyer, notes=notes, gateway=gateway, now=now)
        run_jobs()
        return order

    @pytest.fixture
    def request_of(self, order, seller, now):
        """For the first seller's note; its refund has failed, and staff have tried it again."""
        staff = make_user("staff", is_staff=True)
        line = order.items.get(seller=seller)
        made = refund_requests.ask_for_buyer(
            order_id=order.pk,
            staff_id=staff.pk,
            wanted={line.pk: 9900},
            reason=Reason.OTHER,
            comment="",
            now=now,
            request_id=order.pk,
        )
        refunds.fail_refund(refund_id=made.refunds.get().pk, why="refused", now=now)
        refund_requests.retry_request(request_id=made.pk, staff_id=staff.pk, now=now)
        return made

    def test_ends_the_alert_of_its_failure_once_the_money_has_gone_back(self, request_of, run_jobs):
        failure = Alert.objects.get(kind="payments.refund_failed")

        run_jobs()

        before, failure.state = failure.state, Alert.objects.get(pk=failure.pk).state
        assert (before, failure.state) == ("open", "resolved")

    def test_takes_the_place_of_the_one_that_was_not_sent_yet(
        self, request_of, order, gateway, now, run_jobs
    ):
        first, _second = Refund.objects.order_by("pk")

        refunds.take_in_refund(reply=reply_to(first), source="late news", now=now)
        run_jobs()

        request_of.refresh_from_db()
        states = list(Refund.objects.order_by("pk").values_list("state", flat=True))
        assert (request_of.state, states) == ("completed", ["processed", "failed"])
        assert gateway.list_refunds(first.payment.gateway_payment_id) == []
        assert sorted(order.items.values_list("reversed_paise", flat=True)) == [0, 9900]
        assert broken() == []

    def test_never_takes_from_another_sellers_line(self, request_of, order, now, run_jobs):
        first, second = Refund.objects.order_by("pk")
        refunds.take_in_refund(reply=reply_to(second, "pending"), source="test", now=now)

        with pytest.raises(refunds.RefundsOverlap):
            refunds.take_in_refund(reply=reply_to(first), source="late news", now=now)

        assert sorted(order.items.values_list("reversed_paise", flat=True)) == [0, 9900]


class TestARefundThatABankReturnsToABuyerWhoBoughtAgain:
    def test_gives_the_access_back_once_the_second_purchase_is_refunded(
        self, buyer, note, gateway, now, run_jobs
    ):
        first = sell(buyer=buyer, notes=[note], gateway=gateway, now=now)
        returned = refund_lines(order=first, lines={first.items.get().pk: 9900}, now=now)
        run_jobs()
        second = sell(buyer=buyer, notes=[note], gateway=gateway, now=now)
        refunds.fail_refund(refund_id=returned.pk, why="the account is closed", now=now)
        run_jobs()
        assert first.items.get().outcome == "given_back"

        refund_lines(order=second, lines={second.items.get().pk: 9900}, now=now)
        run_jobs()

        live = NoteAccess.objects.filter(revoked_at=None).values_list("reference", flat=True)
        assert list(live) == [first.items.get().pk]
        assert first.items.get().outcome == "granted"
        assert Order.objects.get(pk=second.pk).state == "refunded"
        assert broken() == []


class TestARefundThatIsReplacedByLess:
    def test_takes_less_from_the_same_line(self, buyer, seller, gateway, now, run_jobs):
        notes = [make_note(seller=seller), make_note(seller=seller)]
        order = sell(buyer=buyer, notes=notes, gateway=gateway, now=now)
        wanted = order.items.order_by("pk").first()
        owed = refund_lines(order=order, lines={wanted.pk: 9900}, now=now)

        refunds.replace_refund(refund_id=owed.pk, left_paise=5000, why="less is left", now=now)

        assert dict(order.items.values_list("pk", "reversed_paise"))[wanted.pk] == 5000
        assert locked(order)[1].given_back_paise == 5000
