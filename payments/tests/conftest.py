"""A shop over the sandbox: the real SDK, real HTTP, and a buyer at the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from rest_framework.test import APIClient

from notes.models import Note
from notevault.accounts.models import User
from payments import gateways, invariants
from payments.gateways import razorpay as adapter
from payments.gateways.signatures import sign
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.tests.merchant_endpoint import Merchant, listening
from payments.tests.sandbox_access import AUTH, KEYS, client_of, plain_session


@pytest.fixture
def sandbox(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """The gateway that the application talks to; it sends no webhooks."""
    with running_sandbox(**KEYS) as running:
        use_as_gateway(running, settings, monkeypatch)
        yield running
    gateways.get_gateway.cache_clear()


@pytest.fixture
def telling_sandbox(
    settings: Any, monkeypatch: pytest.MonkeyPatch, live_server: Any
) -> Iterator[RunningSandbox]:
    """The same, and it tells our own webhook endpoint, over HTTP, what happens."""
    url = f"{live_server.url}{Shop.WEBHOOK}"
    with running_sandbox(**KEYS, webhook_url=url) as running:
        use_as_gateway(running, settings, monkeypatch)
        yield running
    gateways.get_gateway.cache_clear()


def use_as_gateway(running: RunningSandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RAZORPAY_KEY_SECRET = KEYS["key_secret"]
    settings.RAZORPAY_WEBHOOK_SECRET = KEYS["webhook_secret"]
    made = adapter.RazorpayGateway(
        base_url=running.url, key_id=KEYS["key_id"], key_secret=KEYS["key_secret"]
    )
    gateways.get_gateway.cache_clear()
    monkeypatch.setattr(gateways, "import_string", lambda _: lambda: made)


@dataclass
class Shop:
    """What a buyer and the gateway do to us, through the API."""

    ORDERS = "/api/v1/orders"
    VERIFY = "/api/v1/payments/verify"
    WEBHOOK = "/api/v1/webhooks/razorpay"

    api: APIClient
    note: Note
    gateway: RunningSandbox

    def order(self, *notes: Note) -> Any:
        ids = [str(note.pk) for note in notes or (self.note,)]
        return self.api.post(self.ORDERS, {"note_ids": ids}, format="json")

    def pay(self, order: dict[str, Any], vpa: str = "success@razorpay") -> dict[str, Any]:
        """What Checkout hands to the buyer's client."""
        return self.gateway.pay(order["gateway_order_id"], vpa)

    def verify(self, paid: dict[str, Any]) -> Any:
        return self.api.post(self.VERIFY, paid, format="json")

    def look(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.api.get(f"{self.ORDERS}/{order['id']}").json()

    def tell(self, body: bytes, *, secret: str = KEYS["webhook_secret"], event_id: str = "") -> Any:
        """An event, signed as the gateway signs it."""
        headers = {
            "X-Razorpay-Signature": sign(body, secret=secret),
            "X-Razorpay-Event-Id": event_id,
        }
        return APIClient(raise_request_exception=False).generic(
            "POST", self.WEBHOOK, body, "application/json", headers=headers
        )

    def orders_there(self) -> list[dict[str, Any]]:
        with client_of(self.gateway) as client:
            return client.order.all()["items"]

    def payments_there(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        with client_of(self.gateway) as client:
            return client.order.payments(order["gateway_order_id"])["items"]


@pytest.fixture
def open_shop(
    client_of: Callable[[User | None], APIClient], buyer: User, note: Note
) -> Callable[[RunningSandbox], Shop]:
    return lambda gateway: Shop(client_of(buyer), note, gateway)


@pytest.fixture
def shop(open_shop: Callable[[RunningSandbox], Shop], sandbox: RunningSandbox) -> Shop:
    return open_shop(sandbox)


@contextmanager
def impatient(seconds: float = 0.5) -> Iterator[None]:
    """Our own time-out is short for a moment, so that a test of silence is too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "TIMEOUT_S", seconds)
        yield


@pytest.fixture
def promises(run_jobs: Callable[[], list[str]]) -> Iterator[None]:
    """The invariants hold when the test has ended, whatever it did."""
    yield
    broken = {check.about: list(invariants.findings(check)) for check in invariants.CHECKS}
    assert broken == {check.about: [] for check in invariants.CHECKS}


# For the tests of the sandbox itself


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


@pytest.fixture
def webhook_url(merchant: Merchant) -> Iterator[str]:
    with listening(merchant) as url:
        yield url


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with plain_session() as session:
        session.auth = AUTH
        yield session
