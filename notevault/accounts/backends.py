"""Sign-in to Django admin, under the same lockout as the API's."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from notevault.accounts import guard, hashing
from notevault.accounts.models import User
from notevault.kit import clock


class GuardedBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """As ModelBackend, but nobody looks at the password of a locked address.

        Raises TooManyAtOnce, before the attempt is counted.
        """
        if not username:
            return None
        with hashing.turn():
            try:
                guard.count_attempt(email=username, now=clock.now())
            except guard.AccountLocked as error:
                raise PermissionDenied from error
            user = super().authenticate(request, username=username, password=password, **kwargs)
        if not isinstance(user, User):
            return None
        guard.clear(email=username)
        return user
