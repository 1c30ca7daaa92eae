"""State machines: moved once, and never without a trace."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from notevault.kit.ids import uuid7
from ops.moves import IllegalMove

pytestmark = pytest.mark.django_db

ACTOR = uuid7()


def history(row):
    return list(row.moves.order_by("id").values_list("old", "new", "why", "actor_id", "at"))


class TestMove:
    """On the note, which is published and may be withdrawn."""

    def test_writes_state_changes_and_history(self, note, now):
        moved = note.move("withdrawn", why="sold out", now=now, actor_id=ACTOR, rejected_why="x")

        assert moved is True
        assert (note.state, note.rejected_why) == ("withdrawn", "x")
        note.refresh_from_db()
        assert (note.state, note.rejected_why) == ("withdrawn", "x")
        assert history(note) == [("published", "withdrawn", "sold out", ACTOR, now)]

    def test_needs_no_actor(self, note, now):
        note.move("withdrawn", why="swept", now=now)

        assert history(note) == [("published", "withdrawn", "swept", None, now)]

    def test_writes_no_column_it_was_not_given(self, note, now):
        note.title = "changed in memory only"

        note.move("withdrawn", why="sold out", now=now)

        note.refresh_from_db()
        assert note.title != "changed in memory only"

    def test_touches_no_other_row(self, note, seller, now):
        other = type(note).objects.create(
            seller=seller, category=note.category, price_paise=100, created_at=now, title="Other"
        )
        other_state = other.state

        note.move("withdrawn", why="sold out", now=now)

        other.refresh_from_db()
        assert (other.state, history(other)) == (other_state, [])

    def test_cuts_a_long_reason(self, note, now):
        note.move("withdrawn", why="w" * 500, now=now)

        assert history(note)[0][2] == "w" * 200

    def test_says_what_it_was(self, note, now):
        note.move("withdrawn", why="sold out", now=now)

        assert str(note.moves.get()) == "published → withdrawn: sold out"


class TestMoveLocked:
    """Many rows, which the caller has locked, each for its own reason."""

    @pytest.fixture
    def others(self, note):
        made = [type(note).objects.get(pk=note.pk) for _ in range(2)]
        for row in made:
            row.pk, row._state.adding = uuid7(), True
            row.save()
        return made

    def withdraw(self, rows, now):
        moves = [(row, f"reason {number}") for number, row in enumerate(rows)]
        type(rows[0]).move_locked(
            moves, "withdrawn", now=now, actor_id=ACTOR, changed=["rejected_why"]
        )

    def test_writes_states_changes_and_history(self, note, others, now):
        note.rejected_why, note.title = "told", "changed in memory only"

        self.withdraw([note, *others], now)

        note.refresh_from_db()
        assert (note.state, note.rejected_why) == ("withdrawn", "told")
        assert note.title != "changed in memory only"
        for number, row in enumerate([note, *others]):
            row.refresh_from_db()
            assert row.state == "withdrawn"
            assert history(row) == [("published", "withdrawn", f"reason {number}", ACTOR, now)]

    def test_costs_as_many_queries_for_many_as_for_one(
        self, note, others, now, django_assert_num_queries
    ):
        with django_assert_num_queries(2):
            self.withdraw([note], now)
        with django_assert_num_queries(2):
            self.withdraw(others, now)

    def test_of_nothing_asks_nothing(self, note, now, django_assert_num_queries):
        with django_assert_num_queries(0):
            type(note).move_locked([], "withdrawn", now=now)

    def test_moves_none_when_one_may_not(self, note, others, now):
        note.move("withdrawn", why="first", now=now)

        with pytest.raises(IllegalMove):
            self.withdraw([*others, note], now)

        assert history(others[0]) == []
        assert type(note).objects.filter(state="published").count() == 2


class TestIllegalMove:
    @pytest.mark.parametrize("to", ["draft", "submitted", "published", "nowhere"])
    def test_raises_and_changes_nothing(self, note, now, to):
        assert not note.can_move(to)

        with pytest.raises(IllegalMove, match=f"published → {to}"):
            note.move(to, why="no reason", now=now, price_paise=5000)

        assert (note.state, note.price_paise) == ("published", 9900)
        note.refresh_from_db()
        assert (note.state, note.price_paise, history(note)) == ("published", 9900, [])

    def test_is_one_from_a_state_that_the_machine_does_not_know(self, note, now):
        note.state = "nowhere"

        with pytest.raises((IllegalMove, KeyError)):
            note.move("published", why="no reason", now=now)

        note.refresh_from_db()
        assert (note.state, history(note)) == ("published", [])


class TestLostMove:
    def test_is_false_and_writes_no_history(self, note, now):
        stale = type(note).objects.get(pk=note.pk)
        note.move("withdrawn", why="first", now=now)

        moved = stale.move("withdrawn", why="second", now=now, rejected_why="x")

        assert moved is False
        assert (stale.state, stale.rejected_why) == ("published", "")
        note.refresh_from_db()
        assert note.rejected_why == ""
        assert [why for _old, _new, why, *_ in history(note)] == ["first"]

    def test_is_false_when_the_row_is_gone(self, note, now):
        draft = type(note).objects.create(
            seller=note.seller, category=note.category, price_paise=100, created_at=now
        )
        stale = type(note).objects.get(pk=draft.pk)
        draft.delete()

        assert stale.move("submitted", why="too late", now=now) is False

    @pytest.mark.django_db(transaction=True)
    def test_is_that_of_all_but_one_who_move_at_once(self, note, now):
        start = threading.Barrier(8)

        def withdraw(number):
            mine = type(note).objects.get(pk=note.pk)
            connections.close_all()
            start.wait(20)
            try:
                with transaction.atomic():
                    return mine.move("withdrawn", why=f"{number}", now=now)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            moved = list(pool.map(withdraw, range(8)))

        assert sorted(moved) == [False] * 7 + [True]
        assert [why for _o, _n, why, *_ in history(note)] == [str(moved.index(True))]


class TestRolledBackMove:
    @pytest.mark.django_db(transaction=True)
    def test_leaves_neither_state_nor_history(self, note, now):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            note.move("withdrawn", why="sold out", now=now)
            raise ZeroDivisionError

        note.refresh_from_db()
        assert (note.state, history(note)) == ("published", [])
