"""Who may see more than statuses."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare


def holds_metrics_token(authorization: str) -> bool:
    """`Bearer <METRICS_TOKEN>`, of the header of that name. Nobody does while there is none."""
    scheme, _, given = authorization.partition(" ")
    token = settings.METRICS_TOKEN
    return bool(token) and scheme.lower() == "bearer" and constant_time_compare(given, token)


def is_staff_session(request: HttpRequest) -> bool:
    """Signed in to the admin. Asks the database only when there is a session to look up."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return False
    try:
        return bool(request.user.is_active and request.user.is_staff)
    except (DatabaseError, InterfaceError):
        return False
