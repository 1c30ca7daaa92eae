"""One buyer's way through one purchase."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notevault.chaos.claims import make_claim
from notevault.chaos.gateway import FAILING_VPA, FIELDS, Sandbox
from notevault.chaos.people import COUPON, People
from notevault.chaos.plans import Plan, Way
from notevault.chaos.records import PaymentMade, Records
from notevault.chaos.shop import Answer, Shop
from notevault.chaos.staff import Staff

Entity = dict[str, Any]

WAIT_S = 3
FORGED = "0" * 64


@dataclass(frozen=True)
class Instruments:
    """UPI ids that the next payers use instead of their plan's: each makes a fault happen."""

    waiting: queue.SimpleQueue[str]
    used: Callable[[str], None]


class Purchase:
    """`carry_out` returns when the buyer has what they wanted, or has given up."""

    def __init__(
        self,
        plan: Plan,
        *,
        people: People,
        shop: Shop,
        sandbox: Sandbox,
        staff: Staff,
        records: Records,
        instruments: Instruments,
    ) -> None:
        self.plan = plan
        self.buyer = people.buyers[plan.buyer]
        self.stranger = people.buyers[plan.buyer - 1]
        self.note_ids = [str(people.notes[place]) for place in plan.notes]
        self.shop = shop
        self.sandbox = sandbox
        self.staff = staff
        self.records = records
        self.instruments = instruments

    def carry_out(self) -> None:
        order = self.order()
        if order is not None:
            time.sleep(self.plan.think_s)
            HOW[self.plan.way](self, order)
            make_claim(self.plan, order, buyer=self.buyer, shop=self.shop, records=self.records)

    # Ordering

    def order(self) -> Entity | None:
        """An order that can be paid, or None: owned already, or the shop gave no answer."""
        key = secrets.token_hex(12) if self.plan.has_key else ""
        answer = self._post_order(key, COUPON if self.plan.has_coupon else None)
        if answer.code.startswith("coupon_"):
            key = secrets.token_hex(12) if key else ""
            answer = self._post_order(key)
        if answer.code == "note_in_open_order":
            return self.take_up(str(answer.body.get("order_id", "")))
        if not answer.is_success:
            return None
        if self.plan.repeats_order:
            again = self._post_order(key, answer.body.get("coupon_code"))
            if again.is_success and again.body["id"] != answer.body["id"]:
                self.records.note_wrong(f"a repeated order gave {again.body['id']} as well")
        return answer.body if answer.body["next_action"] == "pay" else None

    def _post_order(self, key: str, coupon: str | None = None) -> Answer:
        wanted: Entity = {"note_ids": self.note_ids}
        if coupon:
            wanted["coupon_code"] = coupon
        answer = self._call("POST", "/orders", body=wanted, key=key)
        if answer.is_success:
            self.records.note_order(answer.body)
        return answer

    def take_up(self, order_id: str) -> Entity | None:
        """Go on with an order of before; None when it was paid or given up meanwhile."""
        found = self._call("GET", f"/orders/{order_id}") if order_id else None
        is_payable = found is not None and found.body.get("next_action") == "pay"
        return found.body if found and is_payable else None

    def cancel(self, order: Entity) -> None:
        self._call("POST", f"/orders/{order['id']}/cancel")

    # Paying

    def pay_and_report(self, order: Entity) -> None:
        receipt = self.pay(order)
        if receipt is None:
            return
        for _ in range(self.plan.reports):
            self.report(receipt)
        self.await_outcome(order)

    def pay(self, order: Entity) -> Entity | None:
        """The checkout's receipt, or None when the payment failed or was refused."""
        if self.plan.fails_first:
            self._pay_with(order, {"method": "upi", "vpa": FAILING_VPA})
        return self._pay_with(order, self._choose())

    def _choose(self) -> dict[str, str]:
        try:
            vpa = self.instruments.waiting.get_nowait()
        except queue.Empty:
            return FIELDS[self.plan.method]
        self.instruments.used(vpa)
        return {"method": "upi", "vpa": vpa}

    def _pay_with(self, order: Entity, fields: dict[str, str]) -> Entity | None:
        reply = self.sandbox.pay(order["gateway_order_id"], fields)
        error = reply.get("error")
        known = error.get("metadata") or {} if error else reply
        payment_id = known.get("payment_id") or known.get("razorpay_payment_id")
        if payment_id:
            self.records.note_payment(
                PaymentMade(
                    gateway_order_id=order["gateway_order_id"],
                    payment_id=payment_id,
                    amount_paise=order["total_paise"],
                    failed=bool(error),
                )
            )
        return None if error else reply

    def walk_away(self, order: Entity) -> None:
        """Never heard of again; the order expires by itself."""

    def pay_in_two_tabs(self, order: Entity) -> None:
        other = threading.Thread(target=self.pay_and_report, args=(order,))
        other.start()
        self.pay_and_report(order)
        other.join()

    def pay_cancelled(self, order: Entity) -> None:
        self.cancel(order)
        self.pay_and_report(order)

    def pay_expired(self, order: Entity) -> None:
        self.staff.age_order(order["id"])
        self.pay_and_report(order)

    def pay_overtaken(self, first: Entity) -> None:
        self.cancel(first)
        second = self.order()
        if second is not None and second["id"] != first["id"]:
            self.pay_and_report(second)
        self.pay_and_report(first)

    def pay_withdrawn(self, order: Entity) -> None:
        self.cancel(order)
        with self.staff.withdrawn(self.note_ids):
            self.pay_and_report(order)

    # Telling the shop

    def report(self, receipt: Entity) -> None:
        answer = self._call("POST", "/payments/verify", body=receipt)
        if answer.is_success:
            self.records.note_order(answer.body)

    def lie(self, order: Entity) -> None:
        """Forged before the payment, and somebody else's after it: neither moves anything."""
        forged = {
            "razorpay_order_id": order["gateway_order_id"],
            "razorpay_payment_id": f"pay_{secrets.token_hex(7)}",
            "razorpay_signature": FORGED,
        }
        self._demand_refusal(self.buyer.token, forged, 400)
        receipt = self.pay(order)
        if receipt:
            self._demand_refusal(self.stranger.token, receipt, 404)
            self.await_outcome(order)

    def _demand_refusal(self, token: str, report: Entity, status: int) -> None:
        answer = self.shop.call("POST", "/payments/verify", token=token, body=report)
        if answer.status not in (status, 503, 0):
            self.records.note_wrong(f"a lie was answered {answer.status} {answer.code}")

    def await_outcome(self, order: Entity) -> None:
        answer = self._call("GET", f"/orders/{order['id']}", wait_s=WAIT_S)
        if answer.is_success:
            self.records.note_order(answer.body)

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        return self.shop.call(method, path, token=self.buyer.token, **options)


HOW: dict[Way, Callable[[Purchase, Entity], None]] = {
    Way.PAYS: Purchase.pay_and_report,
    Way.PAYS_TWICE: Purchase.pay_in_two_tabs,
    Way.NEVER_PAYS: Purchase.walk_away,
    Way.CANCELS: Purchase.cancel,
    Way.PAYS_CANCELLED: Purchase.pay_cancelled,
    Way.PAYS_EXPIRED: Purchase.pay_expired,
    Way.PAYS_OVERTAKEN: Purchase.pay_overtaken,
    Way.PAYS_WITHDRAWN: Purchase.pay_withdrawn,
    Way.LIES: Purchase.lie,
}
