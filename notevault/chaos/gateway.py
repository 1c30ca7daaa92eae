"""The sandbox from outside: its checkout page, its dashboard, its faults and its books."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import requests

TIMEOUT_S = 20
PAGE = 100
FIELDS: dict[str, dict[str, str]] = {
    "upi": {"method": "upi", "vpa": "success@razorpay"},
    "card": {"method": "card", "card_number": "4100 2800 0000 1007", "otp": "1234"},
    "netbanking": {"method": "netbanking", "bank": "HDFC"},
}
FAILING_VPA = "failure@razorpay"

Entity = dict[str, Any]


class SandboxRefused(Exception):
    """The sandbox answered with an error of its own."""


class Sandbox:
    """May be used by many threads: each request is a connection of its own.

    Razorpay's own routes (/v1) meet the faults that are armed, ours included.
    """

    def __init__(self, *, url: str, key_id: str, key_secret: str) -> None:
        self.url = url
        self._keys = (key_id, key_secret)

    def pay(self, order_id: str, fields: Mapping[str, str]) -> Entity:
        """What the checkout page gives back: ids and signature, or `error` with metadata."""
        page = f"{self.url}/checkout/{order_id}/pay"
        body: Entity = requests.post(page, json=fields, timeout=TIMEOUT_S).json()
        return body

    def arm(self, kind: str, *, where: str, times: int, seconds: float) -> str:
        """The armed fault's id."""
        wish: Entity = {"kind": kind, "where": where or "*", "times": times}
        if seconds:
            wish["seconds"] = seconds
        return str(self._call("POST", "/faults", json=wish)["id"])

    def disarm(self, fault_id: str) -> int:
        """Remove a fault; how often it has fired."""
        return int(self._call("DELETE", f"/faults/{fault_id}")["fired"])

    def list_faults(self) -> list[Entity]:
        items: list[Entity] = self._call("GET", "/faults")["items"]
        return items

    def enable_webhook(self) -> None:
        self._call("POST", "/webhook/enable")

    def act(self, payment_id: str, action: str, **body: Any) -> Entity:
        """Something that happens at the gateway without us, such as a dashboard refund."""
        return self._call("POST", f"/payments/{payment_id}/{action}", json=body)

    def move_dispute(self, dispute_id: str, step: str, **body: Any) -> Entity:
        return self._call("POST", f"/disputes/{dispute_id}/{step}", json=body)

    def return_refund(self, refund_id: str) -> Entity:
        """Its buyer's bank sends a processed refund back."""
        return self._call("POST", f"/refunds/{refund_id}/fail", json={})

    def replay(self, event_id: str) -> Entity:
        return self._call("POST", f"/events/{event_id}/replay", json={})

    def list_new_events(self, known: Collection[str]) -> list[Entity]:
        """Those since the newest of the known ones, the newest first."""
        found: list[Entity] = []
        skip = 0
        while True:
            page = self._call("GET", "/events", params={"count": PAGE, "skip": skip})["items"]
            fresh = [event for event in page if event["id"] not in known]
            found += fresh
            skip += PAGE
            if len(fresh) < PAGE:
                return found

    def capture_again(self, order_id: str) -> Entity:
        return self._call("POST", f"/orders/{order_id}/second-capture", json={})

    def list_all(self, path: str) -> list[Entity]:
        """A whole list, page by page; nothing may be added and no fault armed meanwhile."""
        found: list[Entity] = []
        while True:
            page = self._call("GET", path, params={"count": PAGE, "skip": len(found)})["items"]
            found += page
            if len(page) < PAGE:
                return found

    def _call(self, method: str, path: str, **options: Any) -> Entity:
        reply = requests.request(
            method, f"{self.url}{path}", auth=self._keys, timeout=TIMEOUT_S, **options
        )
        body: Entity = reply.json()
        if not reply.ok:
            raise SandboxRefused(f"{method} {path}: {reply.status_code} {body}")
        return body
