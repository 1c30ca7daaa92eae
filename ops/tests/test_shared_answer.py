"""One answer for all who ask."""

from __future__ import annotations

import threading
import time

import pytest

from ops import shared_answer
from ops.shared_answer import SharedAnswer


class Question:
    """Counts how often it is asked, and may be made to wait."""

    def __init__(self):
        self.times = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self):
        self.times += 1
        self.may_answer.wait(10)
        return self.times


class TestSharedAnswer:
    def test_is_asked_for_once_by_all_who_come_together(self):
        question = Question()
        question.may_answer.clear()
        shared = SharedAnswer(question, fresh_s=60)
        heard = []
        askers = [
            threading.Thread(target=lambda: heard.append(shared.within(5))) for _ in range(20)
        ]

        for asker in askers:
            asker.start()
        question.may_answer.set()
        for asker in askers:
            asker.join()

        assert heard == [1] * 20

    def test_is_given_again_while_it_is_fresh(self):
        shared = SharedAnswer(Question(), fresh_s=60)

        assert [shared.within(5), shared.within(5)] == [1, 1]

    def test_is_asked_for_anew_when_it_is_stale(self):
        shared = SharedAnswer(Question(), fresh_s=0)

        assert [shared.within(5), shared.within(5)] == [1, 2]

    def test_that_does_not_come_is_not_waited_for(self):
        question = Question()
        question.may_answer.clear()
        shared = SharedAnswer(question, fresh_s=60)
        started = time.monotonic()

        with pytest.raises(TimeoutError):
            shared.within(0.1)
        with pytest.raises(TimeoutError):
            shared.within(0.1)

        assert time.monotonic() - started < 1
        assert question.times == 1
        question.may_answer.set()
        assert shared.within(5) == 1

    def test_that_never_comes_is_given_up_and_asked_for_anew(self, monkeypatch):
        question = Question()
        question.may_answer.clear()
        shared = SharedAnswer(question, fresh_s=60)
        with pytest.raises(TimeoutError):
            shared.within(0.05)

        monkeypatch.setattr(shared_answer, "GIVEN_UP_AFTER_S", 0.01)
        time.sleep(0.02)
        with pytest.raises(TimeoutError):
            shared.within(0.05)

        assert question.times == 2
        question.may_answer.set()

    def test_that_is_an_error_is_everybody_s(self):
        def fail():
            raise KeyError("gone")

        shared = SharedAnswer(fail, fresh_s=60)

        for _ in range(2):
            with pytest.raises(KeyError):
                shared.within(5)
