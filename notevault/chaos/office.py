"""Everybody but the buyers: sellers, staff and banks, each at their rounds."""

from __future__ import annotations

import threading
from random import Random

from notevault.chaos.banks import IssuingBank, PayingBank, Transfer
from notevault.chaos.finance import Finance
from notevault.chaos.people import People
from notevault.chaos.records import Records
from notevault.chaos.rounds import Rounds
from notevault.chaos.sellers import Seller
from notevault.chaos.shop import Shop
from notevault.chaos.support import Support
from notevault.chaos.world import World

SELLERS_LOOK_EVERY_S = 1.5
STAFF_LOOK_EVERY_S = 1.0
DEVICES = 2


class Office:
    def __init__(self, *, seed: int, world: World, people: People, records: Records) -> None:
        self._gone = threading.Event()
        paying = PayingBank(Random(f"{seed}:paying bank"))
        self._transfers = paying.transfers
        self._issuing = IssuingBank(sandbox=world.sandbox, dice=Random(f"{seed}:issuing bank"))
        support = Support(staff=people.staff, dice=Random(f"{seed}:support"))
        finance = Finance(staff=people.staff, bank=paying, dice=Random(f"{seed}:finance"))
        self._sellers = [
            Rounds(
                f"seller-{number}-{device}",
                Seller(
                    person,
                    shop=Shop(url=world.addresses.web, records=records, stop=self._gone),
                    records=records,
                    dice=Random(f"{seed}:seller {number} {device}"),
                ).look,
                every_s=SELLERS_LOOK_EVERY_S,
                records=records,
            )
            for number, person in enumerate(people.sellers)
            for device in range(DEVICES)
        ]
        self._others = [
            Rounds(name, work, every_s=STAFF_LOOK_EVERY_S, records=records)
            for name, work in (
                ("support", support.look),
                ("finance", finance.look),
                ("issuing bank", self._issuing.look),
            )
        ]

    @property
    def transfers(self) -> list[Transfer]:
        return list(self._transfers)

    def open(self) -> None:
        for rounds in (*self._sellers, *self._others):
            rounds.start()

    def take_no_more(self) -> None:
        """What has been begun is brought to its end."""
        self._gone.set()
        self._issuing.is_closing = True
        for rounds in self._sellers:
            rounds.stop()

    def close(self) -> None:
        for rounds in self._others:
            rounds.stop()
