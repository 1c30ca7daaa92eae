"""Limits: what is counted, what decides, and the table that tells it."""

from __future__ import annotations

import pytest

from deploy.load import limits, plan, table
from deploy.load.limits import Machine, Traffic
from deploy.load.recorder import BROKEN, Recorder, read
from deploy.load.scenarios import FLOW, PAY

CALM = Machine(web_peak_mb=240.0, connections=26, queue_age_s=0.2)


def traffic(*, seconds=10.0, faults=None, **times):
    """Underscores stand for what no keyword can hold."""
    return Traffic(
        seconds, {name.replace("_", " "): ms for name, ms in times.items()}, faults or {}
    )


def quick(count=500):
    return traffic(browse=[20.0] * count)


def mixed(*, without=()):
    """Every kind of visit, made to its end."""
    return Traffic(10.0, {row: [20.0] for kind, row in limits.ENDS.items() if kind not in without})


def steady(found, machine=CALM, *, mix=("browse",)):
    return limits.of_steady(found, machine, mix=mix, asked_rate=50)


def guide(found, machine=None, **options):
    return limits.of_guide(found, machine, **{"mix": ("browse",), **options})


def verdicts(judged):
    return [limit.holds for limit in judged]


class TestPercentiles:
    def test_are_values_that_were_measured(self):
        row = limits.row_of("browse", [float(ms) for ms in range(1, 101)], 3)

        assert (row.count, row.errors) == (100, 3)
        assert (row.p50, row.p95, row.p99, row.longest) == (50, 95, 99, 100)

    def test_of_nothing_are_nothing(self):
        assert limits.row_of("browse", [], 0).p95 == 0

    def test_of_one_are_that_one(self):
        assert limits.row_of("browse", [7.0], 0).p50 == 7


class TestTheWholeOfTheWebServer:
    def test_holds_those_that_were_asked_to_wait(self):
        found = Traffic(1.0, {"browse": [1.0], "buy: wait for the outcome": [900.0]})

        assert found.whole().longest == 900

    def test_leaves_out_what_others_answer(self):
        found = Traffic(2.0, {"browse": [1.0, 2.0], PAY: [50.0], FLOW: [900.0]})

        assert (found.whole().count, found.whole().longest, found.rate()) == (2, 2.0, 1.0)

    def test_counts_a_payment_that_led_nowhere_as_an_error(self):
        found = Traffic(1.0, {"browse": [1.0], FLOW: [30_000.0]}, {FLOW: {"no outcome": 1}})

        assert not limits.no_errors(found).holds


class TestTheSteadyLimits:
    def test_hold_for_a_calm_run(self):
        assert all(verdicts(steady(quick())))

    @pytest.mark.parametrize(
        ("found", "machine", "broken"),
        [
            (traffic(browse=[20.0] * 500, faults={"browse": {"429": 1}}), CALM, "no error"),
            (traffic(browse=[20.0] * 400 + [300.0] * 100), CALM, "p95"),
            (quick(474), CALM, "requests a second"),
            (quick(), Machine(400.0, 26, 0.2), "memory"),
            (quick(), Machine(0.0, 26, 0.2), "memory"),
            (quick(), Machine(240.0, 80, 0.2), "connections"),
            (quick(), Machine(240.0, 0, 0.2), "connections"),
            (quick(), Machine(240.0, 26, 10.0), "oldest job"),
            (quick(), Machine(240.0, 26, 0.2, ("lost: a payment",)), "books"),
        ],
    )
    def test_are_broken_one_by_one(self, found, machine, broken):
        judged = steady(found, machine)

        (only,) = [limit for limit in judged if not limit.holds]
        assert broken in only.text

    def test_do_not_hold_when_nothing_was_asked(self):
        assert not limits.no_errors(traffic()).holds


class TestTheGuidesThresholds:
    def test_decide_and_the_targets_do_not(self):
        faults = {"browse": {"503": 4}}
        found = traffic(browse=[1500.0] * 500, faults=faults)

        judged = guide(found)

        assert [(limit.decides, limit.holds) for limit in judged] == [
            (True, True),
            (True, True),
            (True, True),
            (False, False),
            (False, False),
        ]

    @pytest.mark.parametrize(("errors", "holds"), [(4, True), (5, False)])
    def test_allow_less_than_one_error_in_a_hundred(self, errors, holds):
        found = traffic(browse=[1.0] * 500, faults={"browse": {"503": errors}})

        assert guide(found)[1].holds is holds

    @pytest.mark.parametrize(("ms", "holds"), [(1999.0, True), (2000.0, False)])
    def test_want_p95_below_two_seconds(self, ms, holds):
        assert guide(traffic(browse=[ms] * 100))[0].holds is holds

    def test_judge_the_machine_where_it_is_ours(self):
        judged = guide(quick(), Machine(240.0, 90, 0.0))

        assert [limit.text for limit in judged if not limit.holds] == [
            "database connections, peak below 80"
        ]

    @pytest.mark.parametrize(("rate", "holds"), [(0.0, True), (50.0, True), (60.0, False)])
    def test_judge_the_rate_where_one_was_asked_for(self, rate, holds):
        assert all(verdicts(guide(quick(), asked_rate=rate))) is holds


