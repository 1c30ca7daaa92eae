"""People for tests, named by what they are to the note."""

from __future__ import annotations

from typing import Any

from notevault.accounts.models import User

PASSWORD = "correct-horse-battery"


def make_user(name: str = "buyer", **fields: Any) -> User:
    values = {"email": f"{name}@example.com", "name": name.title(), **fields}
    return User.objects.create_user(password=PASSWORD, **values)
