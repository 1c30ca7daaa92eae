"""Who sells the demo's notes."""

from __future__ import annotations

SELLERS = (
    ("ananya.iyer@example.com", "Ananya Iyer"),
    ("rohan.deshmukh@example.com", "Rohan Deshmukh"),
    ("fatima.sheikh@example.com", "Fatima Sheikh"),
    ("gurpreet.kaur@example.com", "Gurpreet Kaur"),
    ("arjun.nair@example.com", "Arjun Nair"),
    ("debjani.sen@example.com", "Debjani Sen"),
)
_NAMES = dict(SELLERS)


def seller_name(email: str) -> str:
    """The display name, or the part of a stranger's address before the @."""
    return _NAMES.get(email, email.partition("@")[0])
