"""Who is calling: a bearer access token whose session still lives."""

from __future__ import annotations

from typing import Any

import structlog
from django.contrib.auth.models import AnonymousUser
from django.db.models import F, QuerySet
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from notevault.accounts import tokens
from notevault.accounts.models import Session, User
from notevault.db.prepared import statement
from notevault.kit import clock
from notevault.kit.errors import DomainError


class NotASeller(DomainError):
    code = "not_a_seller"
    message = "Call POST /api/v1/me/become-seller first."


class BearerAuthentication(BaseAuthentication):
    """Loads the user and checks the session in one query, so a sign-out, a password
    change or a deactivation holds from the next request on."""

    def authenticate(self, request: Request) -> tuple[User, tokens.Claims] | None:
        claims = None if _is_public_read(request) else _claims(request)
        if claims is None:
            return None
        session = _session(claims)
        if session is None or not session.is_live(clock.now()):
            raise AuthenticationFailed
        structlog.contextvars.bind_contextvars(user_id=str(session.user.pk))
        return session.user, claims

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="notevault"'


def _session(claims: tokens.Claims) -> Session | None:
    """With its user. Every request of somebody who is signed in asks for it."""
    asked = {"session_id": claims.session_id, "user_id": claims.user_id}
    found = statement(_columns, tuple(asked)).rows(**asked)
    if not found:
        return None
    values = list(found[0].values())
    session = Session.from_db(None, _OF_SESSION, values[: len(_OF_SESSION)])
    session.user = User.from_db(None, _OF_USER, values[len(_OF_SESSION) :])
    return session


_OF_SESSION = [field.attname for field in Session._meta.concrete_fields]
_OF_USER = [field.attname for field in User._meta.concrete_fields]


def _columns(session_id: Any, user_id: Any) -> QuerySet[Any, Any]:
    sessions: QuerySet[Any, Any] = Session.objects.filter(pk=session_id, user_id=user_id)
    return sessions.values(
        *_OF_SESSION, **{f"user__{name}": F(f"user__{name}") for name in _OF_USER}
    )


def _is_public_read(request: Request) -> bool:
    """Views with `anyone_may_read` ask for no token, and so no query, to be read."""
    view = (request.parser_context or {}).get("view")
    return request.method in SAFE_METHODS and getattr(view, "anyone_may_read", False)


def _claims(request: Request) -> tokens.Claims | None:
    parts = get_authorization_header(request).split()
    if not parts or parts[0].lower() != b"bearer":
        return None
    if len(parts) != 2:
        raise AuthenticationFailed
    try:
        claims = tokens.read_access(parts[1].decode("ascii"))
    except UnicodeDecodeError:
        claims = None
    if claims is None:
        raise AuthenticationFailed
    return claims


class IsSeller(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.user, AnonymousUser):
            return False
        if not request.user.is_seller:
            raise NotASeller
        return True


class IsSellerOrReading(IsSeller):
    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or super().has_permission(request, view)
