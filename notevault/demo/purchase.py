"""A student buys a note, over HTTP, as any client would."""

from __future__ import annotations

import io
import secrets
import time
from typing import Any

import pikepdf
import requests

from notevault.demo.processes import DemoFailed
from notevault.demo.progress import Printer
from notevault.kit.money import format_inr

TIMEOUT_S = 30


class Client:
    """Requests against the API that stop the demo when an answer is not a success."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        url = path if path.startswith("http") else f"{self.base_url}{path}"
        reply = self.session.request(method, url, timeout=TIMEOUT_S, **options)
        if not reply.ok:
            raise DemoFailed(f"{method} {url} answered {reply.status_code}: {reply.text[:500]}")
        body: dict[str, Any] = reply.json()
        return body

    def sign_in(self, access_token: str) -> None:
        self.session.headers["Authorization"] = f"Bearer {access_token}"


def buy_a_note(*, api: str, printer: Printer) -> str:
    """Register, browse, order, pay, wait for the webhook, download. Returns the e-mail."""
    client = Client(f"{api}/api/v1")
    # A new buyer each time, so that the demo can be run again.
    buyer = {"email": f"asha.{secrets.token_hex(4)}@example.com", "password": "notevault-demo"}
    with printer.step("register a buyer") as facts:
        client.call("POST", "/auth/register", json={**buyer, "name": "Asha Verma"})
        facts.append(buyer["email"])
    with printer.step("sign in"):
        client.sign_in(client.call("POST", "/auth/login", json=buyer)["access"])
    with printer.step("browse the catalogue") as facts:
        page = client.call("GET", "/notes?sort=newest&min_price=100&limit=20")
        note = page["items"][0]
        facts.append(f"“{note['title']}”, {format_inr(note['price_paise'])}")
    with printer.step("order it (Razorpay order by the SDK)") as facts:
        order = client.call("POST", "/orders", json={"note_ids": [note["id"]]})
        facts.append(order["gateway_order_id"])
    _pay(client, order, printer)
    _read(client, note, printer)
    return buyer["email"]


def _pay(client: Client, order: dict[str, Any], printer: Printer) -> None:
    with printer.step("pay at the sandbox (UPI success@razorpay)") as facts:
        page = order["checkout"]["url"].replace("/checkout?order_id=", "/checkout/") + "/pay"
        paid = requests.post(
            page, json={"method": "upi", "vpa": "success@razorpay"}, timeout=TIMEOUT_S
        )
        if not paid.ok:
            raise DemoFailed(f"The sandbox refused the payment: {paid.text[:500]}")
        facts.append(paid.json()["razorpay_payment_id"])
    with printer.step("signed webhook → worker → access"):
        waited = client.call("GET", f"/orders/{order['id']}?wait=20")
        _demand(waited["next_action"] == "download", f"the order says {waited['next_action']}")
    with printer.step("verify the payment's signature as well") as facts:
        verified = client.call("POST", "/payments/verify", json=paid.json())
        _demand(verified["state"] == "paid", f"the order is {verified['state']}")
        facts.append("the same answer, no second effect")


def _read(client: Client, note: dict[str, Any], printer: Printer) -> None:
    with printer.step("find it in the library"):
        library = client.call("GET", "/library")
        _demand(library["items"][0]["note_id"] == note["id"], "the note is not in the library")
    with printer.step("download the PDF and open it") as facts:
        link = client.call("POST", f"/library/{note['id']}/download")
        started = time.perf_counter()
        pdf = requests.get(link["url"], timeout=TIMEOUT_S).content
        with pikepdf.open(io.BytesIO(pdf)) as opened:
            pages = len(opened.pages)
        _demand(pages == note["page_count"], f"{pages} pages instead of {note['page_count']}")
        facts.append(f"{pages} pages, {len(pdf) // 1024} KiB in ")
        facts.append(f"{(time.perf_counter() - started) * 1000:.0f} ms")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoFailed(f"The purchase went wrong: {otherwise}.")
