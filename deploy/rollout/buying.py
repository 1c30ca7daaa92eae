"""Run in a release's own tree: the purchase of its demo, and one that is given back."""

from __future__ import annotations

import secrets
import sys
import time
from io import StringIO
from typing import Any

import django

REFUNDED_WITHIN_S = 30.0


def main(api: str) -> None:
    django.setup()
    from notevault.demo.progress import Printer
    from notevault.demo.purchase import Client, buy_a_note

    buy_a_note(api=api, printer=Printer(StringIO()))
    client = Client(f"{api}/api/v1")
    buyer = {"email": f"buyer.{secrets.token_hex(4)}@example.com", "password": "a-long-password"}
    client.call("POST", "/auth/register", json={**buyer, "name": "Buyer"})
    client.sign_in(client.call("POST", "/auth/login", json=buyer)["access"])
    order = buy(client)
    asked = client.call(
        "POST",
        "/refunds",
        json={
            "order_id": order["id"],
            "items": [{"note_id": order["items"][0]["note_id"]}],
            "reason": "bought_by_mistake",
        },
    )
    deadline = time.monotonic() + REFUNDED_WITHIN_S
    while client.call("GET", f"/refunds/{asked['id']}")["state"] != "completed":
        if time.monotonic() > deadline:
            sys.exit(f"the refund {asked['id']} was not made within {REFUNDED_WITHIN_S:.0f} s")
        time.sleep(0.2)


def buy(client: Any) -> dict[str, Any]:
    """An order that is paid, and told so by the webhook alone."""
    note = client.call("GET", "/notes?sort=price_low&min_price=5000&limit=20")["items"][0]
    order: dict[str, Any] = client.call("POST", "/orders", json={"note_ids": [note["id"]]})
    page = order["checkout"]["url"].replace("/checkout?order_id=", "/checkout/") + "/pay"
    client.call("POST", page, json={"method": "upi", "vpa": "success@razorpay"})
    waited: dict[str, Any] = client.call("GET", f"/orders/{order['id']}?wait=20")
    if waited["next_action"] != "download":
        sys.exit(f"the paid order says {waited['next_action']}")
    return waited


if __name__ == "__main__":
    main(sys.argv[1])
