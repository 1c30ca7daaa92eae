"""Hashing passwords, and what it leaves to others."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, ScryptPasswordHasher
from django.db import connection
from django.utils.module_loading import import_string

from notevault.accounts import hashing, services
from notevault.accounts.hashing import TooManyAtOnce
from notevault.accounts.models import SignInGuard
from notevault.accounts.tests.factories import PASSWORD
from notevault.accounts.tests.rush import rush
from notevault.kit import clock, deadline
from notevault.kit.bulkhead import Bulkhead, Full
from notevault.kit.tests.problem_details import refusal_of
from notevault.settings import base
from ops.tests.own_database import wait_for


class TestTurn:
    def test_comes_one_after_the_other(self):
        under_way, most = [], []

        def hash_slowly(number):
            with deadline.within(30), hashing.turn():
                under_way.append(number)
                most.append(len(under_way))
                time.sleep(0.02)
                under_way.remove(number)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(hash_slowly, range(4)))

        assert most == [1] * 4

    def test_inside_a_turn_is_the_same_one(self, monkeypatch):
        monkeypatch.setattr(hashing, "places", Bulkhead(1))

        with deadline.within(1), hashing.turn(), hashing.turn():
            pass

    def test_is_refused_while_there_is_time_to_say_so(self):
        with deadline.within(hashing.HASH_S + 0.2), hashing.one_at_a_time:
            with pytest.raises(TooManyAtOnce), hashing.turn():
                pytest.fail("two at once")

            assert 0.3 < deadline.remaining(30) <= hashing.HASH_S

    def test_is_given_also_to_the_last_moment_when_nobody_waits(self):
        with deadline.within(0), hashing.turn():
            pass

    def test_leaves_no_place_taken_when_it_is_refused(self, monkeypatch):
        monkeypatch.setattr(hashing, "places", Bulkhead(1))
        with deadline.within(0), hashing.one_at_a_time, pytest.raises(TooManyAtOnce):
            hashing.turn().__enter__()

        with deadline.within(5), hashing.turn():
            pass

    def test_takes_no_refusal_of_somebody_else_for_its_own(self):
        with deadline.within(5), pytest.raises(Full), hashing.turn():
            raise Full

    def test_is_not_waited_for_outside_of_requests(self):
        with hashing.one_at_a_time, hashing.turn():
            pass


HASHERS = (hashing.Argon2id, hashing.Scrypt)


class TestHashers:
    def test_new_passwords_get_argon2_and_old_ones_are_still_read(self):
        assert [import_string(path) for path in base.PASSWORD_HASHERS] == list(HASHERS)

    def test_argon2_costs_what_owasp_asks_for(self):
        """Password Storage Cheat Sheet: 7 MiB, five passes, one lane."""
        encoded = hashing.Argon2id().encode("guess", "saltsaltsalt")

        assert encoded.startswith("argon2$argon2id$v=19$m=7168,t=5,p=1$")

    def test_scrypt_is_django_s(self):
        theirs = ScryptPasswordHasher().encode("guess", "salt")

        assert hashing.Scrypt().encode("guess", "salt") == theirs
        assert not hashing.Scrypt().must_update(theirs)

    @pytest.mark.parametrize("hasher", HASHERS)
    def test_know_their_own(self, hasher):
        encoded = hasher().encode("guess", "saltsaltsalt")

        assert hasher().verify("guess", encoded)
        assert not hasher().verify("guesses", encoded)

    @pytest.mark.parametrize("hasher", HASHERS)
    def test_look_at_a_password_in_turn(self, hasher):
        encoded = hasher().encode("guess", "saltsaltsalt")

        with rush(), pytest.raises(TooManyAtOnce):
            hasher().verify("guess", encoded)
        with rush(), pytest.raises(TooManyAtOnce):
            hasher().encode("guess", "saltsaltsalt")


@pytest.mark.django_db
class TestAnOlderAccount:
    """Its password is hashed by scrypt until it signs in."""

    @pytest.fixture
    def older(self, buyer):
        buyer.password = hashing.Scrypt().encode(PASSWORD, "saltsaltsalt")
        buyer.save()
        return buyer

    def log_in(self, client_of, older, password=PASSWORD):
        body = {"email": older.email, "password": password}
        return client_of(None).post("/api/v1/auth/login", body, format="json")

    def test_is_hashed_anew_when_it_signs_in(self, older, client_of):
        assert self.log_in(client_of, older).status_code == 200

        older.refresh_from_db()
        assert older.password.startswith("argon2$argon2id$")
        assert self.log_in(client_of, older).status_code == 200

    def test_stays_signed_in_elsewhere(self, older, client_of):
        phone = services.start_session(user=older, now=clock.now())

        self.log_in(client_of, older)

        assert services.refresh_session(refresh_token=phone.refresh, now=clock.now())

    def test_stays_as_it_is_when_the_password_is_wrong(self, older, client_of):
        was = older.password

        assert self.log_in(client_of, older, "not-my-password").status_code == 401

        older.refresh_from_db()
        assert older.password == was

    def test_is_hashed_anew_by_the_admin_s_sign_in_too(self, older, client):
        phone = services.start_session(user=older, now=clock.now())

        assert client.login(request=None, username=older.email, password=PASSWORD)

        older.refresh_from_db()
        assert older.password.startswith("argon2$")
        assert services.refresh_session(refresh_token=phone.refresh, now=clock.now())

    def test_does_not_win_against_a_change_of_the_password(self, older):
        stale = type(older).objects.get(pk=older.pk)
        older.set_password("another-password-1")
        older.save()
        changed = older.password

        assert not stale.check_password(PASSWORD)

        older.refresh_from_db()
        assert older.password == changed

    def test_signs_in_twice_at_once(self, older):
        first, second = (type(older).objects.get(pk=older.pk) for _ in range(2))

        assert first.check_password(PASSWORD)
        assert second.check_password(PASSWORD)

        assert second.password == first.password


@pytest.mark.django_db(transaction=True)
class TestTheCatalogue:
    """It is served while sign-ins are about, by a pool as small as their number."""

    BODY = {"email": "buyer@example.com", "password": PASSWORD}

    @pytest.fixture
    def sign_in(self, buyer, client_of):
        def send(_number):
            try:
                return client_of(None).post("/api/v1/auth/login", self.BODY, format="json")
            finally:
                connection.close()

        return send

    @pytest.fixture
    def change_password(self, buyer, client_of):
        body = {"current_password": PASSWORD, "new_password": "another-horse-battery"}
        client = client_of(buyer)

        def send():
            try:
                return client.post("/api/v1/auth/password/change", body, format="json")
            finally:
                connection.close()

        return send

    @pytest.fixture
    def pool_of(self):
        """Leaves so many of the pool's connections to requests."""
        taken = []

        def leave(size):
            connection.close()
            taken.extend(connection.pool.getconn() for _ in range(connection.pool.max_size - size))

        yield leave
        for lent in taken:
            connection.pool.putconn(lent)

    @pytest.fixture
    def threads(self):
        with ThreadPoolExecutor(3) as made:
            yield made

    @pytest.fixture
    def browse(self, client_of):
        def get():
            try:
                return client_of(None).get("/api/v1/notes").status_code
            finally:
                connection.close()

        return get

    @pytest.fixture
    def all_wait(self, monkeypatch):
        """Three places, and whether they are taken. Who waits has more patience than the pool."""
        monkeypatch.setattr(deadline, "REQUEST_S", 30.0)
        monkeypatch.setattr(hashing, "places", Bulkhead(3))

        def is_so():
            try:
                with deadline.within(5), hashing.places.place():
                    return False
            except Full:
                return True

        return is_so

    def test_while_three_wait_to_sign_in(self, browse, sign_in, threads, pool_of, all_wait):
        pool_of(3)
        with hashing.one_at_a_time:
            waiting = threads.map(sign_in, range(3))
            wait_for(all_wait, seconds=4)

            assert browse() == 200

        assert [answer.status_code for answer in waiting] == [200] * 3

    def test_while_one_waits_to_change_a_password(
        self, browse, change_password, threads, pool_of, all_wait, monkeypatch
    ):
        monkeypatch.setattr(hashing, "places", Bulkhead(1))
        pool_of(1)
        with hashing.one_at_a_time:
            waiting = threads.submit(change_password)
            wait_for(all_wait, seconds=4)

            assert browse() == 200

        assert waiting.result().status_code == 200

    def test_while_a_password_is_hashed(self, browse, sign_in, threads, pool_of, monkeypatch):
        begun, may_end = threading.Event(), threading.Event()
        verify = Argon2PasswordHasher.verify

        def slowly(*args):
            begun.set()
            assert may_end.wait(20)
            return verify(*args)

        monkeypatch.setattr(Argon2PasswordHasher, "verify", slowly)
        pool_of(1)
        answer = threads.submit(sign_in, 0)
        assert begun.wait(4)
        browsed = browse()
        may_end.set()

        assert browsed == 200
        assert answer.result().status_code == 200


@pytest.mark.django_db
class TestWhoIsTurnedAway:
    def test_for_want_of_a_turn_has_not_guessed(self, buyer, client_of, monkeypatch):
        monkeypatch.setattr(deadline, "REQUEST_S", hashing.HASH_S)
        body = {"email": buyer.email, "password": PASSWORD}
        log_in = client_of(None).post

        with hashing.one_at_a_time:
            answers = [log_in("/api/v1/auth/login", body, format="json") for _ in range(6)]

        assert {refusal_of(answer) for answer in answers} == {(503, "service_unavailable")}
        assert SignInGuard.objects.count() == 0
        assert log_in("/api/v1/auth/login", body, format="json").status_code == 200
