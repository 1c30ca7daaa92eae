"""The forms of a run: how many users come when, what they do, and how often.

Imported by both sides: the orchestrator, and locust in its own virtual environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from random import Random

# In a hundred visits. `browse` and the rest are methods of scenarios.Visitor.
MIX = {"browse": 60, "search": 15, "detail": 15, "sign_in": 3, "buy": 5, "download": 2}
# Of each kind some, in the few visits of a smoke test.
MIX_OF_SMOKE = {"browse": 9, "search": 3, "detail": 3, "sign_in": 1, "buy": 2, "download": 1}
# That a visitor sends when nothing has to be asked twice. The gateway's webhooks are not
# counted: they come on top.
REQUESTS = {"browse": 1, "search": 1, "detail": 1, "sign_in": 1, "buy": 3, "download": 2}
ANONYMOUS = ("browse", "search", "detail")

# The guide's: so many users at the end of each stage, beginning with none.
GUIDE_STAGES = (10, 50, 100, 50, 0)
THINKING_S = (1.0, 3.0)
# A visit may ask thrice for the outcome of a payment.
LAST_VISIT_S = 30
USERS_A_SECOND = 20


@dataclass(frozen=True)
class Stage:
    """Users go from those of the stage before to so many, evenly."""

    seconds: float
    users: int


@dataclass(frozen=True)
class Form:
    """`rate` bounds the requests a second; 0 leaves the visitors to think between visits."""

    name: str
    stages: tuple[Stage, ...]
    rate: float = 0.0

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def most_users(self) -> int:
        return max(stage.users for stage in self.stages)

    def users_at(self, second: float) -> int | None:
        """None when the run is over."""
        before, begun = 0, 0.0
        for stage in self.stages:
            if second < begun + stage.seconds:
                part = (second - begun) / stage.seconds
                return round(before + (stage.users - before) * part)
            before, begun = stage.users, begun + stage.seconds
        return None

    def pause_between_starts(self, mix: Mapping[str, int]) -> float:
        """Seconds from the start of one visit of a user to that of the next, on average, so
        that all of them together send `rate` requests a second."""
        return self.most_users * requests_a_visit(mix) / self.rate


class Pace:
    """When one user begins its visits.

    At a rate, near the marks of a timetable of its own. Counted from the end of the visit before,
    users who had to wait for each other once would stay in step: a burst each second, nothing
    between.
    """

    def __init__(self, form: Form, mix: Mapping[str, int], dice: Random, *, now: float) -> None:
        self.rate, self.dice = form.rate, dice
        self.mean = form.pause_between_starts(mix) if form.rate else 0.0
        self.mark = now + dice.uniform(-1.0, 0.0) * self.mean

    def pause(self, *, now: float) -> float:
        """Seconds until the next visit; one that is late begins at once."""
        if not self.rate:
            return self.dice.uniform(*THINKING_S)
        # What a visit of more than one pause has cost is not caught up in a burst.
        self.mark = max(self.mark + self.mean, now - self.mean)
        return max(0.0, self.mark + self.dice.uniform(-0.5, 0.5) * self.mean - now)


def steady(*, rate: float, seconds: float) -> Form:
    """All users come in the first seconds. There are enough of them that a visit may take
    more than a second before the rate suffers."""
    users = max(4, round(rate * 1.2))
    ramp = min(3.0, users / USERS_A_SECOND)
    return Form("steady", (Stage(ramp, users), Stage(seconds, users)), rate)


def guide(*, stage_seconds: float) -> Form:
    return Form("guide", tuple(Stage(stage_seconds, users) for users in GUIDE_STAGES))


def requests_a_visit(mix: Mapping[str, int]) -> float:
    return sum(share * REQUESTS[name] for name, share in mix.items()) / sum(mix.values())


def deck(mix: Mapping[str, int], *, seed: int) -> Iterator[str]:
    """Names without end, dealt from one deck after the other: each has exactly the mix."""
    dice = Random(seed)  # noqa: S311 nothing is secret
    cards = list(chain.from_iterable([name] * share for name, share in mix.items()))
    while True:
        yield from dice.sample(cards, len(cards))
