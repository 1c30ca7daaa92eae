"""Webhooks that Razorpay never sent: forged ones, and an authentic one that nobody can read."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time

import requests

from notevault.chaos.records import Records

TIMEOUT_S = 20.0


class Stranger:
    def __init__(self, *, web: str, secret: str, records: Records) -> None:
        self._url = f"{web}/api/v1/webhooks/razorpay"
        self._secret = secret
        self._records = records

    def forge(self) -> bool:
        """A payment that was never made, under a signature that is one digit off.

        True when it was answered; anything but a refusal goes on record.
        """
        body = _event({"id": f"pay_{secrets.token_hex(7)}", "status": "captured"})
        signature = self._sign(body)
        last = "0" if signature[-1] != "0" else "1"
        status = self._send(body, signature[:-1] + last)
        if status not in (0, 400, 503):
            self._records.note_wrong(f"a forged webhook was answered {status}")
        return status != 0

    def poison(self) -> bool:
        """Rightly signed and without an amount: tried a few times, then a dead letter."""
        body = _event(
            {"id": "pay_" + "0" * 14, "status": "captured", "nonce": secrets.token_hex(8)}
        )
        return self._send(body, self._sign(body)) == 200

    def _sign(self, body: bytes) -> str:
        return hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()

    def _send(self, body: bytes, signature: str) -> int:
        """The status, or 0 when nobody answered."""
        headers = {"Content-Type": "application/json", "X-Razorpay-Signature": signature}
        try:
            return requests.post(
                self._url, data=body, headers=headers, timeout=TIMEOUT_S
            ).status_code
        except requests.RequestException:
            return 0


def _event(payment: dict[str, str]) -> bytes:
    envelope = {
        "entity": "event",
        "event": "payment.captured",
        "payload": {"payment": {"entity": payment}},
        "created_at": int(time.time()),
    }
    return json.dumps(envelope).encode()
