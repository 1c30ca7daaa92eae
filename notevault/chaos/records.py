"""What is written down while buyers shop: answers, promises, payments made."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

# What the API promises, and what a machine under such load may add to it.
ANSWER_WITHIN_S = 6.0
ALLOWANCE_S = 1.0


@dataclass(frozen=True)
class PaymentMade:
    """One that the sandbox's checkout page accepted, or refused: `failed`."""

    gateway_order_id: str
    payment_id: str
    amount_paise: int
    failed: bool


@dataclass
class Records:
    """Shared by all buyers and the injector."""

    answers: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """Promises of the API that an answer broke, in words."""
    payments: list[PaymentMade] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)
    """Ids that buyers were given in an answer of success."""
    paid: set[str] = field(default_factory=set)
    """Orders of which an answer said that they are paid."""
    purchases: int = 0
    slowest_s: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_answer(self, what: str, *, status: int, seconds: float, allowed_s: float) -> None:
        with self._lock:
            self.answers[str(status)] += 1
            self.slowest_s = max(self.slowest_s, seconds - allowed_s)
            if status >= 500 and status != 503:
                self.broken.append(f"{what} answered {status}")
            if seconds > ANSWER_WITHIN_S + ALLOWANCE_S + allowed_s:
                self.broken.append(f"{what} took {seconds:.1f} s ({status})")

    def note_no_answer(self, what: str, *, why: str, seconds: float, allowed_s: float) -> None:
        """A connection that broke is no news when processes are killed; silence is."""
        with self._lock:
            self.answers[why] += 1
            if seconds > ANSWER_WITHIN_S + ALLOWANCE_S + allowed_s:
                self.broken.append(f"{what} gave no answer in {seconds:.1f} s")

    def note_broken(self, promise: str) -> None:
        with self._lock:
            self.broken.append(promise)

    def note_order(self, order: dict[str, object]) -> None:
        with self._lock:
            self.orders.add(str(order["id"]))
            if order["state"] == "paid":
                self.paid.add(str(order["id"]))

    def note_payment(self, payment: PaymentMade) -> None:
        with self._lock:
            self.payments.append(payment)

    def note_purchase(self) -> None:
        with self._lock:
            self.purchases += 1

    def pick_payment(self, pick: float, *, failed: bool) -> PaymentMade | None:
        """One of the payments so far; `pick` is from 0 to 1."""
        with self._lock:
            fitting = [payment for payment in self.payments if payment.failed == failed]
        return fitting[int(pick * len(fitting))] if fitting else None
