"""What each buyer does: the same seed gives the same shopping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Way(Enum):
    PAYS = auto()
    PAYS_TWICE = auto()
    """In two tabs at the same time."""
    NEVER_PAYS = auto()
    CANCELS = auto()
    PAYS_CANCELLED = auto()
    PAYS_EXPIRED = auto()
    PAYS_OVERTAKEN = auto()
    """Cancels, buys the same notes by another order, then pays the first one as well."""
    PAYS_WITHDRAWN = auto()
    """Cancels, the seller withdraws the notes, then pays."""
    LIES = auto()
    """Reports payments with a forged signature and from another account."""


class Claim(Enum):
    """What a buyer asks to have back of what they have bought."""

    NOTHING = auto()
    ALL = auto()
    PART = auto()
    """A part of the price of one note, which they keep."""
    AFTER_READING = auto()
    """All, though they have downloaded it: no rule decides that."""


WAYS = {
    Way.PAYS: 52,
    Way.PAYS_TWICE: 9,
    Way.NEVER_PAYS: 6,
    Way.CANCELS: 5,
    Way.PAYS_CANCELLED: 7,
    Way.PAYS_EXPIRED: 6,
    Way.PAYS_OVERTAKEN: 7,
    Way.PAYS_WITHDRAWN: 3,
    Way.LIES: 5,
}
CLAIMS = {Claim.NOTHING: 40, Claim.ALL: 22, Claim.PART: 18, Claim.AFTER_READING: 20}
REASONS = {"file_broken": 1, "not_as_described": 4, "bought_by_mistake": 3, "other": 2}
METHODS: dict[str, int] = {"upi": 6, "card": 2, "netbanking": 2}


@dataclass(frozen=True)
class Plan:
    """`buyer` and `notes` are places in the world's lists; `reports` is how often the client
    reports the payment: never means that the webhook is all we hear."""

    number: int
    buyer: int
    notes: tuple[int, ...]
    way: Way
    has_key: bool
    repeats_order: bool
    method: str
    fails_first: bool
    reports: int
    think_s: float
    has_coupon: bool
    claim: Claim
    reason: str
    claims_twice: bool


def make_plans(*, seed: int, buyers: int, notes: int) -> Iterator[Plan]:
    """Plans without end."""
    dice = Random(f"{seed}:buyers")
    number = 0
    while True:
        number += 1
        yield Plan(
            number=number,
            buyer=dice.randrange(buyers),
            notes=tuple(dice.sample(range(notes), dice.choice((1, 1, 1, 2, 3)))),
            way=_one_of(WAYS, dice),
            has_key=dice.random() < 0.6,
            repeats_order=dice.random() < 0.15,
            method=_one_of(METHODS, dice),
            fails_first=dice.random() < 0.1,
            reports=dice.choice((0, 0, 0, 1, 1, 1, 1, 2, 3)),
            think_s=round(dice.uniform(0, 0.6), 2),
            has_coupon=dice.random() < 0.3,
            claim=_one_of(CLAIMS, dice),
            reason=_one_of(REASONS, dice),
            claims_twice=dice.random() < 0.4,
        )


def _one_of(shares: dict[T, int], dice: Random) -> T:
    return dice.choices(list(shares), list(shares.values()))[0]
