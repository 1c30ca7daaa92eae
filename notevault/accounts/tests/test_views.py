"""The account endpoints, over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notevault.accounts.models import Session, SignInGuard, User
from notevault.accounts.tests.factories import PASSWORD
from notevault.accounts.tests.rush import rush
from notevault.kit.tests.problem_details import problem_of, refusal_of

pytestmark = pytest.mark.django_db

ASHA = {"email": "Asha@Example.com", "password": "a-horse-of-asha", "name": "Asha Verma"}
POWERS = {
    "is_seller": True,
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "groups": [1],
    "user_permissions": [1],
    "id": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "date_joined": "2020-01-01T00:00:00Z",
    "last_login": "2020-01-01T00:00:00Z",
}


@pytest.fixture
def anyone(client_of):
    return client_of(None)


@pytest.fixture
def post(anyone):
    def send(path, body, **headers):
        return anyone.post(f"/api/v1/auth/{path}", body, format="json", headers=headers)

    return send


@pytest.fixture
def log_in(post):
    def send(password=PASSWORD, email="buyer@example.com"):
        return post("login", {"email": email, "password": password})

    return send


class TestRegister:
    def test_answers_201_with_tokens_and_the_user(self, post, anyone):
        response = post("register", ASHA)

        body = response.json()
        user = User.objects.get()
        assert response.status_code == 201
        assert body.keys() == {"access", "refresh", "expires_in", "user"}
        assert body["expires_in"] == 900
        assert body["user"] == {
            "id": str(user.pk),
            "email": "asha@example.com",
            "name": "Asha Verma",
            "is_seller": False,
            "date_joined": user.date_joined.isoformat().replace("+00:00", "Z"),
        }
        anyone.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
        assert anyone.get("/api/v1/me").json() == body["user"]

    def test_answers_409_to_the_same_address_in_another_case(self, post):
        post("register", ASHA)

        response = post("register", {**ASHA, "email": "ASHA@example.COM", "name": "Other"})

        assert refusal_of(response) == (409, "email_taken")
        assert User.objects.get().name == "Asha Verma"
        assert Session.objects.count() == 1

    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("password", "password_too_weak"),
            ("asha@example.com", "password_too_weak"),
            ("short", "validation_failed"),
            ("1234567890123", "validation_failed"),
            ("x" * 129, "validation_failed"),
        ],
    )
    def test_answers_400_to_a_weak_password(self, post, password, code):
        response = post("register", {**ASHA, "password": password})

        assert refusal_of(response) == (400, code)
        assert User.objects.count() == 0

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("email", "nobody"),
            ("email", "a@b"),
            ("email", f"{'a' * 65}@example.com"),
            ("email", f"a@{'b' * 250}.com"),
            ("email", "a@example.com, b@example.com"),
            ("email", None),
            ("name", ""),
            ("name", "   "),
            ("name", "x" * 81),
            ("name", "line\nbreak"),
            ("name", "nul\x00"),
            ("name", 5),
            ("password", ""),
            ("password", ["a-horse-of-asha"]),
        ],
    )
    def test_answers_400_and_names_the_field(self, post, field, value):
        problem = problem_of(post("register", {**ASHA, field: value}))

        assert (problem["status"], problem["code"]) == (400, "validation_failed")
        assert {row["param"] for row in problem["errors"]} == {field}
        assert User.objects.count() == 0

    @pytest.mark.parametrize("name", ["Asha Verma", "अशा वर्मा", "Zoë O'Neil-Smith", "李"])
    def test_takes_the_names_people_have(self, post, name):
        assert post("register", {**ASHA, "name": f" {name} "}).json()["user"]["name"] == name

    def test_keeps_the_spaces_of_a_password(self, post, log_in):
        post("register", {**ASHA, "password": "  a horse of asha  "})

        assert log_in("  a horse of asha  ", "asha@example.com").status_code == 200
        assert log_in("a horse of asha", "asha@example.com").status_code == 401

    def test_gives_no_power_to_who_asks_for_it(self, post):
        response = post("register", {**ASHA, **POWERS})

        user = User.objects.get()
        assert response.status_code == 201
        assert (user.is_seller, user.is_staff, user.is_superuser) == (False, False, False)
        assert user.is_active is True
        assert str(user.pk) != POWERS["id"]
        assert user.date_joined.year >= 2026
        assert user.groups.count() == user.user_permissions.count() == 0


class TestLogin:
    def test_answers_200_with_tokens_and_the_user(self, buyer, log_in, anyone):
        body = log_in(email="BUYER@example.com").json()

        anyone.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
        assert anyone.get("/api/v1/me").json() == body["user"]
        assert body["user"]["id"] == str(buyer.pk)

    def test_answers_the_same_401_to_a_wrong_password_and_an_unknown_address(self, buyer, log_in):
        wrong, unknown = (
            problem_of(log_in("guess", email))
            for email in ("buyer@example.com", "nobody@example.com")
        )

        assert (wrong["status"], wrong["code"]) == (401, "invalid_credentials")
        assert wrong.pop("request_id") != unknown.pop("request_id")
        assert wrong == unknown

    def test_answers_429_after_five_failures(self, buyer, log_in):
        codes = [refusal_of(log_in("guess")) for _ in range(5)]

        locked = log_in()

        assert codes == [(401, "invalid_credentials")] * 5
        assert refusal_of(locked) == (429, "account_locked")
        assert 895 <= int(locked["Retry-After"]) <= 900
        assert Session.objects.count() == 0

    def test_answers_401_to_someone_deactivated(self, buyer, log_in):
        User.objects.update(is_active=False)

        assert refusal_of(log_in()) == (401, "invalid_credentials")


class TestRefresh:
    def test_answers_with_the_next_pair(self, buyer, log_in, post, anyone):
        refresh = log_in().json()["refresh"]

        body = post("refresh", {"refresh": refresh}).json()

        assert body.keys() == {"access", "refresh", "expires_in"}
        anyone.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
        assert anyone.get("/api/v1/me").status_code == 200

    def test_answers_401_to_a_spent_token(self, buyer, log_in, post):
        refresh = log_in().json()["refresh"]
        post("refresh", {"refresh": refresh})

        response = post("refresh", {"refresh": refresh})

        assert refusal_of(response) == (401, "session_ended")

    def test_answers_401_for_a_deleted_user(self, buyer, log_in, post):
        refresh = log_in().json()["refresh"]
        buyer.delete()

        assert refusal_of(post("refresh", {"refresh": refresh})) == (401, "session_ended")

    @pytest.mark.parametrize("made_of", ["access", "nothing"])
    def test_answers_401_to_another_kind_of_token(self, buyer, log_in, post, made_of):
        token = log_in().json()["access"] if made_of == "access" else "a.b.c"

        assert refusal_of(post("refresh", {"refresh": token})) == (401, "session_ended")

    def test_minds_no_access_token_that_has_expired(self, buyer, log_in, post):
        refresh = log_in().json()["refresh"]

        response = post("refresh", {"refresh": refresh}, authorization="Bearer expired")

        assert response.status_code == 200

    @pytest.mark.parametrize("body", [{}, {"refresh": None}, {"refresh": 5}, {"refresh": ""}])
    def test_answers_400_without_a_token(self, post, body):
        assert refusal_of(post("refresh", body)) == (400, "validation_failed")


class TestLogout:
    def test_answers_204_and_ends_the_session(self, buyer, log_in, post, anyone):
        body = log_in().json()
        anyone.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")

        response = anyone.post("/api/v1/auth/logout")

        assert (response.status_code, response.content) == (204, b"")
        assert refusal_of(anyone.get("/api/v1/me")) == (401, "token_invalid")
        assert refusal_of(anyone.post("/api/v1/auth/logout")) == (401, "token_invalid")
        assert refusal_of(post("refresh", {"refresh": body["refresh"]})) == (401, "session_ended")

    def test_asks_for_a_token(self, anyone):
        assert refusal_of(anyone.post("/api/v1/auth/logout")) == (401, "not_authenticated")


class TestPasswordChange:
    def change(self, client, current=PASSWORD, new="another-horse-battery"):
        body = {"current_password": current, "new_password": new}
        return client.post("/api/v1/auth/password/change", body, format="json")

    def test_answers_with_a_new_pair_and_ends_the_old_one(self, client_of, buyer, log_in):
        client = client_of(buyer)

        body = self.change(client).json()

        assert refusal_of(client.get("/api/v1/me")) == (401, "token_invalid")
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
        assert client.get("/api/v1/me").status_code == 200
        assert log_in().status_code == 401
        assert log_in("another-horse-battery").status_code == 200

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"current": "guess"}, (401, "invalid_credentials")),
            ({"new": "password"}, (400, "password_too_weak")),
            ({"new": "1234567890"}, (400, "validation_failed")),
        ],
    )
    def test_refuses_and_leaves_the_password(self, client_of, buyer, log_in, fields, refusal):
        client = client_of(buyer)

        assert refusal_of(self.change(client, **fields)) == refusal

        assert client.get("/api/v1/me").status_code == 200
        assert log_in().status_code == 200

    def test_answers_429_after_five_wrong_ones(self, client_of, buyer):
        client = client_of(buyer)
        for _ in range(5):
            self.change(client, current="guess")

        response = self.change(client)

        assert refusal_of(response) == (429, "account_locked")
        assert 895 <= int(response["Retry-After"]) <= 900


class TestMe:
    def test_says_who_i_am(self, client_of, seller):
        body = client_of(seller).get("/api/v1/me").json()

        assert (body["id"], body["email"], body["is_seller"]) == (
            str(seller.pk),
            "seller@example.com",
            True,
        )

    def test_changes_my_name(self, client_of, buyer):
        response = client_of(buyer).patch("/api/v1/me", {"name": " Asha V. "}, format="json")

        buyer.refresh_from_db()
        assert (response.status_code, response.json()["name"]) == (200, "Asha V.")
        assert buyer.name == "Asha V."

    @pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "a\nb"}, {"name": ["a"]}])
    def test_refuses_a_name_that_is_none(self, client_of, buyer, body):
        response = client_of(buyer).patch("/api/v1/me", body, format="json")

        buyer.refresh_from_db()
        assert refusal_of(response) == (400, "validation_failed")
        assert buyer.name == "Buyer"

    def test_gives_no_power_to_who_asks_for_it(self, client_of, buyer):
        body = {"name": "Asha", "email": "other@example.com", "password": "x", **POWERS}
        before = User.objects.filter(pk=buyer.pk).values().get()

        response = client_of(buyer).patch("/api/v1/me", body, format="json")

        assert response.status_code == 200
        assert User.objects.values().get() == {**before, "name": "Asha"}

    @pytest.mark.parametrize("method", ["put", "post", "delete"])
    def test_knows_no_other_way(self, client_of, buyer, method):
        response = getattr(client_of(buyer), method)("/api/v1/me", POWERS, format="json")

        assert refusal_of(response) == (405, "method_not_allowed")


class TestBecomeSeller:
    def test_may_be_repeated(self, client_of, buyer):
        client = client_of(buyer)

        answers = [client.post("/api/v1/me/become-seller") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert [answer.json()["is_seller"] for answer in answers] == [True, True]

    def test_gives_no_other_power(self, client_of, buyer):
        client_of(buyer).post("/api/v1/me/become-seller", POWERS, format="json")

        buyer.refresh_from_db()
        assert (buyer.is_staff, buyer.is_superuser, buyer.is_active) == (False, False, True)


class TestCaching:
    """Tokens and profiles are nobody else's business."""

    def test_is_never_allowed(self, client_of, buyer, log_in, post):
        answers = [log_in(), post("register", ASHA), client_of(buyer).get("/api/v1/me")]

        assert [answer.status_code for answer in answers] == [200, 201, 200]
        assert [answer.get("Cache-Control") for answer in answers] == ["private, no-store"] * 3


