"""The two banks: the sellers' that pays out, and the buyers' that decides on disputes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from notevault.chaos.gateway import Sandbox, SandboxRefused

STEPS = {"under_review": 4, "action_required": 2, "won": 2, "lost": 3, "closed": 1}
ENDS = ("won", "lost", "closed")
FAILING = 0.25
# Its news has no other way to us within the hour than the webhook.
TO_REPLAY = "refund.failed"


@dataclass(frozen=True)
class Transfer:
    """What became of one line of a file: `utr` is empty when it was not paid."""

    reference: str
    amount_paise: int
    utr: str


class PayingBank:
    """Pays each line of a file that it is handed, or does not: it never asks whether it has
    paid the same before. Used from one thread."""

    def __init__(self, dice: Random) -> None:
        self.transfers: list[Transfer] = []
        self._dice = dice
        self._files: dict[UUID, list[Transfer]] = {}

    def has(self, batch_id: UUID) -> bool:
        return batch_id in self._files

    def take(self, batch_id: UUID, content: str) -> None:
        done = [self._pay(row) for row in csv.DictReader(io.StringIO(content.lstrip("\ufeff")))]
        self._files[batch_id] = done
        self.transfers += done

    def _pay(self, row: Mapping[str, str]) -> Transfer:
        is_paid = self._dice.random() > FAILING
        utr = f"{self._dice.randrange(10**12):012d}" if is_paid else ""
        rupees, paise = row["amount"].split(".")
        return Transfer(row["reference"], int(rupees) * 100 + int(paise), utr)

    def answer(self, batch_id: UUID) -> bytes:
        """The bank's answer to a file, as often as it is asked for."""
        rows = [
            f"{done.reference},{'paid' if done.utr else 'failed'},{done.utr},account closed"
            for done in self._files[batch_id]
        ]
        return "\n".join(["reference,status,utr,reason", *rows]).encode()


class IssuingBank:
    """Leads the disputes that buyers have begun to some end."""

    def __init__(self, *, sandbox: Sandbox, dice: Random) -> None:
        self.is_closing = False
        """Decide whatever is left, and have lost news sent again."""
        self._sandbox = sandbox
        self._dice = dice
        self._events: set[str] = set()
        self._live: list[dict[str, Any]] = []
        self._replayed: set[str] = set()

    def look(self) -> None:
        self._read_events()
        for dispute in list(self._live):
            if self.is_closing or self._dice.random() < 0.6:
                self._go_on(dispute)
        if self.is_closing:
            self._replay_lost()

    def _read_events(self) -> None:
        fresh = self._sandbox.list_new_events(self._events)
        self._events |= {event["id"] for event in fresh}
        for event in fresh:
            if event["event"] == "payment.dispute.created":
                self._live.append(event["body"]["payload"]["dispute"]["entity"])

    def _go_on(self, dispute: dict[str, Any]) -> None:
        steps = {name: STEPS[name] for name in ENDS} if self.is_closing else STEPS
        step = self._dice.choices(list(steps), list(steps.values()))[0]
        body = {}
        if step == "lost" and self._dice.random() < 0.3:
            body["amount"] = max(100, dispute["amount"] // 2)
        self._sandbox.move_dispute(dispute["id"], step, **body)
        if step in ENDS:
            self._live.remove(dispute)

    def _replay_lost(self) -> None:
        """What an operator does in the dashboard with events that were given up."""
        for event in self._sandbox.list_all("/events"):
            is_lost = event["event"] == TO_REPLAY and event["state"] == "given_up"
            if is_lost and event["id"] not in self._replayed:
                self._replayed.add(event["id"])
                try:
                    self._sandbox.replay(event["id"])
                except SandboxRefused:
                    self._replayed.discard(event["id"])  # the webhook is disabled just now
