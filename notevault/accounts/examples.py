"""Real bodies for the API's documentation."""

from notevault.kit.openapi import request_example, response_example

_USER = {
    "id": "0198f0c2-a6b0-7d3c-9a4b-e3f1c5d2e7a9",
    "email": "asha@example.com",
    "name": "Asha Verma",
    "is_seller": False,
    "date_joined": "2026-11-23T18:30:00+05:30",
}
_TOKENS = {
    "access": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIwMTk4In0.c2lnbmF0dXJl",
    "refresh": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiI5ZjJjIn0.c2lnbmF0dXJl",
    "expires_in": 900,
}
_PASSWORD = "correct-horse-battery"  # noqa: S105 an example, not a secret

REGISTER = request_example(
    "A new buyer", {"email": "asha@example.com", "password": _PASSWORD, "name": "Asha Verma"}
)
LOGIN = request_example("Sign in", {"email": "asha@example.com", "password": _PASSWORD})
REFRESH = request_example("The refresh token", {"refresh": _TOKENS["refresh"]})
PASSWORD_CHANGE = request_example(
    "A new password",
    {"current_password": _PASSWORD, "new_password": "a-longer-horse-battery"},
)
PROFILE = request_example("A new name", {"name": "Asha V."})
SIGNED_IN = response_example("Signed in", {**_TOKENS, "user": _USER}, 200, 201)
TOKENS = response_example("The next pair", _TOKENS)
USER = response_example("A buyer", _USER)
SELLER = response_example("Now a seller", {**_USER, "is_seller": True})
