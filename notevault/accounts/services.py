"""Registration, sign-in and the life of a session."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.accounts import guard, hashing, tokens
from notevault.accounts.models import Session, User, normalise_email
from notevault.accounts.tokens import SessionEnded, TokenPair
from notevault.kit.errors import DomainError
from ops.transactions import use_case

# Two refreshes of one token a moment apart are a client's retry, not a theft: the second
# is refused, but the session lives on.
RETRY_GRACE = timedelta(seconds=10)
# Long enough to answer "who was signed in then?".
KEEP_ENDED = timedelta(days=30)


class EmailTaken(DomainError):
    code = "email_taken"
    message = "This e-mail address already has an account. Sign in instead."


class PasswordTooWeak(DomainError):
    code = "password_too_weak"


class InvalidCredentials(DomainError):
    code = "invalid_credentials"
    message = "E-mail address or password is wrong."


def register(*, email: str, password: str, name: str, now: datetime) -> tuple[User, TokenPair]:
    """Make an account and sign it in. Raises EmailTaken, PasswordTooWeak, TooManyAtOnce."""
    user = User(email=normalise_email(email), name=name)
    require_strong(password, user)
    user.password = make_password(password)  # slow on purpose, so outside the transaction
    return _create_account(user=user, now=now)


@use_case
def _create_account(*, user: User, now: datetime) -> tuple[User, TokenPair]:
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise EmailTaken from error
    return user, start_session(user=user, now=now)


def require_strong(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordTooWeak(" ".join(error.messages)) from error


def sign_in(*, email: str, password: str, now: datetime) -> tuple[User, TokenPair]:
    """Raises InvalidCredentials, AccountLocked after five failures in a row, TooManyAtOnce.

    A wrong address costs the same time as a wrong password, except one of an account that has
    not signed in since its kind of hash went out of use.
    """
    with hashing.turn():  # who is turned away here has not guessed
        guard.count_attempt(email=email, now=now)
        user = User.objects.filter(email=normalise_email(email)).first()
        matches = _password_matches(user, password)
    if not matches or user is None or not user.is_active:
        raise InvalidCredentials
    return user, _signed_in(user=user, now=now)


def _password_matches(user: User | None, password: str) -> bool:
    if user is None:
        make_password(password)
        return False
    return user.check_password(password)


@use_case
def _signed_in(*, user: User, now: datetime) -> TokenPair:
    guard.clear(email=user.email)
    return start_session(user=user, now=now)


def start_session(*, user: User, now: datetime) -> TokenPair:
    """A step: the row that a family of refresh tokens lives under."""
    session = Session(
        user=user, password_digest=user.password_digest, created_at=now, rotated_at=now
    )
    refresh, digest = tokens.issue_refresh(user_id=user.pk, session_id=session.pk)
    session.current_digest, session.expires_at = digest, tokens.expiry_of(refresh)
    session.save(force_insert=True)
    return tokens.pair_of(refresh)


def refresh_session(*, refresh_token: str, now: datetime) -> TokenPair:
    """Exchange a refresh token for the next pair; exactly one of racing callers wins.

    Raises SessionEnded for the others. A token spent before the last grace period is a
    stolen one: its whole family is revoked and an alert raised.
    """
    claims = tokens.read_refresh(refresh_token)
    pair = _rotate(claims=claims, now=now)
    if pair is None:
        raise SessionEnded
    return pair


@use_case
def _rotate(*, claims: tokens.Claims, now: datetime) -> TokenPair | None:
    locked = Session.objects.select_for_update(of=("self",)).select_related("user")
    session = locked.filter(pk=claims.session_id).first()
    if session is None or not session.is_live(now):
        return None
    used = tokens.digest(claims.token_id)
    if used != session.current_digest:
        _note_reuse(session=session, used=used, now=now)
        return None
    refresh, digest = tokens.issue_refresh(user_id=claims.user_id, session_id=session.pk)
    session.spent_digest, session.current_digest = used, digest
    session.rotated_at, session.expires_at = now, tokens.expiry_of(refresh)
    session.save()
    return tokens.pair_of(refresh)


def _note_reuse(*, session: Session, used: str, now: datetime) -> None:
    is_retry = used == session.spent_digest and now - session.rotated_at <= RETRY_GRACE
    if is_retry:
        return
    _revoke(session_filter={"pk": session.pk}, why="refresh token reused", now=now)
    raise_alert(
        kind="accounts.refresh_reused",
        severity=Severity.HIGH,
        message="A spent refresh token was used again; the session was ended.",
        metadata={"user_id": str(session.user_id), "session_id": str(session.pk)},
        dedupe_key=f"refresh-reused:{session.pk}",
        now=now,
    )


@use_case
def sign_out(*, session_id: UUID, now: datetime) -> None:
    """End this session; its access token stops working at once."""
    _revoke(session_filter={"pk": session_id}, why="signed out", now=now)


def change_password(*, user_id: UUID, current: str, new: str, now: datetime) -> TokenPair:
    """Set a new password, end every session, and start one for the caller.

    Raises InvalidCredentials when `current` is wrong, PasswordTooWeak, AccountLocked,
    TooManyAtOnce.
    """
    user = User.objects.get(pk=user_id)
    require_strong(new, user)  # first: a poor choice is no guess at the password
    with hashing.turn():
        guard.count_attempt(email=user.email, now=now)
        if not _password_matches(user, current):
            raise InvalidCredentials("The current password is wrong.")
        encoded = make_password(new)
    return _set_password(user=user, encoded=encoded, now=now)


@use_case
def _set_password(*, user: User, encoded: str, now: datetime) -> TokenPair:
    user.password = encoded
    user.save(update_fields=["password"])
    end_all_sessions(user_id=user.pk, why="password changed", now=now)
    guard.clear(email=user.email)
    return start_session(user=user, now=now)


def end_all_sessions(*, user_id: UUID, why: str, now: datetime) -> None:
    """A step: sign the user out everywhere."""
    _revoke(session_filter={"user_id": user_id}, why=why, now=now)


def _revoke(*, session_filter: dict[str, UUID], why: str, now: datetime) -> None:
    live = Session.objects.filter(revoked_at=None, **session_filter)
    live.update(revoked_at=now, revoked_why=why)


def forget_what_is_over(*, now: datetime) -> None:
    """Delete sessions that ended a month ago and guards that hold nobody up."""
    Session.objects.filter(expires_at__lt=now - KEEP_ENDED).delete()
    Session.objects.filter(revoked_at__lt=now - KEEP_ENDED).delete()
    guard.forget(before=now - guard.LOCK)


@use_case
def become_seller(*, user_id: UUID) -> User:
    """Let the user sell; repeating it changes nothing."""
    User.objects.filter(pk=user_id).update(is_seller=True)
    return User.objects.get(pk=user_id)


@use_case
def rename(*, user_id: UUID, name: str) -> User:
    User.objects.filter(pk=user_id).update(name=name)
    return User.objects.get(pk=user_id)
