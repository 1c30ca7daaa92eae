"""A shop on a real sandbox whose webhooks go nowhere, and runs over what happened there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import requests

from notes.models import Note
from notes.tests.factories import make_note
from notevault.accounts.models import User
from notevault.kit import clock
from notevault.kit.clock import indian_day
from payments import gateways
from payments.gateways.base import Gateway
from payments.gateways.razorpay import RazorpayGateway
from payments.models import Order, ReconciliationBreak
from payments.reconciliation.desk import Tally
from payments.reconciliation.runs import reconcile_days
from payments.reconciliation.windows import ONE_DAY
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.settlement import settle_payment
from payments.tests.factories import make_order
from payments.tests.sandbox_access import AUTH, KEYS

LATER = timedelta(hours=1)


@contextmanager
def shop_on_sandbox(buyer: User, seller: User, monkeypatch: Any) -> Iterator[Shop]:
    with running_sandbox(**KEYS) as sandbox:
        adapter = RazorpayGateway(
            base_url=sandbox.url, key_id=KEYS["key_id"], key_secret=KEYS["key_secret"]
        )
        gateways.get_gateway.cache_clear()
        monkeypatch.setattr(gateways, "import_string", lambda _: lambda: adapter)
        yield Shop(sandbox, adapter, buyer, seller)
        gateways.get_gateway.cache_clear()


@dataclass
class Shop:
    sandbox: RunningSandbox
    gateway: Gateway
    buyer: User
    seller: User

    def order(self, note: Note | None = None) -> Order:
        wanted = note or make_note(seller=self.seller)
        return make_order(buyer=self.buyer, notes=[wanted], now=clock.now())

    def pay(self, order: Order) -> str:
        """Pay at the gateway; nobody tells us of it."""
        return self.sandbox.pay(str(order.gateway_order_id))["razorpay_payment_id"]

    def sell(self, note: Note | None = None, **known: Any) -> str:
        """Pay, and hear of it, with the fields that are `known` otherwise by then."""
        order = self.order(note)
        payment_id = self.pay(order)
        payment = replace(self.gateway.get_payment(payment_id), **known)
        settle_payment(order_id=order.pk, payment=payment, source="test", now=clock.now())
        return payment_id

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """What staff do in the gateway's dashboard, or another product with its API."""
        answer = requests.post(f"{self.sandbox.url}{path}", json=body, auth=AUTH, timeout=5)
        made: dict[str, Any] = answer.json()
        assert answer.ok, made
        return made

    def refund_in_dashboard(self, payment_id: str, **body: Any) -> str:
        return str(self.post(f"/payments/{payment_id}/dashboard-refund", **body)["id"])

    def reconcile(self, *, later: timedelta = LATER, days: int = 1, **options: Any) -> Tally:
        """From yesterday on, with all that has happened in this test, so much later."""
        now = clock.now()
        first = indian_day(now) - ONE_DAY
        return reconcile_days(
            start=first, end=first + ONE_DAY * (days + 1), now=now + later, **options
        )

    def change(self, table: str, entity_id: str, **columns: Any) -> None:
        """Change the sandbox's books behind everyone's back."""
        assignments = ", ".join(f"{name} = :{name}" for name in columns)
        self.sandbox.app.store.execute(
            f"UPDATE {table} SET {assignments} WHERE id = :id", {**columns, "id": entity_id}
        )


def breaks() -> list[tuple[str, str, str, int]]:
    """Kind, subject, state and difference of every break on record."""
    rows = ReconciliationBreak.objects.order_by("kind", "subject", "gateway_id")
    return [(row.kind, row.subject, row.state, row.difference_paise) for row in rows]
