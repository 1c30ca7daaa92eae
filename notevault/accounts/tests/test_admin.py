"""People in Django admin."""

from __future__ import annotations

import pytest
from django.test import Client

from notevault.accounts import services
from notevault.accounts.models import User
from notevault.accounts.tests.factories import PASSWORD, make_user
from notevault.accounts.tests.rush import rush
from notevault.kit import clock
from notevault.kit.tests.problem_details import refusal_of

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
NEW_PASSWORD = "another-horse-battery"


def signed_in(user):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root@example.com", PASSWORD, name="Root")


@pytest.fixture
def admin(root):
    return signed_in(root)


def fields_of(user, **changes):
    """What the change form sends; a box that is not ticked is left out."""
    flags = ("is_seller", "is_active", "is_staff", "is_superuser")
    values = {"email": user.email, "name": user.name}
    values |= {flag: "on" for flag in flags if getattr(user, flag)}
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


class TestEntrance:
    @pytest.mark.parametrize("path", ["/admin/", USERS])
    def test_is_closed_to_strangers(self, client, path):
        response = client.get(path)

        assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={path}")

    def test_is_closed_to_buyers(self, buyer):
        assert signed_in(buyer).get(USERS).status_code == 302

    def test_takes_an_address_in_any_case(self, root, client):
        response = client.post(
            "/admin/login/?next=/admin/", {"username": "ROOT@Example.com", "password": PASSWORD}
        )

        assert (response.status_code, response["Location"]) == (302, "/admin/")

    def test_is_not_opened_by_an_access_token(self, client_of, root):
        assert client_of(root).get(USERS).status_code == 302


class TestUserPages:
    def test_open(self, admin, buyer):
        pages = [USERS, f"{USERS}add/", f"{USERS}{buyer.pk}/change/", f"{USERS}?q=buyer"]
        pages += [f"{USERS}{buyer.pk}/password/", f"{USERS}{buyer.pk}/history/"]
        pages += ["/admin/auth/group/", "/admin/auth/group/add/"]

        assert {page: admin.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)

    def test_show_no_password_hash(self, admin, buyer):
        for page in (f"{USERS}{buyer.pk}/change/", USERS):
            assert buyer.password not in admin.get(page).content.decode()

    def test_find_people_by_address_and_name(self, admin, buyer, seller):
        page = admin.get(f"{USERS}?q=seller@").content.decode()

        assert "seller@example.com" in page
        assert "buyer@example.com" not in page


class TestNewUser:
    FORM = {"name": "Asha", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    @pytest.mark.parametrize("email", ["asha@example.com", "Asha@Example.COM"])
    def test_can_sign_in(self, admin, email):
        response = admin.post(f"{USERS}add/", {**self.FORM, "email": email})

        made = User.objects.get(name="Asha")
        assert response.status_code == 302
        assert (made.email, made.is_staff, made.is_superuser) == ("asha@example.com", False, False)
        services.sign_in(email=email, password=NEW_PASSWORD, now=clock.now())

    @pytest.mark.parametrize(
        "change",
        [
            {"email": "buyer@example.com"},
            {"email": "BUYER@example.com"},
            {"email": "nobody"},
            {"email": "asha@example.com", "password1": "password", "password2": "password"},
            {"email": "asha@example.com", "password2": "other"},
            {"email": "asha@example.com", "name": ""},
        ],
    )
    def test_is_refused_with_a_message(self, admin, buyer, change):
        response = admin.post(f"{USERS}add/", {**self.FORM, **change})

        assert response.status_code == 200
        assert "errornote" in response.content.decode() or b"correct the error" in response.content
        assert User.objects.count() == 2


class TestChangedUser:
    def test_keeps_the_address_in_lower_case(self, admin, buyer):
        url = f"{USERS}{buyer.pk}/change/"

        response = admin.post(url, fields_of(buyer, email="Buyer.New@Example.com"))

        buyer.refresh_from_db()
        assert (response.status_code, buyer.email) == (302, "buyer.new@example.com")

    def test_who_is_deactivated_is_signed_out_at_once(self, admin, buyer, client_of):
        client = client_of(buyer)
        assert client.get("/api/v1/me").status_code == 200

        admin.post(f"{USERS}{buyer.pk}/change/", fields_of(buyer, is_active=None))

        buyer.refresh_from_db()
        assert buyer.is_active is False
        assert refusal_of(client.get("/api/v1/me")) == (401, "token_invalid")

    def test_whose_password_is_set_is_signed_out_at_once(self, admin, buyer, client_of):
        pair = services.start_session(user=buyer, now=clock.now())
        client = client_of(buyer)
        form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}

        response = admin.post(f"{USERS}{buyer.pk}/password/", form)

        buyer.refresh_from_db()
        assert response.status_code == 302
        assert buyer.check_password(NEW_PASSWORD)
        assert refusal_of(client.get("/api/v1/me")) == (401, "token_invalid")
        answer = client_of(None).post(
            "/api/v1/auth/refresh", {"refresh": pair.refresh}, format="json"
        )
        assert refusal_of(answer) == (401, "session_ended")

    def test_who_was_renamed_stays_signed_in(self, admin, buyer, client_of):
        client = client_of(buyer)

        admin.post(f"{USERS}{buyer.pk}/change/", fields_of(buyer, name="Asha"))

        assert client.get("/api/v1/me").json()["name"] == "Asha"


