"""The storm and the shopping come from a seed alone."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from notevault.chaos.plans import Way, make_plans
from notevault.chaos.schedule import (
    KINDS,
    RECOVERY_S,
    RETRIES_S,
    SECONDS_PER_FAULT,
    STORM_TIMES,
    Family,
    make_schedule,
)


class TestASchedule:
    def test_is_the_same_for_the_same_seed(self) -> None:
        assert make_schedule(seed=7, count=1000) == make_schedule(seed=7, count=1000)

    def test_is_another_one_for_another_seed(self) -> None:
        assert make_schedule(seed=7, count=1000) != make_schedule(seed=8, count=1000)

    @pytest.mark.parametrize("count", [1, 60, 499, 500, 1000, 2345])
    def test_holds_exactly_as_many_faults_as_asked(self, count: int) -> None:
        assert sum(fault.times for fault in make_schedule(seed=1, count=count)) == count

    def test_is_in_order_of_time_and_ends_in_time(self) -> None:
        times = [fault.at for fault in make_schedule(seed=1, count=1000)]

        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= 1000 * SECONDS_PER_FAULT

    def test_has_every_kind_of_fault_even_when_it_is_short(self) -> None:
        planned = {fault.name for fault in make_schedule(seed=3, count=len(KINDS))}

        assert planned == {kind.name for kind in KINDS if not kind.outcome_s}

    def test_begins_nothing_that_cannot_be_over_at_its_end(self) -> None:
        length = 1000 * SECONDS_PER_FAULT
        poison = [f.at for f in make_schedule(seed=3, count=1000) if f.name == "poison_event"]

        assert poison
        assert max(poison) <= length - RETRIES_S

    def test_leaves_the_gateway_alone_after_a_storm(self) -> None:
        schedule = make_schedule(seed=2, count=2000)
        storms = {fault.at for fault in schedule if fault.times == STORM_TIMES}
        calls = [f.at for f in schedule if f.family is Family.API and f.at not in storms]

        assert len(storms) == 4
        assert not [at for at in calls for storm in storms if storm <= at < storm + RECOVERY_S]

    def test_keeps_to_the_shares_in_the_long_run(self) -> None:
        planned = Counter(fault.name for fault in make_schedule(seed=5, count=20_000))

        assert 0.7 < planned["kill_worker"] / (20 * 6) < 1.3
        assert 0.8 < planned["drop"] / (20 * 80) < 1.2


class TestPlans:
    def test_are_the_same_for_the_same_seed(self) -> None:
        one, other = (islice(make_plans(seed=7, buyers=50, notes=90), 200) for _ in range(2))

        assert list(one) == list(other)

    def test_are_others_for_another_seed(self) -> None:
        one = list(islice(make_plans(seed=7, buyers=50, notes=90), 50))

        assert one != list(islice(make_plans(seed=8, buyers=50, notes=90), 50))

    def test_stay_within_the_people_and_notes_there_are(self) -> None:
        plans = list(islice(make_plans(seed=1, buyers=3, notes=4), 500))

        assert {plan.buyer for plan in plans} == {0, 1, 2}
        assert {place for plan in plans for place in plan.notes} == {0, 1, 2, 3}
        assert all(len(set(plan.notes)) == len(plan.notes) for plan in plans)

    def test_go_every_way_there_is(self) -> None:
        plans = islice(make_plans(seed=1, buyers=50, notes=90), 500)

        assert {plan.way for plan in plans} == set(Way)
