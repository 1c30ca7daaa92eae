"""Which fault comes when: the same seed gives the same schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

SECONDS_PER_FAULT = 0.16
# A storm makes every call to the gateway fail until the circuit breaker opens, and the
# gateway is left alone until the breaker has had time to try it again.
FAULTS_PER_STORM = 500
# Until a job that fails by itself has given up.
RETRIES_S = 130.0
STORM = ("server_error", "bad_gateway", "reset_before")
STORM_TIMES = 16
RECOVERY_S = 33.0


class Family(Enum):
    """Where a fault is made."""

    API = "gateway answers"
    WEBHOOK = "webhooks"
    CHECKOUT = "payments"
    DASHBOARD = "dashboard"
    CRASH = "crash points"
    PROCESS = "processes"
    STRANGER = "strangers"


API_CALLS = {
    "create_order": 34,
    "fetch_payment": 26,
    "list_order_payments": 12,
    "refund_payment": 12,
    "list_orders": 6,
    "capture_payment": 6,
    "list_payment_refunds": 1,
    "fetch_dispute": 2,
    "list_disputes": 1,
    "*": 3,
}
EVENTS = {
    "payment.captured": 30,
    "order.paid": 25,
    "payment.authorized": 15,
    "payment.failed": 5,
    "refund.processed": 10,
    "refund.failed": 2,
    "payment.dispute.created": 6,
    "payment.dispute.under_review": 3,
    "payment.dispute.won": 4,
    "payment.dispute.lost": 4,
    "*": 15,
}
ANYWHERE = {"": 1}


@dataclass(frozen=True)
class Kind:
    """`share` is how many of a thousand; `seconds` the shortest and longest duration, and
    `outcome_s` how long it takes until it is over."""

    family: Family
    name: str
    share: int
    where: dict[str, int]
    seconds: tuple[float, float] = (0, 0)
    outcome_s: float = 0


KINDS = (
    Kind(Family.API, "rate_limited", 28, API_CALLS),
    Kind(Family.API, "server_error", 40, API_CALLS),
    Kind(Family.API, "bad_gateway", 30, API_CALLS),
    Kind(Family.API, "slow", 30, API_CALLS, (0.5, 4)),
    Kind(Family.API, "silent", 14, API_CALLS, (30, 30)),
    Kind(Family.API, "reset_before", 28, API_CALLS),
    Kind(Family.API, "reset_after", 30, API_CALLS),
    Kind(Family.API, "answer_lost", 26, API_CALLS),
    Kind(Family.WEBHOOK, "drop", 80, EVENTS),
    Kind(Family.WEBHOOK, "duplicate", 90, EVENTS),
    Kind(Family.WEBHOOK, "delay", 80, EVENTS, (1, 6)),
    Kind(Family.WEBHOOK, "reorder", 80, EVENTS),
    Kind(Family.CHECKOUT, "late@razorpay", 40, ANYWHERE),
    Kind(Family.CHECKOUT, "manual@razorpay", 40, ANYWHERE),
    Kind(Family.CHECKOUT, "twice@razorpay", 40, ANYWHERE),
    Kind(Family.CHECKOUT, "refunded@razorpay", 30, ANYWHERE),
    Kind(Family.CHECKOUT, "disputed@razorpay", 20, ANYWHERE),
    Kind(Family.CHECKOUT, "wrongamount@razorpay", 15, ANYWHERE),
    Kind(Family.CHECKOUT, "dollars@razorpay", 15, ANYWHERE),
    Kind(Family.DASHBOARD, "dashboard_refund", 15, ANYWHERE),
    Kind(Family.DASHBOARD, "dashboard_refund_part", 10, ANYWHERE),
    Kind(Family.DASHBOARD, "second_capture", 20, ANYWHERE),
    Kind(Family.DASHBOARD, "refund_returned", 10, ANYWHERE),
    Kind(Family.DASHBOARD, "dispute", 15, ANYWHERE),
    Kind(Family.DASHBOARD, "dispute_part", 10, ANYWHERE),
    Kind(Family.DASHBOARD, "late_authorisation", 15, ANYWHERE),
    *(
        Kind(Family.CRASH, point, 5, ANYWHERE)
        for point in (
            "checkout.intent_committed",
            "checkout.gateway_order_created",
            "webhook.stored",
            "verify.payment_fetched",
            "settlement.before_commit",
            "settlement.committed",
            "refund.before_call",
            "refund.gateway_accepted",
            "refund.before_result_commit",
            "refund.approved",
            "dispute.before_commit",
            "escrow.before_commit",
            "payout.before_commit",
            "invoice.before_commit",
            "capture.gateway_captured",
            "jobs.done_not_marked",
            "idempotency.answer_not_stored",
            "dead_letter.buried",
        )
    ),
    Kind(Family.PROCESS, "kill_web", 3, ANYWHERE),
    Kind(Family.PROCESS, "kill_web_child", 4, ANYWHERE),
    Kind(Family.PROCESS, "kill_worker", 6, ANYWHERE),
    Kind(Family.PROCESS, "roll_web", 2, ANYWHERE),
    Kind(Family.PROCESS, "roll_worker", 4, ANYWHERE),
    Kind(Family.PROCESS, "restart_postgres", 5, ANYWHERE),
    Kind(Family.STRANGER, "forged_event", 12, ANYWHERE),
    Kind(Family.STRANGER, "poison_event", 3, ANYWHERE, outcome_s=RETRIES_S),
)


@dataclass(frozen=True)
class Fault:
    """`at` counts in seconds from the start, `pick` from 0 to 1 says which one of many."""

    at: float
    family: Family
    name: str
    where: str = ""
    times: int = 1
    seconds: float = 0
    pick: float = 0


def make_schedule(*, seed: int, count: int) -> list[Fault]:
    """`count` faults in order of time; a fault with `times` counts so many times."""
    dice = Random(f"{seed}:faults")
    length = count * SECONDS_PER_FAULT
    storms = [length * (number + 0.5) / (count // FAULTS_PER_STORM) for number in _storms(count)]
    single = count - len(storms) * len(STORM) * STORM_TIMES
    possible = [kind for kind in KINDS if kind.outcome_s < length]
    faults = [_fault(dice, kind, length, storms) for kind in _mix(dice, possible, single)]
    for at in storms:
        faults += [Fault(at, Family.API, name, "*", STORM_TIMES) for name in STORM]
    return sorted(faults, key=lambda fault: fault.at)


def _storms(count: int) -> range:
    return range(count // FAULTS_PER_STORM)


def _mix(dice: Random, kinds: Sequence[Kind], count: int) -> list[Kind]:
    """One of each kind as far as they go, the others by their shares."""
    each = dice.sample(kinds, len(kinds))[:count]
    return each + dice.choices(kinds, [kind.share for kind in kinds], k=count - len(each))


def _fault(dice: Random, kind: Kind, length: float, storms: Sequence[float]) -> Fault:
    is_call = kind.family is Family.API
    latest = length - kind.outcome_s
    return Fault(
        at=_quiet_time(dice, latest, storms) if is_call else dice.uniform(0, latest),
        family=kind.family,
        name=kind.name,
        where=dice.choices(list(kind.where), list(kind.where.values()))[0],
        seconds=round(dice.uniform(*kind.seconds), 1),
        pick=dice.random(),
    )


def _quiet_time(dice: Random, length: float, storms: Sequence[float]) -> float:
    while True:
        at = dice.uniform(0, length)
        if not any(storm <= at < storm + RECOVERY_S for storm in storms):
            return at
