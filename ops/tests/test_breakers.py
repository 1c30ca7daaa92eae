"""Circuit breakers: when they open, who gets through, and who is told."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from alerts.models import Alert
from ops import breakers
from ops.breakers import LEAST_CALLS, WINDOW_S, BreakerOpen, Ticket
from ops.models import CircuitBreaker
from ops.states import Forced

NAME = "razorpay"


def call(*, succeeds: bool) -> None:
    breakers.record(breakers.admit(NAME), succeeded=succeeds)


def row() -> CircuitBreaker:
    return CircuitBreaker.objects.get(name=NAME)


def open_it() -> None:
    for _ in range(LEAST_CALLS):
        call(succeeds=False)
    assert row().state == "open"


def let_time_pass(seconds: float) -> None:
    """The breaker's last change was so much earlier."""
    CircuitBreaker.objects.update(changed_at=F("changed_at") - timedelta(seconds=seconds))


@pytest.mark.django_db
class TestABreaker:
    @pytest.mark.parametrize(
        ("successes", "failures", "state"),
        [(0, 4, "closed"), (0, 5, "open"), (3, 3, "open"), (4, 3, "closed"), (50, 49, "closed")],
    )
    def test_opens_at_half_of_at_least_five_calls(self, successes, failures, state):
        for _ in range(successes):
            call(succeeds=True)
        for _ in range(failures):
            call(succeeds=False)

        assert row().state == state

    def test_that_is_open_admits_nobody_and_says_when_to_come_back(self):
        open_it()

        with pytest.raises(BreakerOpen) as refusal:
            breakers.admit(NAME)

        assert refusal.value.retry_after == 30

    def test_refuses_by_one_query(self, django_assert_num_queries):
        open_it()

        with django_assert_num_queries(1), pytest.raises(BreakerOpen):
            breakers.admit(NAME)

    def test_lets_one_call_through_after_thirty_seconds(self):
        open_it()
        let_time_pass(30)

        breakers.admit(NAME)

        assert row().state == "half_open"
        with pytest.raises(BreakerOpen):
            breakers.admit(NAME)

    @pytest.mark.parametrize(("succeeds", "state"), [(True, "closed"), (False, "open")])
    def test_follows_the_outcome_of_that_call(self, succeeds, state):
        open_it()
        let_time_pass(30)

        call(succeeds=succeeds)

        assert row().state == state
        assert row().moves.count() == 3

    def test_lets_another_one_through_when_the_first_never_came_back(self):
        open_it()
        let_time_pass(30)
        lost = breakers.admit(NAME)
        let_time_pass(30)

        call(succeeds=True)
        breakers.record(lost, succeeded=False)

        assert row().state == "closed"

    def test_forgets_calls_of_before_it_changed(self):
        early = breakers.admit(NAME)
        open_it()
        let_time_pass(30)

        breakers.record(early, succeeded=True)

        assert row().state == "open"

    def test_leaves_a_history_and_an_alert_that_is_resolved_once_it_is_closed(self):
        open_it()
        let_time_pass(30)
        call(succeeds=True)

        moves = list(row().moves.order_by("id").values_list("old", "new", "why"))
        assert moves == [
            ("closed", "open", "5 of 5 calls failed within 10 s"),
            ("open", "half_open", "one call is let through"),
            ("half_open", "closed", "the probe succeeded"),
        ]
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("ops.breaker_changed", "critical")
        assert (alert.state, alert.moves.get().why) == ("resolved", "closed: the probe succeeded")

    def test_costs_a_call_no_answer_when_its_outcome_cannot_be_counted(self, monkeypatch):
        ticket = breakers.admit(NAME)

        def away(**_):
            raise OperationalError("the database is away")

        monkeypatch.setattr(breakers, "_record", away)

        breakers.record(ticket, succeeded=True)


@pytest.mark.django_db
class TestAForcedBreaker:
    def force(self, to, why="maintenance"):
        actor_id = uuid4()
        breakers.force(name=NAME, to=to, why=why, actor_id=actor_id)
        return actor_id

    def test_that_is_open_admits_nobody_however_long_it_lasts(self):
        actor_id = self.force(Forced.OPEN)
        let_time_pass(3600)

        with pytest.raises(BreakerOpen):
            breakers.admit(NAME)

        move = row().moves.get()
        assert (move.new, move.why, move.actor_id) == ("forced open", "maintenance", actor_id)
        assert Alert.objects.get().severity == "critical"

    def test_that_is_closed_admits_all_whatever_fails(self):
        open_it()
        self.force(Forced.CLOSED)

        for _ in range(20):
            call(succeeds=False)

        assert row().effective_state == "closed"

    def test_that_is_released_goes_by_its_calls_again(self):
        self.force(Forced.OPEN)
        self.force(Forced.NOT, why="over")

        call(succeeds=True)

        assert (row().state, row().forced, row().forced_why) == ("closed", "", "")


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    def test_get_one_probe(self):
        open_it()
        let_time_pass(30)
        together = threading.Barrier(20)

        def ask(_number):
            together.wait(10)
            try:
                breakers.admit(NAME)
            except BreakerOpen:
                return "refused"
            else:
                return "admitted"
            finally:
                connection.close()

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(ask, range(20)))

        assert sorted(answers) == ["admitted", *["refused"] * 19]

    def test_lose_no_count(self):
        def fail(_number):
            try:
                breakers.record(Ticket(NAME, 0), succeeded=True)
            finally:
                connection.close()

        breakers.admit(NAME)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fail, range(40)))

        assert breakers.totals(row().seconds) == (40, 0)

    def test_are_refused_within_fifty_milliseconds_while_it_is_open(self):
        open_it()
        waits = []
        for _ in range(20):
            started = time.perf_counter()
            with pytest.raises(BreakerOpen):
                breakers.admit(NAME)
            waits.append(time.perf_counter() - started)

        assert sorted(waits)[10] < 0.05

    def test_are_never_called_from_within_a_transaction(self):
        ticket = breakers.admit(NAME)

        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            breakers.record(ticket, succeeded=True)


class TestTheWindow:
    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60))
    def test_holds_the_calls_of_the_last_ten_seconds(self, calls):
        seconds, now, seen = {}, 1_000, []
        for pause, succeeded in calls:
            now += pause
            seconds = breakers.count(seconds, at=now, succeeded=succeeded)
            seen.append((now, succeeded))

        recent = [succeeded for at, succeeded in seen if at > now - WINDOW_S]
        assert breakers.totals(seconds) == (len(recent), recent.count(False))