class TestARushOfSignIns:
    """Pages that hash a password wait in the same line."""

    TWICE = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    def test_makes_no_new_user(self, admin):
        with rush():
            answer = admin.post(
                f"{USERS}add/", {**self.TWICE, "name": "Asha", "email": "asha@example.com"}
            )

        assert refusal_of(answer) == (503, "service_unavailable")
        assert User.objects.count() == 1

    def test_leaves_the_password_of_somebody_as_it_is(self, admin, buyer):
        with rush():
            answer = admin.post(
                f"{USERS}{buyer.pk}/password/", {**self.TWICE, "usable_password": "true"}
            )

        assert refusal_of(answer) == (503, "service_unavailable")
        buyer.refresh_from_db()
        assert buyer.check_password(PASSWORD)

    def test_leaves_ones_own_as_it_is(self, admin, root):
        form = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        with rush():
            answer = admin.post("/admin/password_change/", {**form, "old_password": PASSWORD})

        assert refusal_of(answer) == (503, "service_unavailable")
        root.refresh_from_db()
        assert root.check_password(PASSWORD)


class TestStaffWithoutPower:
    @pytest.fixture
    def moderator_admin(self, moderator):
        return signed_in(moderator)

    def test_see_no_people(self, moderator_admin, buyer):
        for page in (USERS, f"{USERS}add/", f"{USERS}{buyer.pk}/change/"):
            assert moderator_admin.get(page).status_code == 403

    def test_cannot_raise_themselves(self, moderator_admin, moderator):
        form = fields_of(moderator, is_superuser="on")

        answer = moderator_admin.post(f"{USERS}{moderator.pk}/change/", form)

        moderator.refresh_from_db()
        assert answer.status_code == 403
        assert moderator.is_superuser is False

    def test_who_support_may_look_but_not_touch(self, buyer):
        from django.contrib.auth.models import Group

        support = make_user("support", is_staff=True)
        support.groups.add(Group.objects.get(name="Support"))
        desk = signed_in(support)

        page = desk.get(f"{USERS}{buyer.pk}/change/")
        answer = desk.post(f"{USERS}{buyer.pk}/change/", fields_of(buyer, name="Changed"))

        buyer.refresh_from_db()
        assert (page.status_code, answer.status_code, buyer.name) == (200, 403, "Buyer")
        assert buyer.password not in page.content.decode()
        assert desk.get(f"{USERS}{buyer.pk}/password/").status_code == 403
        assert desk.post(f"{USERS}{buyer.pk}/delete/", {"post": "yes"}).status_code == 403
