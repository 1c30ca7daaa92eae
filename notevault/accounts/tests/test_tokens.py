"""The two JWTs: what they hold, and which ones are believed."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import orjson
import pytest
import time_machine

from notevault.accounts import tokens
from notevault.accounts.tokens import SessionEnded
from notevault.kit.ids import uuid7

USER, SESSION = uuid7(), uuid7()
OTHER_SECRET = "another-secret-of-more-than-thirty-two-bytes"


@pytest.fixture
def pair():
    refresh, _digest = tokens.issue_refresh(user_id=USER, session_id=SESSION)
    return tokens.pair_of(refresh)


def claims_of(encoded):
    return jwt.decode(encoded, options={"verify_signature": False})


def signed(claims, *, key, algorithm="HS256", **headers):
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or None)


def unsigned(claims):
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


def is_refused(encoded):
    """By both readers, whatever kind of token it says to be."""
    if tokens.read_access(encoded) is not None:
        return False
    with pytest.raises(SessionEnded):
        tokens.read_refresh(encoded)
    return True


class TestPair:
    def test_names_user_and_session(self, pair):
        for claims in (tokens.read_access(pair.access), tokens.read_refresh(pair.refresh)):
            assert (claims.user_id, claims.session_id) == (USER, SESSION)

    def test_says_how_long_the_access_token_lives(self, pair):
        assert pair.expires_in == 900

    def test_holds_nothing_else_of_the_person(self, pair):
        assert claims_of(pair.access).keys() == {"token_type", "exp", "iat", "jti", "sub", "sid"}

    @time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC), tick=False)
    def test_lives_fifteen_minutes_and_seven_days(self):
        refresh, _digest = tokens.issue_refresh(user_id=USER, session_id=SESSION)
        pair = tokens.pair_of(refresh)

        access = claims_of(pair.access)
        assert access["exp"] - access["iat"] == 15 * 60
        assert tokens.expiry_of(refresh) == datetime(2026, 11, 30, 12, tzinfo=UTC)

    def test_is_remembered_by_a_digest_of_its_id(self):
        refresh, digest = tokens.issue_refresh(user_id=USER, session_id=SESSION)

        token_id = claims_of(str(refresh))["jti"]
        assert digest == hashlib.sha256(token_id.encode()).hexdigest()
        assert tokens.read_refresh(str(refresh)).token_id == token_id

    def test_is_another_one_each_time(self):
        issued = {tokens.issue_refresh(user_id=USER, session_id=SESSION)[1] for _ in range(20)}

        assert len(issued) == 20


class TestKinds:
    def test_of_token_do_not_stand_in_for_each_other(self, pair):
        assert tokens.read_access(pair.refresh) is None
        with pytest.raises(SessionEnded):
            tokens.read_refresh(pair.access)


class TestForgedToken:
    def test_without_a_signature_is_refused(self, pair):
        for encoded in (pair.access, pair.refresh):
            assert is_refused(unsigned(claims_of(encoded)))

    def test_of_another_key_is_refused(self, pair):
        for encoded in (pair.access, pair.refresh):
            assert is_refused(signed(claims_of(encoded), key=OTHER_SECRET))

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    @pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
    def test_of_another_algorithm_is_refused(self, pair, settings, algorithm):
        claims = claims_of(pair.access)

        assert is_refused(signed(claims, key=settings.JWT_SECRET, algorithm=algorithm))

    def test_with_changed_claims_is_refused(self, pair):
        header, _body, signature = pair.access.split(".")
        claims = {**claims_of(pair.access), "sub": str(uuid7())}
        body = base64.urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()

        assert is_refused(f"{header}.{body}.{signature}")

    @pytest.mark.parametrize(
        "encoded", ["", ".", "..", "a.b.c", "eyJ", "null", "é.é.é", "x" * 5000, "\x00", "a.b.c.d"]
    )
    def test_that_is_none_at_all_is_refused(self, encoded):
        assert is_refused(encoded)


class TestOddToken:
    """Well signed, by us or by another program that shares the secret."""

    @pytest.mark.parametrize(
        "change",
        [
            {"sub": "5"},
            {"sub": 5},
            {"sub": None},
            {"sid": "none"},
            {"sid": None},
            {"sid": [1]},
            {"token_type": "other"},
            {"exp": 1},
            {"exp": "soon"},
        ],
    )
    @pytest.mark.parametrize("kind", ["access", "refresh"])
    def test_is_refused(self, pair, settings, kind, change):
        claims = {**claims_of(getattr(pair, kind)), **change}

        assert is_refused(signed(claims, key=settings.JWT_SECRET))

    @pytest.mark.parametrize("missing", ["sub", "sid", "jti", "token_type", "exp"])
    def test_is_refused_when_a_claim_is_missing(self, pair, settings, missing):
        claims = claims_of(pair.access)
        del claims[missing]

        assert is_refused(signed(claims, key=settings.JWT_SECRET))


class TestExpiry:
    def test_ends_each_token_at_its_time(self):
        start = datetime(2026, 11, 23, 12, tzinfo=UTC)
        with time_machine.travel(start, tick=False) as clock:
            refresh, _digest = tokens.issue_refresh(user_id=USER, session_id=SESSION)
            pair = tokens.pair_of(refresh)

            clock.move_to(start + timedelta(minutes=15, seconds=-1))
            assert tokens.read_access(pair.access) is not None
            clock.move_to(start + timedelta(minutes=15))
            assert tokens.read_access(pair.access) is None
            clock.move_to(start + timedelta(days=7, seconds=-1))
            assert tokens.read_refresh(pair.refresh).session_id == SESSION
            clock.move_to(start + timedelta(days=7))
            with pytest.raises(SessionEnded):
                tokens.read_refresh(pair.refresh)


class TestChangeOfSecret:
    def test_signs_nobody_out_while_the_previous_one_is_known(self, pair, settings):
        settings.JWT_SECRET_PREVIOUS, settings.JWT_SECRET = settings.JWT_SECRET, OTHER_SECRET

        assert tokens.read_access(pair.access) is not None
        assert tokens.read_refresh(pair.refresh).user_id == USER

    def test_signs_everyone_out_when_it_is_forgotten(self, pair, settings):
        settings.JWT_SECRET_PREVIOUS, settings.JWT_SECRET = "", OTHER_SECRET

        assert is_refused(pair.access)
        assert is_refused(pair.refresh)

    def test_signs_with_the_new_one_from_now_on(self, settings):
        settings.JWT_SECRET_PREVIOUS, settings.JWT_SECRET = settings.JWT_SECRET, OTHER_SECRET
        refresh, _digest = tokens.issue_refresh(user_id=USER, session_id=SESSION)
        pair = tokens.pair_of(refresh)

        settings.JWT_SECRET_PREVIOUS = ""
        assert isinstance(tokens.read_access(pair.access).session_id, UUID)

    @pytest.mark.parametrize("current", [True, False])
    def test_believes_no_expired_token_of_either(self, settings, current):
        with time_machine.travel(datetime.now(UTC) - timedelta(days=8)):
            refresh, _digest = tokens.issue_refresh(user_id=USER, session_id=SESSION)
            pair = tokens.pair_of(refresh)
        settings.JWT_SECRET_PREVIOUS = settings.JWT_SECRET
        if not current:
            settings.JWT_SECRET = OTHER_SECRET

        assert is_refused(pair.access)
        assert is_refused(pair.refresh)
