"""Webhooks that somebody damaged or made up, by the thousand, and those that are only old."""

from __future__ import annotations

import gc
import json
import random
import resource
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import Alert
from notevault.kit import clock
from payments.gateways.signatures import sign
from payments.models import WebhookEvent
from payments.tests.factories import event_body

pytestmark = pytest.mark.django_db(transaction=True)

WEBHOOK = "/api/v1/webhooks/razorpay"
SECRET = "sandbox-webhook-secret"
# Of memory, from the middle of a flood to its end: objects, and the megabytes of the process.
FEW_BLOCKS = 5_000
FEW_MB = 10
DAY = 24 * 3600
MOST_S = 16 * DAY

Forgery = tuple[bytes, str]
Damage = Callable[[random.Random, bytes, bytes], Forgery]


def flip(rng: random.Random, text: bytes) -> bytes:
    damaged = bytearray(text)
    damaged[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def as_header(text: bytes) -> str:
    return text.decode("latin-1")


def own(body: bytes) -> str:
    return sign(body, secret=SECRET)


# What becomes of an event's body and of its signature, given another event's body.
DAMAGES: dict[str, Damage] = {
    "a bit of the body flipped": lambda rng, body, _: (flip(rng, body), own(body)),
    "a bit of the signature flipped": lambda rng, body, _: (
        body,
        as_header(flip(rng, own(body).encode())),
    ),
    "re-encoded": lambda _, body, __: (
        json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode(),
        own(body),
    ),
    "re-ordered": lambda _, body, __: (
        json.dumps(dict(reversed(json.loads(body).items()))).encode(),
        own(body),
    ),
    "body cut": lambda rng, body, _: (body[: rng.randrange(len(body))], own(body)),
    "body doubled": lambda _, body, __: (body * 2, own(body)),
    "body empty": lambda _, body, __: (b"", own(body)),
    "body with a space": lambda _, body, __: (body + b" ", own(body)),
    "body no text": lambda rng, body, _: (rng.randbytes(200), own(body)),
    "another event's body": lambda _, body, other: (other, own(body)),
    "another event's signature": lambda _, body, other: (body, own(other)),
    "another secret": lambda rng, body, _: (body, sign(body, secret=f"{SECRET}{rng.random()}")),
    "the key's secret": lambda _, body, __: (body, sign(body, secret="sandbox-key-secret")),
    "no signature": lambda _, body, __: (body, ""),
    "signature cut": lambda rng, body, _: (body, own(body)[: rng.randrange(64)]),
    "signature doubled": lambda _, body, __: (body, own(body) * 2),
    "signature too long": lambda rng, body, _: (body, own(body) + "0" * rng.randrange(1, 5000)),
    "signature in upper case": lambda _, body, __: (body, own(body).upper()),
    "signature with spaces": lambda rng, body, _: (
        body,
        rng.choice((" {}", "{} ", "{}\t")).format(own(body)),
    ),
    "signature not ASCII": lambda rng, body, _: (body, as_header(rng.randbytes(64))),
    "signature in Hindi digits": lambda _, body, __: (body, as_header(("०" * 64).encode())),
    "signature prefixed": lambda _, body, __: (body, "sha256=" + own(body)),
    "made up": lambda rng, body, _: (body, rng.randbytes(32).hex()),
}


def forgeries(count: int, *, seed: int) -> Iterator[tuple[str, bytes, str]]:
    """Damaged events in a fixed order: (what was done, body, signature)."""
    rng = random.Random(seed)
    names, other = list(DAMAGES), an_event(rng)
    for number in range(count):
        name, body = names[number % len(names)], an_event(rng)
        yield name, *DAMAGES[name](rng, body, other)
        other = body


def an_event(rng: random.Random) -> bytes:
    payment = {
        "id": f"pay_{rng.randbytes(7).hex()}",
        "amount": rng.randrange(100, 10**6),
        "status": "captured",
        "description": rng.choice(["भौतिकी", "naïve", 'a "b" \\ /', ""]),
    }
    return event_body("payment.captured", {"payment": payment}, created_at=clock.now())


def memory() -> tuple[int, float]:
    """Blocks that Python holds, and the most megabytes that the process ever had."""
    gc.collect()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return sys.getallocatedblocks(), peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@cache
def application() -> WSGIHandler:
    return WSGIHandler()


def post(body: bytes, signature: str) -> int:
    """The status that a web server would send. Django's test client leaks a little a call."""
    environ = RequestFactory().generic("POST", WEBHOOK, body, "application/json").environ
    environ["HTTP_X_RAZORPAY_SIGNATURE"] = signature
    response = application()(environ, lambda status, headers: None)
    response.close()
    return response.status_code


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands: the storm window outlasts the slowest machine."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.mark.usefixtures("still")
class TestAForgedDamagedOrReEncodedEvent:
    @pytest.mark.parametrize(
        "count", [1_000, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(600)])]
    )
    def test_is_a_400_and_leaves_nothing_but_one_counted_alert(self, count):
        answers: Counter[tuple[str, int]] = Counter()

        for number, (name, body, signature) in enumerate(forgeries(count, seed=count)):
            if number == count // 2:
                halfway = memory()
            answers[name, post(body, signature)] += 1
        more_blocks, more_megabytes = (
            after - before for after, before in zip(memory(), halfway, strict=True)
        )

        assert {status for _, status in answers} == {400}
        assert {name for name, _ in answers} == set(DAMAGES)
        assert sum(answers.values()) == count
        assert WebhookEvent.objects.count() == 0
        (alert,) = Alert.objects.all()
        assert (alert.kind, alert.count) == ("payments.webhook_forged", count)
        assert more_blocks < FEW_BLOCKS
        assert more_megabytes < FEW_MB


