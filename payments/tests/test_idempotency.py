"""Money POSTs that are sent twice under one `Idempotency-Key`."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from rest_framework.test import APIClient

from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.kit.tests.problem_details import problem_of, refusal_of
from payments import checkout, idempotency, tasks
from payments.models import IdempotencyKey, Order

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/orders"
VERIFY = "/api/v1/payments/verify"
KEY = "5f0c9a1e-checkout"


@pytest.fixture
def api(client_of, buyer):
    return client_of(buyer)


def start(api, *notes, key=KEY):
    body = {"note_ids": [str(note.pk) for note in notes]}
    return api.post(ORDERS, body, format="json", headers={"Idempotency-Key": key})


def is_replay(first, again):
    """The very answer: bytes, status and type, and marked as kept."""
    assert "Idempotent-Replayed" not in first
    assert again.get("Idempotent-Replayed") == "true"
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Cache-Control"] == first["Cache-Control"]
    return (again.status_code, again.content) == (first.status_code, first.content)


def let_pass(**column_and_time):
    """As if that much time had passed for every key."""
    past = {column: F(column) - time for column, time in column_and_time.items()}
    assert IdempotencyKey.objects.update(**past)


class TestTheSameRequestAgain:
    def test_gets_the_first_answer_byte_for_byte(self, api, note, gateway):
        first = start(api, note)
        Order.objects.update(total_paise=9800, discount_paise=100)

        again = start(api, note)

        assert first.status_code == 201
        assert is_replay(first, again)
        assert Order.objects.count() == 1

    def test_is_asked_again_when_it_was_told_to_wait(self, api, note, gateway):
        order = start(api, note).json()
        payment = gateway.pay(order["gateway_order_id"])
        proof = {
            "razorpay_order_id": order["gateway_order_id"],
            "razorpay_payment_id": payment.id,
            "razorpay_signature": gateway.signature(payment),
        }

        def verify():
            headers = {"Idempotency-Key": f"{KEY}-verify"}
            return api.post(VERIFY, proof, format="json", headers=headers).json()["next_action"]

        gateway.is_down = True
        told = [verify()]
        gateway.is_down = False
        told.append(verify())

        assert told == ["wait", "download"]

    def test_gets_it_from_every_money_post(self, api, note, gateway):
        order = start(api, note).json()
        payment = gateway.pay(order["gateway_order_id"])
        proof = {
            "razorpay_order_id": order["gateway_order_id"],
            "razorpay_payment_id": payment.id,
            "razorpay_signature": gateway.signature(payment),
        }
        calls = [(VERIFY, proof), (f"{ORDERS}/{order['id']}/cancel", None)]

        for number, (path, body) in enumerate(calls):
            headers = {"Idempotency-Key": f"call-{number}"}
            answers = [api.post(path, body, format="json", headers=headers) for _ in range(2)]

            assert is_replay(*answers)
        assert NoteAccess.objects.count() == 1

    def test_gets_a_refusal_again_though_it_would_succeed_now(self, api, seller, note, gateway):
        note.state = "withdrawn"
        note.save()
        first = start(api, note)
        note.state = "published"
        note.save()

        again = start(api, note)

        assert refusal_of(first) == (409, "note_not_for_sale")
        assert is_replay(first, again)
        assert Order.objects.count() == 0

    def test_works_again_after_24_hours(self, api, note, gateway):
        first = start(api, note)
        let_pass(expires_at=timedelta(hours=24))

        again = start(api, note)

        assert (first.status_code, again.status_code) == (201, 200)
        assert "Idempotent-Replayed" not in again
        assert is_replay(again, start(api, note))

    def test_still_gets_the_first_answer_a_minute_before(self, api, note, gateway):
        first = start(api, note)
        let_pass(expires_at=timedelta(hours=23, minutes=59))

        assert is_replay(first, start(api, note))

    def test_is_nothing_special_without_a_key(self, api, note, gateway):
        body = {"note_ids": [str(note.pk)]}

        answers = [api.post(ORDERS, body, format="json") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 200]
        assert not any("Idempotent-Replayed" in answer for answer in answers)
        assert IdempotencyKey.objects.count() == 0


class TestAnotherRequestWithTheKey:
    def test_is_refused_for_its_body(self, api, seller, note, gateway):
        first, other = start(api, note), make_note(seller=seller)

        refused = start(api, other)

        assert refusal_of(refused) == (422, "idempotency_key_reused")
        assert Order.objects.count() == 1
        assert is_replay(first, start(api, note))

    def test_is_refused_for_its_path(self, api, note, gateway):
        order = start(api, note).json()

        refused = api.post(f"{ORDERS}/{order['id']}/cancel", headers={"Idempotency-Key": KEY})

        assert refusal_of(refused) == (422, "idempotency_key_reused")
        assert Order.objects.get().state == "awaiting_payment"

    def test_is_not_refused_for_another_user(self, client_of, buyer, stranger, note, gateway):
        answers = [start(client_of(person), note) for person in (buyer, stranger)]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert Order.objects.count() == 2

    def test_may_use_it_after_24_hours(self, api, seller, note, gateway):
        start(api, note)
        let_pass(expires_at=timedelta(hours=24))

        assert start(api, make_note(seller=seller)).status_code == 201


class TestWhatIsNotKept:
    def test_is_a_gateway_that_is_down(self, api, note, gateway):
        gateway.is_down = True
        refused = start(api, note)
        gateway.is_down = False

        succeeded = start(api, note)

        assert refusal_of(refused) == (503, "gateway_unavailable")
        assert succeeded.status_code == 200  # the order of the first try, which can be paid now
        assert succeeded.json()["next_action"] == "pay"
        assert is_replay(succeeded, start(api, note))
        assert len(gateway._orders) == 1

    def test_is_a_body_that_is_not_valid(self, api, note, gateway):
        headers = {"Idempotency-Key": KEY}
        refused = api.post(ORDERS, {"note_ids": []}, format="json", headers=headers)

        succeeded = start(api, note)

        assert refusal_of(refused) == (400, "validation_failed")
        assert succeeded.status_code == 201

    def test_is_a_caller_who_is_not_signed_in(self, client_of, note, gateway):
        refused = start(client_of(None), note)

        assert refusal_of(refused) == (401, "not_authenticated")
        assert IdempotencyKey.objects.count() == 0

    @pytest.mark.parametrize(
        ("error", "status"), [(KeyError("bug"), 500), (OperationalError("away"), 503)]
    )
    def test_is_a_bug_or_a_database_that_is_away(
        self, api, note, gateway, monkeypatch, error, status
    ):
        def fail(**_):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(checkout, "start_checkout", fail)
            failed = start(api, note)

        assert failed.status_code == status
        assert start(api, note).status_code == 201


class TestHeader:
    @pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "é", "a" * 256, "a\n", "\x7f", "\x00"])
    def test_that_is_no_key_is_refused_by_its_name(self, api, note, gateway, key):
        refused = start(api, note, key=key)

        assert refusal_of(refused) == (400, "validation_failed")
        assert [row["param"] for row in problem_of(refused)["errors"]] == ["Idempotency-Key"]
        assert (Order.objects.count(), IdempotencyKey.objects.count()) == (0, 0)

    @pytest.mark.parametrize("key", ["a", "~" * 255, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"])
    def test_of_any_other_text_is_accepted(self, api, note, gateway, key):
        assert is_replay(start(api, note, key=key), start(api, note, key=key))


class TestRemoval:
    def test_forgets_what_is_over_and_keeps_the_rest(self, api, note, gateway):
        start(api, note, key="over")
        let_pass(expires_at=timedelta(hours=24))
        start(api, note, key="kept")

        tasks.remove_idempotency_keys()

        assert [row.key for row in IdempotencyKey.objects.all()] == ["kept"]

    def test_takes_a_batch_at_a_time(self, api, note, gateway):
        for key in ("a", "b", "c"):
            start(api, note, key=key)
        let_pass(expires_at=timedelta(hours=24))

        removed = [idempotency.remove_expired(limit=2) for _ in range(3)]

        assert removed == [2, 1, 0]


class Killed(BaseException):
    """What follows SIGKILL: nothing."""


@pytest.fixture
def works(monkeypatch):
    """One entry for each time that a checkout really ran."""
    seen, real = [], checkout.start_checkout

    def counted(**arguments):
        seen.append(connection.in_atomic_block)
        return real(**arguments)

    monkeypatch.setattr(checkout, "start_checkout", counted)
    return seen


def at_once(api, note, count):
    """The same request from many threads; a Counter of status and whether it is replayed."""
    together = threading.Barrier(count)

    def run(_):
        client = APIClient(raise_request_exception=False)
        client.credentials(**api._credentials)
        together.wait(timeout=60)
        try:
            answer = start(client, note)
            return answer.status_code, answer.get("Idempotent-Replayed", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
class TestRequestsAtOnce:
    def test_are_refused_while_the_first_is_under_way(self, api, note, gateway, monkeypatch):
        real, working, may_end = checkout.start_checkout, threading.Event(), threading.Event()

        def slow(**arguments):
            working.set()
            assert may_end.wait(30)
            return real(**arguments)

        monkeypatch.setattr(checkout, "start_checkout", slow)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(at_once, api, note, 1)
            assert working.wait(30)
            second = start(api, note)
            with transaction.atomic():  # nothing of it is locked meanwhile
                assert len(IdempotencyKey.objects.select_for_update(nowait=True)) == 1
            may_end.set()

        assert refusal_of(second) == (409, "idempotency_key_in_use")
        assert (second["Retry-After"], second.json()["retryable"]) == ("1", True)
        assert first.result() == {(201, ""): 1}
        assert start(api, note)["Idempotent-Replayed"] == "true"

    def test_do_their_work_once(self, api, note, gateway, works):
        results = at_once(api, note, 50)

        assert sum(results.values()) == 50
        assert results[201, ""] == 1
        assert set(results) <= {(201, ""), (201, "true"), (409, "")}
        assert works == [False]
        assert (Order.objects.count(), len(gateway._orders)) == (1, 1)


@pytest.mark.django_db(transaction=True)
class TestAProcessKilledBeforeItStoredItsAnswer:
    @pytest.fixture
    def killed(self, api, note, gateway, monkeypatch):
        def die(name):
            if name == "idempotency.answer_not_stored":
                raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(idempotency.crash, "point", die)
            patched.setattr(idempotency, "_release", lambda row: None)
            with pytest.raises(Killed):
                start(api, note)

    def test_keeps_its_key_until_the_lease_runs_out(self, api, note, killed):
        let_pass(leased_until=timedelta(seconds=20))
        assert refusal_of(start(api, note)) == (409, "idempotency_key_in_use")

        let_pass(leased_until=timedelta(seconds=10))
        assert start(api, note).status_code == 200

    def test_is_replaced_by_exactly_one_of_many(self, api, note, gateway, killed, works):
        let_pass(leased_until=timedelta(seconds=30))

        results = at_once(api, note, 20)

        assert sum(results.values()) == 20
        assert results[200, ""] == 1
        assert set(results) <= {(200, ""), (200, "true"), (409, "")}
        assert works == [False]
        assert (Order.objects.count(), len(gateway._orders)) == (1, 1)

    def test_leaves_its_key_to_no_other_body(self, api, seller, killed):
        let_pass(leased_until=timedelta(seconds=30))

        refused = start(api, make_note(seller=seller))

        assert refusal_of(refused) == (422, "idempotency_key_reused")

    def test_cannot_overwrite_the_answer_of_whoever_replaced_it(self, api, note, killed):
        row = IdempotencyKey.objects.get()
        let_pass(leased_until=timedelta(seconds=30))
        kept = start(api, note)

        idempotency._release(row)
        idempotency._store(row, start(api, note, key="another"))

        assert is_replay(kept, start(api, note))
