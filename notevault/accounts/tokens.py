"""The two JWTs of a session: an access token of 15 minutes and a refresh token of a week."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.utils import datetime_from_epoch

from notevault.kit.errors import DomainError


class SessionEnded(DomainError):
    code = "session_ended"
    message = "This session has ended. Sign in again."


class RotatingBackend(TokenBackend):
    """Signs with the current secret and accepts the previous one, so that a change of
    JWT_SECRET signs nobody out."""

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            return super().decode(token, verify)
        except TokenBackendError:
            if not settings.JWT_SECRET_PREVIOUS:
                raise
            previous = TokenBackend("HS256", settings.JWT_SECRET_PREVIOUS)
            return previous.decode(token, verify)


def _backend() -> RotatingBackend:
    return RotatingBackend("HS256", settings.JWT_SECRET)


class AccessToken(tokens.AccessToken):
    def get_token_backend(self) -> TokenBackend:
        return _backend()


class RefreshToken(tokens.RefreshToken):
    def get_token_backend(self) -> TokenBackend:
        return _backend()


@dataclass(frozen=True)
class Claims:
    """What a verified token says."""

    user_id: UUID
    session_id: UUID
    token_id: str


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str
    expires_in: int


def digest(token_id: str) -> str:
    return hashlib.sha256(token_id.encode()).hexdigest()


def issue_refresh(*, user_id: UUID, session_id: UUID) -> tuple[RefreshToken, str]:
    """A new refresh token and the digest under which the session remembers it."""
    token = RefreshToken()
    token["sub"], token["sid"] = str(user_id), str(session_id)
    return token, digest(token["jti"])


def pair_of(refresh: RefreshToken) -> TokenPair:
    access = AccessToken()
    access["sub"], access["sid"] = refresh["sub"], refresh["sid"]
    return TokenPair(str(access), str(refresh), int(settings.ACCESS_TOKEN_LIFETIME.total_seconds()))


def expiry_of(refresh: RefreshToken) -> datetime:
    return datetime_from_epoch(refresh["exp"])


def read_access(encoded: str) -> Claims | None:
    """The claims of a valid access token, else None."""
    return _read(AccessToken, encoded)


def read_refresh(encoded: str) -> Claims:
    """Raises SessionEnded for anything but a valid, unexpired refresh token."""
    claims = _read(RefreshToken, encoded)
    if claims is None:
        raise SessionEnded
    return claims


def _read(kind: type[tokens.Token], encoded: str) -> Claims | None:
    try:
        token = kind(encoded)  # type: ignore[arg-type]  # simplejwt takes the encoded text
        return Claims(UUID(token["sub"]), UUID(token["sid"]), str(token["jti"]))
    except (TokenError, KeyError, ValueError, TypeError, AttributeError):
        return None
