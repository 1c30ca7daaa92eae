"""Razorpay's two signatures, checked over bytes and in constant time.

The SDK's own check takes text only and accepts anything under an empty secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable


def sign(message: bytes, *, secret: str) -> str:
    """Hex HMAC-SHA256. ValueError for an empty secret."""
    if not secret:
        raise ValueError("an empty secret signs nothing")
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def webhook_is_authentic(*, body: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """True when one of the secrets (current, previous) signed these very bytes."""
    return is_signed_by_any(body, signature, [secret for secret in secrets if secret])


def checkout_is_authentic(
    *, gateway_order_id: str, gateway_payment_id: str, signature: str, key_secret: str
) -> bool:
    """True when the gateway signed this payment for this order of ours.

    Proves that the payment is theirs; says nothing of its amount or capture.
    """
    message = f"{gateway_order_id}|{gateway_payment_id}".encode()
    return is_signed_by_any(message, signature, [key_secret])


def is_signed_by_any(message: bytes, signature: str, secrets: Iterable[str]) -> bool:
    given = signature.encode("utf-8", "surrogateescape")
    # Every secret is tried, so time tells nothing of which one matched.
    matches = [
        hmac.compare_digest(sign(message, secret=secret).encode(), given) for secret in secrets
    ]
    return any(matches)