def test_a_lock_ends_after_fifteen_minutes(buyer, log_in, monkeypatch, now):
    clock = {"now": now}
    monkeypatch.setattr("notevault.kit.clock.now", lambda: clock["now"])
    for _ in range(5):
        log_in("guess")

    clock["now"] = now + timedelta(minutes=14, seconds=59)
    assert log_in()["Retry-After"] == "1"
    clock["now"] = now + timedelta(minutes=15)
    assert log_in().status_code == 200


class TestARushOfSignIns:
    def test_is_told_to_come_back_and_not_counted_as_a_failure(self, buyer, log_in):
        with rush():
            answers = [log_in() for _ in range(6)]

        assert {refusal_of(answer) for answer in answers} == {(503, "service_unavailable")}
        assert {answer["Retry-After"] for answer in answers} == {"1"}
        assert (SignInGuard.objects.count(), Session.objects.count()) == (0, 0)
        assert log_in().status_code == 200

    def test_makes_no_account(self, post):
        with rush():
            answer = post("register", ASHA)

        assert refusal_of(answer) == (503, "service_unavailable")
        assert not User.objects.exists()

    def test_leaves_the_password_as_it_is(self, buyer, client_of):
        body = {"current_password": PASSWORD, "new_password": "another-horse-battery"}
        with rush():
            answer = client_of(buyer).post("/api/v1/auth/password/change", body, format="json")

        assert refusal_of(answer) == (503, "service_unavailable")
        buyer.refresh_from_db()
        assert buyer.check_password(PASSWORD)
