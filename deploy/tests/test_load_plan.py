"""The forms of a run: who comes when, in which mix, and at which rate."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import pytest

from deploy.load import plan
from deploy.load.scenarios import Visitor


class TestTheMix:
    def test_is_the_one_that_was_asked_for(self):
        assert plan.MIX == {
            "browse": 60,
            "search": 15,
            "detail": 15,
            "sign_in": 3,
            "buy": 5,
            "download": 2,
        }
        assert sum(plan.MIX.values()) == 100

    def test_names_visits_that_exist(self):
        assert all(callable(getattr(Visitor, name)) for name in plan.MIX)
        assert plan.REQUESTS.keys() == plan.MIX.keys() == plan.MIX_OF_SMOKE.keys()

    def test_is_exact_in_every_hundred_visits(self):
        visits = list(islice(plan.deck(plan.MIX, seed=1), 300))

        for begin in (0, 100, 200):
            assert Counter(visits[begin : begin + 100]) == plan.MIX

    def test_of_a_smoke_test_has_every_kind_in_its_first_seconds(self):
        visits = list(islice(plan.deck(plan.MIX_OF_SMOKE, seed=1), 19))

        assert set(visits) == set(plan.MIX)

    def test_comes_in_another_order_each_hundred(self):
        visits = list(islice(plan.deck(plan.MIX, seed=1), 200))

        assert visits[:100] != visits[100:]

    def test_asks_for_a_few_more_requests_than_visits(self):
        assert plan.requests_a_visit(plan.MIX) == pytest.approx(1.12)
        assert plan.requests_a_visit({"buy": 100}) == 3


class TestTheGuidesStages:
    form = plan.guide(stage_seconds=60)

    @pytest.mark.parametrize(
        ("second", "users"),
        [(0, 0), (30, 5), (60, 10), (90, 30), (120, 50), (180, 100), (240, 50), (299.9, 0)],
    )
    def test_go_from_one_number_of_users_to_the_next(self, second, users):
        assert self.form.users_at(second) == users

    def test_end(self):
        assert self.form.users_at(300) is None
        assert self.form.seconds == 300
        assert self.form.most_users == 100


class TestTheSteadyForm:
    def test_keeps_its_users_from_the_first_seconds_to_the_end(self):
        form = plan.steady(rate=50, seconds=120)

        assert form.users_at(0) == 0
        assert form.users_at(3) == form.users_at(122.9) == form.most_users == 60
        assert form.users_at(123) is None

    @pytest.mark.parametrize("mix", [plan.MIX, {"buy": 100}, {"browse": 100}])
    def test_sends_as_many_requests_as_asked_for(self, mix):
        form = plan.steady(rate=50, seconds=120)

        visits_a_second = form.most_users / form.pause_between_starts(mix)

        assert visits_a_second * plan.requests_a_visit(mix) == pytest.approx(50)

    def test_leaves_a_visit_more_than_a_second(self):
        """Or the rate would fall as soon as an answer takes long, and hide it."""
        form = plan.steady(rate=50, seconds=120)

        assert form.pause_between_starts(plan.MIX) > 1.3


class TestThePace:
    form = plan.steady(rate=50, seconds=60)

    def visits_of(self, pace, *, seconds, each_takes=0.0):
        now, begun = 0.0, []
        while True:
            now += pace.pause(now=now)
            if now > seconds:
                return begun
            begun.append(now)
            now += each_takes

    def pace(self, seed=1, form=None):
        return plan.Pace(form or self.form, plan.MIX, Random(seed), now=0.0)

    @pytest.mark.parametrize("each_takes", [0.0, 0.5, 1.0, 1.2])
    def test_keeps_the_rate_whatever_a_visit_takes(self, each_takes):
        visits = sum(
            len(self.visits_of(self.pace(seed), seconds=600, each_takes=each_takes))
            for seed in range(self.form.most_users)
        )

        assert visits * plan.requests_a_visit(plan.MIX) / 600 == pytest.approx(50, rel=0.03)

    def test_begins_late_visits_at_once(self):
        pace = self.pace()
        pace.pause(now=0.0)

        assert pace.pause(now=100.0) == 0.0

    def test_does_not_bring_users_into_step_who_met_once(self):
        """All have waited for the same second; a minute later they come at any moment."""
        paces = [self.pace(seed) for seed in range(self.form.most_users)]
        for pace in paces:
            pace.pause(now=10.0)
        later = [next(at for at in self.visits_of(pace, seconds=70) if at >= 60) for pace in paces]

        tenths = Counter(int(at * 10) for at in later)
        assert max(tenths.values()) <= len(paces) / 4

    def test_of_the_guides_form_thinks_for_one_to_three_seconds(self):
        pace = self.pace(form=plan.guide(stage_seconds=60))

        pauses = [pace.pause(now=0.0) for _ in range(200)]

        assert 1.0 <= min(pauses) < 1.2
        assert 2.8 < max(pauses) <= 3.0
