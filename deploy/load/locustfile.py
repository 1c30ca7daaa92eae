"""What locust runs; `python -m deploy.load` starts it, and tells it of the run in a file."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import gevent
from locust import FastHttpUser, LoadTestShape, events, task

from deploy.load import plan
from deploy.load.checks import WrongAnswer
from deploy.load.recorder import Recorder
from deploy.load.scenarios import Person, Street, Visitor

RUN = json.loads(Path(os.environ["LOAD_RUN"]).read_text())
FORM = plan.Form(
    RUN["form"]["name"],
    tuple(plan.Stage(**stage) for stage in RUN["form"]["stages"]),
    RUN["form"]["rate"],
)
MIX = RUN["mix"]
DECK = plan.deck(MIX, seed=RUN["seed"])
PEOPLE = deque(Person(**person) for person in RUN["people"])
STREET = Street(sandbox_url=RUN["sandbox_url"], digests=RUN["digests"])
RECORDER = Recorder()
DICE = Random(RUN["seed"])  # noqa: S311 nothing is secret


class Shopper(FastHttpUser):
    """One address, one connection, one person at a time."""

    host = RUN["base_url"]
    insecure = False
    network_timeout = plan.LAST_VISIT_S

    def on_start(self) -> None:
        self.person = PEOPLE.popleft() if PEOPLE else Person()
        self.visitor = Visitor(
            client=self.client,
            person=self.person,
            street=STREET,
            sleep=gevent.sleep,
            tell=self._tell,
        )
        self.pace = plan.Pace(FORM, MIX, DICE, now=time.monotonic())
        gevent.sleep(self.wait_time())

    def wait_time(self) -> float:
        return self.pace.pause(now=time.monotonic())

    def on_stop(self) -> None:
        PEOPLE.append(self.person)

    @task
    def visit(self) -> None:
        scenario = next(DECK)
        if not self.person.email and scenario not in plan.ANONYMOUS:
            scenario = "browse"
        with suppress(WrongAnswer):  # it is in the figures; any other goes to `note_broken`
            getattr(self.visitor, scenario)()

    def _tell(self, kind: str, row: str, ms: float, fault: str) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=row,
            response_time=ms,
            response_length=0,
            exception=WrongAnswer(fault) if fault else None,
            context={},
        )


class Shape(LoadTestShape):
    def tick(self) -> tuple[int, float] | None:
        users = FORM.users_at(self.get_run_time())
        return None if users is None else (users, plan.USERS_A_SECOND)


@events.request.add_listener
def note(name: str, response_time: float, exception: Any, **_: Any) -> None:
    fault = f"{exception}" or type(exception).__name__ if exception else ""
    RECORDER.note(name, ms=response_time, ended_at=time.time(), fault=fault)


@events.user_error.add_listener
def note_broken(exception: BaseException, **_: Any) -> None:
    RECORDER.note_broken(exception)


@events.quitting.add_listener
def save(**_: Any) -> None:
    RECORDER.orders, RECORDER.paid = STREET.orders, STREET.paid
    RECORDER.save(Path(RUN["result"]))