class TestTheSameEventsUndamaged:
    def test_are_accepted(self):
        """Else the forgeries would be refused for another reason than their damage."""
        rng = random.Random(0)
        genuine = [an_event(rng) for _ in range(20)]

        answers = {post(body, own(body)) for body in genuine}

        assert answers == {200}
        assert WebhookEvent.objects.count() == 20


def aged(age_s: int) -> Forgery:
    """An authentic event that is so old."""
    moment = clock.now() - timedelta(seconds=age_s)
    body = event_body("payment.downtime.started", {"downtime": age_s}, created_at=moment)
    return body, own(body)


SEARCH = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.usefixtures("still")
class TestAnEventOfAnyAge:
    @SEARCH
    @given(age_s=st.one_of(st.integers(0, MOST_S - 1), st.integers(MOST_S - DAY, MOST_S - 1)))
    def test_is_accepted_up_to_sixteen_days(self, age_s):
        assert post(*aged(age_s)) == 200

        assert WebhookEvent.objects.filter(payload__downtime__entity=age_s).count() == 1

    @SEARCH
    @given(age_s=st.one_of(st.integers(MOST_S + 1, MOST_S + DAY), st.integers(MOST_S + 1, 10**9)))
    def test_is_refused_when_it_is_older(self, age_s):
        assert post(*aged(age_s)) == 400

        assert WebhookEvent.objects.count() == 0
        assert Alert.objects.get().kind == "payments.webhook_out_of_time"


class TestASecretThatIsRotated:
    OLD, NEW = "the old secret", "the new secret"

    @pytest.fixture
    def rotate(self, settings):
        settings.RAZORPAY_WEBHOOK_SECRET = self.OLD

        def run():
            settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS = self.OLD
            settings.RAZORPAY_WEBHOOK_SECRET = self.NEW

        return run

    def test_leaves_events_of_sixteen_days_their_old_one(self, rotate):
        rotate()
        body = event_body("order.paid", {}, created_at=clock.now() - timedelta(days=15.99))

        assert post(body, sign(body, secret=self.OLD)) == 200

    def test_under_load_refuses_none(self, rotate):
        """Six threads post without a pause, two of them signing anew once the gateway does."""
        rotated, enough = threading.Event(), threading.Event()

        def send(number: int) -> Counter[tuple[str, int]]:
            answers: Counter[tuple[str, int]] = Counter()
            rng = random.Random(number)
            while not enough.is_set():
                is_new = number % 3 == 0 and rotated.is_set()
                body, secret = an_event(rng), self.NEW if is_new else self.OLD
                answers[secret, post(body, sign(body, secret=secret))] += 1
            connection.close()
            return answers

        with ThreadPoolExecutor(6) as pool:
            running = [pool.submit(send, number) for number in range(6)]
            enough.wait(0.5)
            before = WebhookEvent.objects.count()
            rotate()
            rotated.set()
            enough.wait(1.5)
            enough.set()
            answers = sum((thread.result() for thread in running), Counter())

        assert set(answers) == {(self.OLD, 200), (self.NEW, 200)}
        assert 0 < before < WebhookEvent.objects.count() == sum(answers.values())
        assert Alert.objects.count() == 0
