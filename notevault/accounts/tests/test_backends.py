"""Sign-in to Django admin."""

from __future__ import annotations

import pytest

from notevault.accounts.models import SignInGuard
from notevault.accounts.tests.factories import PASSWORD

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