FORMS = {
    "steady": lambda found: limits.of_steady(found, CALM, mix=plan.MIX, asked_rate=50),
    "smoke": lambda found: limits.of_smoke(found, CALM, mix=plan.MIX),
    "guide": lambda found: limits.of_guide(found, CALM, mix=plan.MIX),
    "elsewhere": lambda found: limits.of_guide(found, mix=plan.MIX),
}


@pytest.mark.parametrize("form", FORMS)
class TestEachKindOfVisit:
    def verdict(self, form, found):
        (limit,) = [each for each in FORMS[form](found) if "every kind of visit" in each.text]
        return limit

    def test_has_to_come_to_its_end(self, form):
        assert self.verdict(form, mixed()).holds

    @pytest.mark.parametrize("kind", plan.MIX)
    def test_is_missed_where_it_never_did(self, form, kind):
        limit = self.verdict(form, mixed(without=[kind]))

        assert (limit.holds, limit.measured) == (False, f"none of: {limits.ENDS[kind]}")

    def test_is_missed_where_it_only_failed(self, form):
        failed = Traffic(10.0, mixed().times, {FLOW: {"no outcome": 1}})

        assert self.verdict(form, failed).measured == f"none of: {FLOW}"


class TestAKindThatNobodyAskedFor:
    def test_may_be_missing(self):
        assert limits.something_of_each(mixed(without=["buy"]), ["browse", "search"]).holds


class TestTheTable:
    def test_has_a_row_for_each_kind_and_one_for_all(self):
        found = Traffic(1.0, {"search": [2.0], "browse": [1.0]}, {"search": {"503 busy": 1}})

        lines = list(table.traffic(found))

        assert [line.split()[0] for line in lines[1:3]] == ["browse", "search"]
        assert lines[2].split() == ["search", "1", "1", "2.0", "2.0", "2.0", "2.0"]
        assert lines[3].startswith("  all of the web server")
        assert lines[4] == "  1 × search: 503 busy"

    def test_tells_the_processor_time_of_an_answer(self):
        part = table.Part("web", 3, peak_mb=240.0, end_mb=230.0, cpu_s=30.0)

        lines = list(table.parts([part], seconds=60.0, requests=3000))

        assert lines[1].split() == ["web", "3", "240", "230", "0.50", "10.00"]

    def test_tells_a_target_from_a_limit(self):
        judged = [
            limits.Limit("a", "1", True),
            limits.Limit("b", "2", False),
            limits.Limit("c", "3", True, decides=False),
            limits.Limit("d", "4", False, decides=False),
        ]

        words = [line.split()[0] for line in table.limits(judged)]

        assert words == ["pass", "FAIL", "met", "missed"]


class TestTheRecorder:
    def test_gives_back_what_it_was_told(self, tmp_path):
        recorder = Recorder()
        recorder.note("browse", ms=500.0, ended_at=100.5)
        recorder.note("browse", ms=250.0, ended_at=110.0, fault="x" * 500)
        recorder.orders, recorder.paid = {"b", "a"}, {"a"}
        recorder.save(tmp_path / "result.json")

        found = read(tmp_path / "result.json")

        assert found["times"] == {"browse": [500.0, 250.0]}
        assert found["faults"] == {"browse": {"x" * 160: 1}}
        assert (found["seconds"], found["orders"], found["paid"]) == (10.0, ["a", "b"], ["a"])

    def test_keeps_a_bounded_number_of_kinds_of_fault(self):
        recorder = Recorder()
        for number in range(300):
            recorder.note("browse", ms=1.0, ended_at=1.0, fault=f"fault {number}")

        assert len(recorder.faults["browse"]) == 101
        assert recorder.faults["browse"].total() == 300

    def test_counts_a_visit_that_broke_off_between_two_requests(self):
        recorder = Recorder()
        recorder.note("browse", ms=1.0, ended_at=1.0)
        recorder.note_broken(IndexError("nothing to choose from"))

        found = Traffic(1.0, recorder.times, recorder.faults)

        assert found.faults == {BROKEN: {"IndexError: nothing to choose from": 1}}
        assert (found.errors(), found.whole().count) == (1, 1)
