"""Sign-in to Django admin."""

from __future__ import annotations

import pytest

from notevault.accounts.models import SignInGuard
from notevault.accounts.tests.factories import PASSWORD
from notevault.accounts.tests.rush import rush
from notevault.kit.tests.problem_details import refusal_of

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


def sign_in(client, password, email="moderator@example.com"):
    return client.post(LOGIN, {"username": email, "password": password}).status_code


class TestAdminSignIn:
    def test_lets_staff_in_and_forgets_their_failures(self, client, moderator):
        assert sign_in(client, "wrong") == 200

        assert sign_in(client, PASSWORD) == 302

        assert SignInGuard.objects.count() == 0

    def test_is_locked_after_five_failures(self, client, moderator):
        assert [sign_in(client, "wrong") for _ in range(5)] == [200] * 5

        assert sign_in(client, PASSWORD) == 200
        assert "_auth_user_id" not in client.session

    def test_shares_its_lock_with_the_api(self, client, client_of, moderator):
        for _ in range(5):
            sign_in(client, "wrong")

        refused = client_of(None).post(
            "/api/v1/auth/login",
            {"email": moderator.email, "password": PASSWORD},
            format="json",
        )

        assert (refused.status_code, refused.json()["code"]) == (429, "account_locked")

    def test_tells_nothing_of_unknown_addresses(self, client, db):
        assert sign_in(client, "wrong", email="nobody@example.com") == 200

    def test_is_refused_in_a_rush_and_not_counted_as_a_failure(self, client, moderator):
        form = {"username": moderator.email, "password": PASSWORD}

        with rush():
            answers = [client.post(LOGIN, form) for _ in range(6)]

        assert {refusal_of(answer) for answer in answers} == {(503, "service_unavailable")}
        assert {answer["Retry-After"] for answer in answers} == {"1"}
        assert SignInGuard.objects.count() == 0
        assert sign_in(client, PASSWORD) == 302
