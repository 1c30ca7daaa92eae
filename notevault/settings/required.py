"""What production must be given, and how a value that only looks like one is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

REQUIRED = (
    "DATABASE_URL",
    "JWT_SECRET",
    "RAZORPAY_KEY_ID",
    "RAZORPAY_KEY_SECRET",
    "RAZORPAY_WEBHOOK_SECRET",
    "CLOUDINARY_CLOUD_NAME",
    "CLOUDINARY_API_KEY",
    "CLOUDINARY_API_SECRET",
    "FRONTEND_URL",
    "INVOICE_SECRET",
    "GSTIN",
    "INVOICE_LEGAL_NAME",
    "INVOICE_ADDRESS",
)
SECRETS = (
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "SECRET_KEY",
    "RAZORPAY_KEY_SECRET",
    "RAZORPAY_WEBHOOK_SECRET",
    "RAZORPAY_WEBHOOK_SECRET_PREVIOUS",
    "CLOUDINARY_API_SECRET",
    "INVOICE_SECRET",
    "INVOICE_SECRET_PREVIOUS",
    "ALERT_WEBHOOK_SECRET",
)
# No secrets, but no account has them either.
NOT_AS_PUBLISHED = ("RAZORPAY_KEY_ID", "CLOUDINARY_CLOUD_NAME", "CLOUDINARY_API_KEY")
MIN_LENGTH = {
    "JWT_SECRET": 32,
    "JWT_SECRET_PREVIOUS": 32,
    "SECRET_KEY": 50,
    "INVOICE_SECRET": 32,
    "INVOICE_SECRET_PREVIOUS": 32,
}
MIN_LETTERS = 6  # different ones; thirty-two random hex digits have fourteen of them
PLACEHOLDER = re.compile(
    r"^(xxx|change|<|your|example|sandbox|development|test|secret)"
    r"|super.?secret|change.?me|placeholder|insecure",
    re.IGNORECASE,
)


def refuse_bad_secrets(given: Mapping[str, str], *, example: Path) -> None:
    """Raise ImproperlyConfigured that names every variable that is missing or a default.

    A default is a value that `example` (`.env.example`) shows, a placeholder, or one too
    short to be random.
    """
    missing = [name for name in REQUIRED if not given.get(name, "").strip()]
    if missing:
        raise ImproperlyConfigured(f"Missing in the environment: {', '.join(missing)}.")
    published = published_values(example)
    default = [
        name
        for name in (*SECRETS, *NOT_AS_PUBLISHED)
        if looks_default(name, given.get(name, ""), published)
    ]
    if default:
        raise ImproperlyConfigured(
            f"A default, placeholder or too short value is set for: {', '.join(default)}. "
            "`openssl rand -hex 64` makes a secret of our own; Razorpay and Cloudinary "
            "show theirs in their dashboards."
        )


def looks_default(name: str, value: str, published: Mapping[str, str]) -> bool:
    """An empty value is none: whether it is missed is another question."""
    if not value or value == published.get(name):
        return bool(value)
    return name in SECRETS and (
        PLACEHOLDER.search(value) is not None
        or len(value) < MIN_LENGTH.get(name, 8)
        or len(set(value)) < MIN_LETTERS
    )


def published_values(example: Path) -> dict[str, str]:
    """What the file shows to everybody."""
    lines = example.read_text().splitlines() if example.exists() else []
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value for name, _, value in pairs if value}
