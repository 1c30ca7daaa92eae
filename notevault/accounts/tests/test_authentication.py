"""Who is calling: a bearer token whose session still lives, from this request on."""

from __future__ import annotations

import pytest
from django.core.cache import caches

from notevault.accounts import services, tokens
from notevault.accounts.models import Session
from notevault.kit import clock
from notevault.kit.ids import uuid7
from notevault.kit.tests.problem_details import refusal_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(buyer):
    return services.start_session(user=buyer, now=clock.now())


@pytest.fixture
def me(client_of):
    def get(authorization=None):
        headers = {} if authorization is None else {"authorization": authorization}
        return client_of(None).get("/api/v1/me", headers=headers)

    return get


class TestAccessToken:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_says_who_is_calling(self, me, pair, buyer, scheme):
        response = me(f"{scheme} {pair.access}")

        assert (response.status_code, response.json()["id"]) == (200, str(buyer.pk))

    def test_costs_one_query(self, me, pair, django_assert_num_queries):
        caches["local"].clear()
        with django_assert_num_queries(1):
            assert me(f"Bearer {pair.access}").status_code == 200

    @pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Token x", "x"])
    def test_is_asked_for_when_there_is_none(self, me, authorization):
        assert refusal_of(me(authorization)) == (401, "not_authenticated")

    @pytest.mark.parametrize(
        "authorization",
        ["Bearer", "Bearer ", "Bearer a b", "Bearer x", "Bearer é", "Bearer \x00", "Bearer a.b.c"],
    )
    def test_is_refused_when_it_is_malformed(self, me, authorization):
        response = me(authorization)

        assert refusal_of(response) == (401, "token_invalid")
        assert response["WWW-Authenticate"] == 'Bearer realm="notevault"'

    def test_is_not_a_refresh_token(self, me, pair):
        assert refusal_of(me(f"Bearer {pair.refresh}")) == (401, "token_invalid")

    def test_of_a_session_that_never_was_is_refused(self, me, buyer):
        refresh, _digest = tokens.issue_refresh(user_id=buyer.pk, session_id=uuid7())

        response = me(f"Bearer {tokens.pair_of(refresh).access}")

        assert refusal_of(response) == (401, "token_invalid")

    def test_of_another_user_s_session_is_refused(self, me, pair, stranger):
        session_id = tokens.read_access(pair.access).session_id
        refresh, _digest = tokens.issue_refresh(user_id=stranger.pk, session_id=session_id)

        response = me(f"Bearer {tokens.pair_of(refresh).access}")

        assert refusal_of(response) == (401, "token_invalid")

    def test_lives_on_when_the_session_is_refreshed(self, me, pair):
        services.refresh_session(refresh_token=pair.refresh, now=clock.now())

        assert me(f"Bearer {pair.access}").status_code == 200


class TestEndOfASession:
    """Each holds from the next request on, fifteen minutes or not."""

    @pytest.fixture
    def is_refused(self, me, pair):
        def check():
            return refusal_of(me(f"Bearer {pair.access}")) == (401, "token_invalid")

        assert me(f"Bearer {pair.access}").status_code == 200
        return check

    def test_by_signing_out(self, is_refused, pair, client_of):
        client = client_of(None)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")

        assert client.post("/api/v1/auth/logout").status_code == 204
        assert is_refused()

    def test_by_a_change_of_the_password(self, is_refused, buyer):
        buyer.set_password("another-horse-battery")
        buyer.save()

        assert is_refused()

    def test_by_deactivation(self, is_refused, buyer):
        type(buyer).objects.filter(pk=buyer.pk).update(is_active=False)

        assert is_refused()

    def test_by_deletion(self, is_refused, buyer):
        buyer.delete()

        assert is_refused()

    def test_by_its_own_end(self, is_refused):
        Session.objects.update(expires_at=clock.now())

        assert is_refused()


class TestPublicRead:
    PATHS = ("/api/v1/notes", "/api/v1/categories")

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("authorization", ["Bearer x", "Bearer", "Basic x"])
    def test_minds_no_token_at_all(self, client_of, path, authorization):
        response = client_of(None).get(path, headers={"authorization": authorization})

        assert response.status_code == 200

    def test_costs_no_query_for_the_caller(self, client_of, pair, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = client_of(None).get(
                "/api/v1/notes", headers={"authorization": f"Bearer {pair.access}"}
            )

        assert response.status_code == 200

    def test_lets_nobody_write(self, client_of, pair):
        response = client_of(None).post("/api/v1/notes", {}, format="json")

        assert refusal_of(response) == (401, "not_authenticated")


class TestSellerPages:
    @pytest.mark.parametrize(
        ("method", "path"), [("get", "/api/v1/seller/notes"), ("post", "/api/v1/notes")]
    )
    def test_are_closed_to_buyers(self, client_of, buyer, method, path):
        response = getattr(client_of(buyer), method)(path, {}, format="json")

        assert refusal_of(response) == (403, "not_a_seller")

    @pytest.mark.parametrize(
        ("method", "path"), [("get", "/api/v1/seller/notes"), ("post", "/api/v1/notes")]
    )
    def test_ask_strangers_to_sign_in(self, client_of, method, path):
        response = getattr(client_of(None), method)(path, {}, format="json")

        assert refusal_of(response) == (401, "not_authenticated")

    def test_open_as_soon_as_one_sells(self, client_of, buyer):
        client = client_of(buyer)

        assert client.post("/api/v1/me/become-seller").status_code == 200
        assert client.get("/api/v1/seller/notes").status_code == 200
