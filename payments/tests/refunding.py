"""Sales that money goes back from, and what is in the ledger then; for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group
from django.db.models import Sum
from procrastinate.contrib.django.models import ProcrastinateJob

from notes.models import Note, NoteAccess
from notevault.accounts.models import User
from notevault.accounts.tests.factories import make_user
from payments import refund_requests
from payments.gateways.memory import MemoryGateway
from payments.models import LedgerAccount, Order, RefundRequest
from payments.settlement import settle_payment
from payments.tests.factories import make_order

REFUNDS = "/api/v1/refunds"
PREVIEW = f"{REFUNDS}/preview"
# Of a note of ₹99 with 12 pages: 15 % commission, and the GST of 18 % within it.
SHARE, FEE, TAX = 8415, 1259, 226


def make_sale(*, buyer: User, notes: list[Note], gateway: MemoryGateway, now: datetime) -> Order:
    """A paid order; needs the `gateway` fixture."""
    order = make_order(buyer=buyer, notes=notes, now=now)
    paid = gateway.pay(order.gateway_order_id)
    return settle_payment(order_id=order.pk, payment=paid, source="test", now=now)


def make_staff(name: str, group: str = "Support") -> User:
    user = make_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def ask(order: Order, now: datetime, **changes: Any) -> RefundRequest:
    """The buyer asks for all of every note of an order."""
    wishes: dict[str, Any] = {
        "wanted": dict.fromkeys(order.items.values_list("note_id", flat=True)),
        "reason": "other",
        "comment": "",
        **changes,
    }
    return refund_requests.ask(order_id=order.pk, buyer_id=order.buyer_id, now=now, **wishes)


def ask_for_buyer(order: Order, staff: User, now: datetime, **changes: Any) -> RefundRequest:
    """Staff ask for all of every line of an order."""
    wishes: dict[str, Any] = {
        "wanted": dict(order.items.values_list("pk", "paid_paise")),
        "reason": "other",
        "comment": "",
        "request_id": uuid4(),
        **changes,
    }
    return refund_requests.ask_for_buyer(order_id=order.pk, staff_id=staff.pk, now=now, **wishes)


def mark_read(order: Order, now: datetime) -> None:
    references = order.items.values("pk")
    NoteAccess.objects.filter(reference__in=references).update(downloads=1, first_downloaded_at=now)


def mails_about(request: RefundRequest) -> list[str]:
    """The kinds of mail that wait to be sent about a request, oldest first."""
    jobs = ProcrastinateJob.objects.filter(task_name="payments.tasks.send_mail")
    about = jobs.filter(args__subject_id=str(request.pk)).order_by("pk")
    return [job.args["kind"] for job in about]


def balances() -> dict[str, int]:
    """What is in the ledger, by kind of account, without those that are empty."""
    sums = LedgerAccount.objects.values_list("kind").annotate(total=Sum("balance_paise"))
    return {kind: total for kind, total in sums if total}


AFTER_SALE = {
    "gateway_clearing": -9900,
    "seller_pending": SHARE,
    "platform_commission": FEE,
    "tax_payable": TAX,
}
WHILE_OWED = {"gateway_clearing": -9900, "refunds_payable": 9900}
