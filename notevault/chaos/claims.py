"""A buyer asks for money back, as far as the shop says that it may be asked for."""

from __future__ import annotations

import secrets
from typing import Any

from notevault.chaos.people import Person
from notevault.chaos.plans import Claim, Plan
from notevault.chaos.records import Records
from notevault.chaos.shop import Answer, Shop

Entity = dict[str, Any]

# The gateway refunds no less, and leaves no less.
LEAST_PAISE = 100


def make_claim(plan: Plan, order: Entity, *, buyer: Person, shop: Shop, records: Records) -> None:
    """Nothing happens when the plan wants none, or nothing of the order can be asked for."""
    if plan.claim != Claim.NOTHING:
        _Claimant(plan, buyer, shop, records).claim(order)


class _Claimant:
    def __init__(self, plan: Plan, buyer: Person, shop: Shop, records: Records) -> None:
        self.plan = plan
        self.buyer = buyer
        self.shop = shop
        self.records = records

    def claim(self, order: Entity) -> None:
        offer = self._call("POST", "/refunds/preview", body={"order_id": order["id"]})
        lines = [line for line in offer.body.get("items", []) if line["amount_paise"]]
        if not lines:
            return
        if self.plan.claim == Claim.AFTER_READING:
            self._call("POST", f"/library/{lines[0]['note_id']}/download")
        wanted: Entity = {
            "order_id": order["id"],
            "items": self._wishes(lines),
            "reason": self.plan.reason,
        }
        self._ask(wanted)

    def _wishes(self, lines: list[Entity]) -> list[Entity]:
        left = lines[0]["left_paise"]
        if self.plan.claim == Claim.PART and left >= 2 * LEAST_PAISE:
            return [{"note_id": lines[0]["note_id"], "amount_paise": left // 2}]
        return [{"note_id": line["note_id"]} for line in lines]

    def _ask(self, wanted: Entity) -> None:
        key = secrets.token_hex(12)
        answer = self._post(wanted, key)
        if not answer.is_success:
            return
        if self.plan.claims_twice:
            again = self._post(wanted, key)
            if again.is_success and again.body["id"] != answer.body["id"]:
                self.records.note_wrong(f"a repeated refund gave {again.body['id']} as well")
            if self._post(wanted, secrets.token_hex(12)).is_success:
                self.records.note_wrong("a second refund of the same lines was accepted")
        shown = self._call("GET", f"/refunds/{answer.body['id']}")
        if shown.status not in (200, 503, 0):
            self.records.note_wrong(f"a refund that was answered is {shown.status}")

    def _post(self, wanted: Entity, key: str) -> Answer:
        answer = self._call("POST", "/refunds", body=wanted, key=key)
        if answer.is_success:
            self.records.note_request(answer.body["id"])
        return answer

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        return self.shop.call(method, path, token=self.buyer.token, **options)
