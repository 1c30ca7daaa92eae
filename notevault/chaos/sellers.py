"""A seller who takes out what is available, and a little too often."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

from notevault.chaos.people import Person
from notevault.chaos.records import Records
from notevault.chaos.shop import Answer, Shop

LEAST_PAISE = 10_000
TO = (
    {"upi_id": "seller@upi"},
    {
        "bank_account": {
            "holder_name": "A Seller",
            "account_number": "1234567890",
            "ifsc": "HDFC0001234",
        }
    },
)


class Seller:
    """Two of one person are two devices: they race each other for one balance."""

    def __init__(self, person: Person, *, shop: Shop, records: Records, dice: Random) -> None:
        self._person = person
        self._shop = shop
        self._records = records
        self._dice = dice

    def look(self) -> None:
        """Ask for a payout when there is enough for one."""
        page = self._call("GET", "/seller/payouts")
        available = int(page.body.get("available_paise", 0))
        if available < LEAST_PAISE:
            return
        amount = self._dice.choice((available, available, max(LEAST_PAISE, available // 2)))
        wanted = {"amount_paise": amount, **self._dice.choice(TO)}
        key = secrets.token_hex(12)
        answer = self._ask(wanted, key)
        if answer.is_success and self._dice.random() < 0.5:
            again = self._ask(wanted, key)
            if again.is_success and again.body["id"] != answer.body["id"]:
                self._records.note_wrong(f"a repeated payout gave {again.body['id']} as well")

    def _ask(self, wanted: dict[str, Any], key: str) -> Answer:
        answer = self._call("POST", "/seller/payouts", body=wanted, key=key)
        if answer.is_success:
            self._records.note_payout(answer.body["id"])
        return answer

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        return self._shop.call(method, path, token=self._person.token, **options)
