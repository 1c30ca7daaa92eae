"""How the tests reach a sandbox: its keys, the SDK's client, a plain HTTP session."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import razorpay
import requests

from payments.sandbox.server import RunningSandbox

KEYS = {
    "key_id": "rzp_test_sandbox",
    "key_secret": "key secret",
    "webhook_secret": "webhook secret",
}
AUTH = (KEYS["key_id"], KEYS["key_secret"])


def field_set(names: str) -> set[str]:
    return set(names.split())


ORDER_FIELDS = field_set(
    "id entity amount amount_paid amount_due currency receipt offer_id status attempts notes "
    "created_at"
)
PAYMENT_FIELDS = field_set(
    "id entity amount currency status order_id invoice_id international method amount_refunded "
    "refund_status captured description card_id bank wallet vpa email contact notes fee tax "
    "error_code error_description error_source error_step error_reason acquirer_data "
    "created_at"
)
REFUND_FIELDS = field_set(
    "id entity amount currency payment_id notes receipt acquirer_data created_at batch_id status "
    "speed_processed speed_requested"
)
RECON_FIELDS = field_set(
    "entity_id type debit credit amount currency fee tax on_hold settled created_at settled_at "
    "settlement_id posted_at credit_type description notes payment_id settlement_utr order_id "
    "order_receipt method card_network card_issuer card_type dispute_id"
)
ERROR_FIELDS = {"code", "description", "field", "source", "step", "reason", "metadata"}


@contextmanager
def plain_session() -> Iterator[requests.Session]:
    """A session that ignores the proxies of the machine it runs on."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@contextmanager
def client_of(sandbox: RunningSandbox) -> Iterator[razorpay.Client]:
    """The SDK's own client."""
    with plain_session() as session:
        yield razorpay.Client(session=session, auth=AUTH, base_url=sandbox.url)


def order_request(**fields: Any) -> dict[str, Any]:
    return {"amount": 50_000, "currency": "INR"} | fields
