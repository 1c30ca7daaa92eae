"""Accounts and the life of a session."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections

from alerts.models import Alert
from notevault.accounts import services, tasks, tokens
from notevault.accounts.guard import AccountLocked
from notevault.accounts.models import Session, SignInGuard, User
from notevault.accounts.services import EmailTaken, InvalidCredentials, PasswordTooWeak
from notevault.accounts.tests.factories import PASSWORD, make_user
from notevault.accounts.tokens import SessionEnded

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ASHA = {"email": "asha@example.com", "password": "a-horse-of-asha", "name": "Asha"}
NEW_PASSWORD = "another-horse-battery"


def reason_of(session_id):
    return Session.objects.get(pk=session_id).revoked_why


def session_of(pair):
    return tokens.read_refresh(pair.refresh).session_id


def is_alive(pair, now):
    """The session would accept its access token."""
    return Session.objects.select_related("user").get(pk=session_of(pair)).is_live(now)


@pytest.fixture
def pair(buyer, now):
    return services.start_session(user=buyer, now=now)


@pytest.fixture
def refresh(now):
    def exchange(pair, *, after=timedelta()):
        return services.refresh_session(refresh_token=pair.refresh, now=now + after)

    return exchange


class TestRegister:
    def test_makes_a_plain_user_and_signs_them_in(self, now):
        user, pair = services.register(**ASHA, now=now)

        user.refresh_from_db()
        assert (user.email, user.name) == ("asha@example.com", "Asha")
        assert (user.is_seller, user.is_staff, user.is_superuser) == (False, False, False)
        assert user.check_password("a-horse-of-asha")
        assert is_alive(pair, now)

    def test_knows_addresses_without_case(self, now):
        user, _pair = services.register(**{**ASHA, "email": "  Asha@Example.COM "}, now=now)

        assert user.email == "asha@example.com"

    @pytest.mark.parametrize("email", ["asha@example.com", "ASHA@EXAMPLE.COM"])
    def test_refuses_an_address_that_has_an_account(self, now, email):
        services.register(**ASHA, now=now)

        with pytest.raises(EmailTaken):
            services.register(**{**ASHA, "email": email, "name": "Other"}, now=now)

        assert User.objects.get().name == "Asha"
        assert Session.objects.count() == 1

    @pytest.mark.parametrize(
        "password", ["short", "password", "1234567890123", "asha@example.com", "asha@example"]
    )
    def test_refuses_a_weak_password_and_says_why(self, now, password):
        with pytest.raises(PasswordTooWeak) as refusal:
            services.register(**{**ASHA, "password": password}, now=now)

        assert refusal.value.detail.startswith(("This password is", "The password is"))
        assert User.objects.count() == 0

    def test_keeps_no_password_and_no_token_in_plain_text(self, now):
        _user, pair = services.register(**ASHA, now=now)

        kept = "".join(_every_value(table) for table in ("accounts_user", "accounts_session"))
        for secret in (ASHA["password"], pair.access, pair.refresh):
            assert secret not in kept
        token_id = tokens.read_refresh(pair.refresh).token_id
        assert token_id not in kept
        assert tokens.digest(token_id) in kept


def _every_value(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT t::text FROM {table} t")
        return "\n".join(row for (row,) in cursor.fetchall())


class TestSignIn:
    def test_starts_a_session(self, buyer, now):
        user, pair = services.sign_in(email="Buyer@Example.com", password=PASSWORD, now=now)

        assert user == buyer
        assert is_alive(pair, now)

    @pytest.mark.parametrize("email", ["buyer@example.com", "nobody@example.com"])
    def test_refuses_a_wrong_password_and_an_unknown_address_alike(self, buyer, now, email):
        with pytest.raises(InvalidCredentials) as refusal:
            services.sign_in(email=email, password="wrong", now=now)

        assert refusal.value.detail == "E-mail address or password is wrong."
        assert Session.objects.count() == 0

    def test_hashes_a_password_also_for_an_unknown_address(self, now, monkeypatch):
        hashed = []
        monkeypatch.setattr(services, "make_password", hashed.append)

        with pytest.raises(InvalidCredentials):
            services.sign_in(email="nobody@example.com", password="guess", now=now)

        assert hashed == ["guess"]

    def test_refuses_someone_who_was_deactivated(self, buyer, now):
        User.objects.update(is_active=False)

        with pytest.raises(InvalidCredentials):
            services.sign_in(email=buyer.email, password=PASSWORD, now=now)

        assert Session.objects.count() == 0

    def test_refuses_someone_without_a_usable_password(self, buyer, now):
        buyer.set_unusable_password()
        buyer.save()

        with pytest.raises(InvalidCredentials):
            services.sign_in(email=buyer.email, password=buyer.password, now=now)


class TestLockout:
    def fail(self, now, times=5):
        for _ in range(times):
            with pytest.raises(InvalidCredentials):
                services.sign_in(email="buyer@example.com", password="wrong", now=now)

    def sign_in(self, now):
        return services.sign_in(email="buyer@example.com", password=PASSWORD, now=now)

    def test_comes_with_the_fifth_failure_and_not_before(self, buyer, now):
        self.fail(now, times=4)
        self.sign_in(now)
        self.fail(now, times=5)

        with pytest.raises(AccountLocked) as refusal:
            self.sign_in(now)

        assert refusal.value.retry_after == 900
        assert Session.objects.count() == 1

    def test_refuses_the_right_password_for_fifteen_minutes(self, buyer, now):
        self.fail(now)

        with pytest.raises(AccountLocked):
            self.sign_in(now + 15 * MINUTE - SECOND)
        user, _pair = self.sign_in(now + 15 * MINUTE)

        assert user == buyer

    def test_holds_for_an_unknown_address_too(self, now):
        self.fail(now)

        with pytest.raises(AccountLocked):
            self.sign_in(now)

    def test_begins_anew_after_a_success(self, buyer, now):
        self.fail(now, times=4)
        self.sign_in(now)

        assert SignInGuard.objects.count() == 0
        self.fail(now, times=5)

    def test_does_not_end_sessions_that_live(self, buyer, pair, refresh, now):
        self.fail(now)

        assert is_alive(refresh(pair), now)


class TestRefresh:
    def test_gives_the_next_pair_of_the_same_session(self, pair, refresh, now):
        following = refresh(pair, after=MINUTE)

        assert following.refresh != pair.refresh
        assert session_of(following) == session_of(pair)
        assert is_alive(following, now)

    def test_can_be_repeated_with_the_newest_token_for_ever(self, pair, refresh, now):
        for number in range(5):
            pair = refresh(pair, after=number * MINUTE)

        assert is_alive(pair, now)
        assert Alert.objects.count() == 0

    def test_prolongs_the_session(self, pair, refresh, now):
        Session.objects.update(expires_at=now + MINUTE)

        refresh(pair)

        assert Session.objects.get().expires_at > now + timedelta(days=6)

    def test_refuses_a_session_that_is_over(self, pair, refresh, now):
        Session.objects.update(expires_at=now + MINUTE)

        with pytest.raises(SessionEnded):
            refresh(pair, after=MINUTE)

    @pytest.mark.parametrize("after", [timedelta(), 10 * SECOND])
    def test_refuses_a_retry_within_ten_seconds_and_lets_the_session_live(
        self, pair, refresh, now, after
    ):
        following = refresh(pair)

        with pytest.raises(SessionEnded):
            refresh(pair, after=after)

        assert is_alive(following, now)
        assert is_alive(refresh(following, after=after), now)
        assert Alert.objects.count() == 0

    def test_takes_a_later_reuse_for_a_theft(self, pair, refresh, now):
        following = refresh(pair)

        with pytest.raises(SessionEnded):
            refresh(pair, after=10 * SECOND + timedelta(microseconds=1))

        assert not is_alive(following, now)
        assert reason_of(session_of(pair)) == "refresh token reused"
        with pytest.raises(SessionEnded):
            refresh(following)

    def test_takes_the_reuse_of_an_older_token_for_a_theft_at_once(self, pair, refresh, now):
        newest = refresh(refresh(pair))

        with pytest.raises(SessionEnded):
            refresh(pair)

        assert not is_alive(newest, now)

    def test_alerts_once_of_a_theft(self, buyer, pair, refresh, run_jobs):
        refresh(pair)

        for minutes in (1, 2, 10):
            with pytest.raises(SessionEnded):
                refresh(pair, after=minutes * MINUTE)

        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.count) == ("accounts.refresh_reused", "high", 1)
        assert alert.metadata == {"user_id": str(buyer.pk), "session_id": str(session_of(pair))}
        assert run_jobs() == ["alerts.tasks.deliver_alert", "alerts.tasks.send_delivery"]

    def test_of_a_stolen_token_leaves_other_sessions_alone(self, buyer, pair, refresh, now):
        elsewhere = services.start_session(user=buyer, now=now)
        refresh(pair)

        with pytest.raises(SessionEnded):
            refresh(pair, after=MINUTE)

        assert is_alive(elsewhere, now)

    def test_is_refused_to_a_deleted_user(self, buyer, pair, refresh):
        buyer.delete()

        with pytest.raises(SessionEnded):
            refresh(pair)

    def test_is_refused_to_someone_who_was_deactivated(self, pair, refresh):
        User.objects.update(is_active=False)

        with pytest.raises(SessionEnded):
            refresh(pair)

        assert Session.objects.get().spent_digest == ""

    def test_is_refused_with_anything_but_a_refresh_token(self, pair, now):
        for token in (pair.access, "", "a.b.c", pair.refresh[:-2]):
            with pytest.raises(SessionEnded):
                services.refresh_session(refresh_token=token, now=now)

        assert is_alive(pair, now)


class TestSignOut:
    def test_ends_this_session_only(self, buyer, pair, refresh, now):
        elsewhere = services.start_session(user=buyer, now=now)

        services.sign_out(session_id=session_of(pair), now=now)

        assert [is_alive(one, now) for one in (pair, elsewhere)] == [False, True]
        assert reason_of(session_of(pair)) == "signed out"
        with pytest.raises(SessionEnded):
            refresh(pair)

    def test_keeps_the_first_reason_when_repeated(self, pair, now):
        services.sign_out(session_id=session_of(pair), now=now)

        services.sign_out(session_id=session_of(pair), now=now + MINUTE)

        assert Session.objects.get().revoked_at == now


class TestChangePassword:
    def change(self, buyer, now, *, current=PASSWORD, new=NEW_PASSWORD):
        return services.change_password(user_id=buyer.pk, current=current, new=new, now=now)

    def test_ends_every_session_and_starts_one(self, buyer, pair, refresh, now):
        started = self.change(buyer, now)

        buyer.refresh_from_db()
        assert buyer.check_password(NEW_PASSWORD)
        assert [is_alive(one, now) for one in (pair, started)] == [False, True]
        assert reason_of(session_of(pair)) == "password changed"
        with pytest.raises(SessionEnded):
            refresh(pair)

    def test_refuses_a_wrong_current_password(self, buyer, pair, now):
        with pytest.raises(InvalidCredentials, match="The current password is wrong"):
            self.change(buyer, now, current="wrong")

        buyer.refresh_from_db()
        assert buyer.check_password(PASSWORD)
        assert is_alive(pair, now)

    def test_refuses_a_weak_new_password(self, buyer, pair, now):
        with pytest.raises(PasswordTooWeak):
            self.change(buyer, now, new="buyer@example.com")

        buyer.refresh_from_db()
        assert buyer.check_password(PASSWORD)
        assert is_alive(pair, now)

    def test_locks_after_five_wrong_ones_like_a_sign_in(self, buyer, now):
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                self.change(buyer, now, current="wrong")

        with pytest.raises(AccountLocked):
            self.change(buyer, now)
        with pytest.raises(AccountLocked):
            services.sign_in(email=buyer.email, password=PASSWORD, now=now)

        buyer.refresh_from_db()
        assert buyer.check_password(PASSWORD)

    def test_does_not_lock_someone_who_only_chose_weak_ones(self, buyer, now):
        for _ in range(6):
            with pytest.raises(PasswordTooWeak):
                self.change(buyer, now, new="password")

        assert is_alive(self.change(buyer, now), now)

    def test_forgets_earlier_failures(self, buyer, now):
        with pytest.raises(InvalidCredentials):
            self.change(buyer, now, current="wrong")

        self.change(buyer, now)

        assert SignInGuard.objects.count() == 0


class TestPasswordChangedElsewhere:
    """By a form, a command or a line of code that knows nothing of sessions."""

    def test_by_code_ends_the_sessions(self, buyer, pair, refresh, now):
        buyer.set_password(NEW_PASSWORD)
        buyer.save()

        assert not is_alive(pair, now)
        with pytest.raises(SessionEnded):
            refresh(pair)

    def test_by_an_update_of_the_row_ends_the_sessions(self, pair, refresh, now):
        User.objects.update(password="!")

        assert not is_alive(pair, now)
        with pytest.raises(SessionEnded):
            refresh(pair)

    def test_says_nothing_of_the_password(self, buyer):
        assert buyer.password not in buyer.password_digest
        assert len(buyer.password_digest) == 64


class TestForgetWhatIsOver:
    MONTH = timedelta(days=30)

    @pytest.mark.parametrize(
        ("field", "ago", "kept"),
        [
            ("expires_at", MONTH - SECOND, 1),
            ("expires_at", MONTH + SECOND, 0),
            ("revoked_at", MONTH - SECOND, 1),
            ("revoked_at", MONTH + SECOND, 0),
        ],
    )
    def test_drops_sessions_that_ended_a_month_ago(self, pair, now, field, ago, kept):
        Session.objects.update(**{field: now - ago})

        services.forget_what_is_over(now=now)

        assert Session.objects.count() == kept

    def test_keeps_what_lives(self, pair, refresh, now):
        Session.objects.update(created_at=now - 10 * self.MONTH)

        tasks.forget_what_is_over()

        assert is_alive(refresh(pair), now)

    def test_opens_no_lock(self, buyer, now):
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                services.sign_in(email=buyer.email, password="wrong", now=now)

        services.forget_what_is_over(now=now + 15 * MINUTE - SECOND)
        with pytest.raises(AccountLocked):
            services.sign_in(email=buyer.email, password=PASSWORD, now=now)
        services.forget_what_is_over(now=now + 15 * MINUTE)

        assert SignInGuard.objects.count() == 0


class TestBecomeSeller:
    def test_may_be_repeated(self, buyer):
        first = services.become_seller(user_id=buyer.pk)
        second = services.become_seller(user_id=buyer.pk)

        assert (first.is_seller, second.is_seller) == (True, True)
        assert (second.is_staff, second.is_superuser) == (False, False)

    def test_touches_nobody_else(self, buyer, stranger):
        services.become_seller(user_id=buyer.pk)

        stranger.refresh_from_db()
        assert stranger.is_seller is False


class TestRename:
    def test_changes_the_name_only(self, buyer):
        renamed = services.rename(user_id=buyer.pk, name="Asha V.")

        assert renamed.name == "Asha V."
        assert (renamed.email, renamed.password) == (buyer.email, buyer.password)


class TestUser:
    def test_is_found_by_its_address_in_any_case(self, buyer):
        assert User.objects.get_by_natural_key("BUYER@Example.com") == buyer

    def test_superuser_has_all_powers(self, db):
        root = User.objects.create_superuser("Root@Example.com", PASSWORD, name="Root")

        assert (root.email, root.is_staff, root.is_superuser) == ("root@example.com", True, True)


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def at_once(self, threads, call):
        """The outcomes of calls that start together, each on its own connection."""
        start = threading.Barrier(threads)

        def run(number):
            start.wait(20)
            try:
                return type(call(number)).__name__
            except (SessionEnded, InvalidCredentials, AccountLocked, EmailTaken) as refusal:
                return type(refusal).__name__
            finally:
                connections.close_all()

        with ThreadPoolExecutor(threads) as pool:
            return Counter(pool.map(run, range(threads)))

    def test_of_twelve_refreshes_of_one_token_one_wins_and_the_session_lives(
        self, now, monkeypatch
    ):
        pair = services.start_session(user=make_user(), now=now)
        issue = tokens.issue_refresh
        # Slow enough for the others to look meanwhile, if nothing held them up.
        monkeypatch.setattr(tokens, "issue_refresh", lambda **k: time.sleep(0.1) or issue(**k))

        outcomes = self.at_once(
            12, lambda _: services.refresh_session(refresh_token=pair.refresh, now=now)
        )

        assert outcomes == {"TokenPair": 1, "SessionEnded": 11}
        assert is_alive(pair, now)
        assert Alert.objects.count() == 0

    def test_of_twelve_thefts_at_once_one_is_told(self, now):
        pair = services.start_session(user=make_user(), now=now)
        services.refresh_session(refresh_token=pair.refresh, now=now)

        outcomes = self.at_once(
            12, lambda _: services.refresh_session(refresh_token=pair.refresh, now=now + MINUTE)
        )

        assert outcomes == {"SessionEnded": 12}
        assert Alert.objects.get().count == 1

    def test_of_twenty_guesses_five_are_looked_at(self, now, monkeypatch):
        make_user("buyer")
        looks = []
        monkeypatch.setattr(User, "check_password", lambda *_: bool(looks.append(1)))

        outcomes = self.at_once(
            20, lambda n: services.sign_in(email="buyer@example.com", password=f"{n}", now=now)
        )

        assert outcomes == {"InvalidCredentials": 5, "AccountLocked": 15}
        assert len(looks) == 5

    def test_of_two_registrations_of_one_address_one_wins(self, now):
        outcomes = self.at_once(4, lambda n: services.register(**{**ASHA, "name": f"{n}"}, now=now))

        assert outcomes == {"tuple": 1, "EmailTaken": 3}
        assert (User.objects.count(), Session.objects.count()) == (1, 1)
