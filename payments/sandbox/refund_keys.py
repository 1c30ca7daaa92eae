"""X-Refund-Idempotency: which keys are allowed, and which are being worked on."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from payments.sandbox.errors import RazorpayError, unrelated_to_payment


class KeysInUse:
    """Keys of requests that have not been answered yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Raises a 409 when another request holds the key."""
        with self._lock:
            if key in self._keys:
                raise unrelated_to_payment(
                    "Another request with the same idempotency key is still in progress.",
                    status=409,
                )
            self._keys.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key)


def check_key(key: str) -> None:
    if len(key) < 10:
        raise RazorpayError("The idempotency key must be at least 10 characters long.")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", key):
        raise RazorpayError(
            "The idempotency key must only contain alphanumeric characters, "
            "underscores, and hyphens"
        )


def fingerprint(payment_id: str, body: Mapping[str, Any]) -> str:
    """The same for the same refund of the same payment, whatever the order of the fields."""
    text = json.dumps([payment_id, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def key_was_spent() -> RazorpayError:
    return unrelated_to_payment(
        "Different request with the same idempotency key has already been processed.", status=409
    )
