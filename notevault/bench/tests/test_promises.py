"""When a promise holds, and when it is broken."""

from __future__ import annotations

import pytest

from notevault.bench import promises
from notevault.bench.client import Reply, Sample

OK = Reply(200)
REFUSED = Reply(503, {"content-type": "application/problem+json", "retry-after": "5"})
NOTHING = Reply(0)


def samples(*times: float, reply: Reply = OK) -> list[Sample]:
    return [Sample(seconds, reply) for seconds in times]


class TestAWebhook:
    def test_may_be_slow_once_in_a_hundred(self) -> None:
        found = promises.webhooks_are_quick(samples(*[0.02] * 99, 3.0))

        assert (found.holds, found.measured) == (True, "20 ms")

    def test_may_not_be_slow_twice(self) -> None:
        assert not promises.webhooks_are_quick(samples(*[0.02] * 98, 0.1, 3.0)).holds

    @pytest.mark.parametrize(("reply", "shown"), [(REFUSED, "503"), (NOTHING, "no answer")])
    def test_may_never_be_answered_otherwise(self, reply: Reply, shown: str) -> None:
        found = promises.webhooks_are_quick(samples(*[0.02] * 99) + samples(0.02, reply=reply))

        assert (found.holds, found.measured) == (False, f"20 ms, 1 × {shown}")


class TestARefusal:
    def test_is_quick(self) -> None:
        assert promises.refusals_are_quick(samples(0.05, reply=REFUSED)).holds
        assert not promises.refusals_are_quick(samples(0.051, reply=REFUSED)).holds

    @pytest.mark.parametrize(
        "reply",
        [
            OK,
            Reply(503, {"content-type": "text/html", "retry-after": "5"}),
            Reply(503, {"content-type": "application/problem+json"}),
            Reply(500, REFUSED.headers),
        ],
    )
    def test_is_a_problem_that_says_when_to_come_back(self, reply: Reply) -> None:
        assert not promises.refusals_are_quick(samples(0.01, reply=reply)).holds


class TestMoney:
    @pytest.mark.parametrize("reply", [OK, Reply(201), REFUSED])
    def test_is_done_or_refused_in_time(self, reply: Reply) -> None:
        assert promises.money_is_answered(samples(0.1, 6.0, reply=reply)).holds

    def test_is_never_answered_late(self) -> None:
        found = promises.money_is_answered(samples(*[0.1] * 1000, 6.01))

        assert (found.holds, found.measured) == (False, "6.01 s")

    @pytest.mark.parametrize("reply", [NOTHING, Reply(500), Reply(503)])
    def test_is_never_left_unclear(self, reply: Reply) -> None:
        assert not promises.money_is_answered(samples(0.1, reply=reply)).holds


class TestTheCatalogue:
    def test_is_judged_by_the_median_of_its_rounds(self) -> None:
        quiet = [samples(0.01), samples(0.01), samples(0.02)]
        disturbed = [samples(0.02), samples(0.09), samples(0.02)]

        found = promises.catalogue_keeps_its_pace(quiet, disturbed)

        assert (found.holds, found.measured) == (True, "2.00 (2.00, 9.00, 1.00)")

    def test_may_not_take_more_than_twice_its_time(self) -> None:
        assert not promises.catalogue_keeps_its_pace([samples(0.01)], [samples(0.021)]).holds

    def test_may_not_fail(self) -> None:
        failed = samples(0.01, reply=REFUSED)

        assert not promises.catalogue_keeps_its_pace([samples(0.01)], [failed]).holds
