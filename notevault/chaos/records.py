"""What is written down while buyers shop: answers, promises, payments made."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

# What the API promises, and what a machine with both cores busy may add to it.
ANSWER_WITHIN_S = 6.0
ALLOWANCE_S = 1.0
# A request that finds its web process killed waits for the next one to start.
RESTART_S = 3.0
# A death is noted by somebody who looks now and then.
NOTED_WITHIN_S = 2.0
BROKEN = "no connection"
SILENT = "time-out"


@dataclass(frozen=True)
class LateAnswer:
    """`seconds` beyond what the caller itself asked to wait; `is_broken` when the connection
    ended and no answer came."""

    what: str
    ended_at: float
    seconds: float
    is_broken: bool


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
    wrong: list[str] = field(default_factory=list)
    """Answers that broke a promise of the API, in words."""
    late: list[LateAnswer] = field(default_factory=list)
    web_died_at: list[float] = field(default_factory=list)
    payments: list[PaymentMade] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)
    """Ids that buyers were given in an answer of success."""
    paid: set[str] = field(default_factory=set)
    """Orders of which an answer said that they are paid."""
    requests: set[str] = field(default_factory=set)
    """Refund requests that were answered with success."""
    payouts: set[str] = field(default_factory=set)
    """Payouts that were."""
    purchases: int = 0
    slowest_s: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_answer(self, what: str, *, status: int, code: str, seconds: float) -> None:
        with self._lock:
            self.answers[f"{status} {code}".strip()] += 1
            if status >= 500 and status != 503:
                self.wrong.append(f"{what} answered {status}")
            self._note_time(f"{what} ({status})", seconds, is_broken=False)

    def note_no_answer(self, what: str, *, why: str, seconds: float) -> None:
        """A connection that broke is no news where processes are killed; silence is."""
        with self._lock:
            self.answers[why] += 1
            self._note_time(f"{what} ({why})", seconds, is_broken=why == BROKEN)

    def _note_time(self, what: str, seconds: float, *, is_broken: bool) -> None:
        self.slowest_s = max(self.slowest_s, seconds)
        if seconds > ANSWER_WITHIN_S + ALLOWANCE_S:
            self.late.append(LateAnswer(what, time.monotonic(), seconds, is_broken))

    def note_wrong(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)

    def note_web_died(self, times: int = 1) -> None:
        with self._lock:
            self.web_died_at += [time.monotonic()] * times

    def broken(self) -> list[str]:
        """Promises that answers broke. A killed process answers nobody, nor does one that
        drains take new callers, and who waits for the next one is forgiven that time."""
        late = [answer for answer in self.late if self._is_our_fault(answer)]
        return self.wrong + [f"{answer.what} took {answer.seconds:.1f} s" for answer in late]

    def _is_our_fault(self, late: LateAnswer) -> bool:
        begun_at = late.ended_at - late.seconds
        until = late.ended_at + NOTED_WITHIN_S
        deaths = sum(begun_at - RESTART_S < at < until for at in self.web_died_at)
        if late.is_broken and deaths:
            return False
        return late.seconds > ANSWER_WITHIN_S + ALLOWANCE_S + RESTART_S * deaths

    def note_order(self, order: dict[str, object]) -> None:
        with self._lock:
            self.orders.add(str(order["id"]))
            if order["state"] == "paid":
                self.paid.add(str(order["id"]))

    def note_request(self, request_id: str) -> None:
        with self._lock:
            self.requests.add(request_id)

    def note_payout(self, payout_id: str) -> None:
        with self._lock:
            self.payouts.add(payout_id)

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
