"""Razorpay, by its SDK: the only file that imports it.

What the SDK leaves out is added by the session it is given: time-outs, no redirects, a
current CA bundle, a circuit breaker, a bound on how many calls are under way, and errors
told apart by status, code and method instead of by message.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import certifi
import razorpay
import requests
import structlog
import urllib3
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from notevault.kit.correlation import current_request_id
from ops import upstream
from payments.gateways import entities
from payments.gateways.base import (
    GatewayDeclined,
    GatewayDispute,
    GatewayError,
    GatewayOrder,
    GatewayOutcomeUnknown,
    GatewayPayment,
    GatewayRefund,
    GatewayRejected,
    GatewayUnavailable,
    SettledEntry,
)

BREAKER = "razorpay"
CONNECT_TIMEOUT_S = 2.0
TIMEOUT_S = 5.0
PRODUCTION_URL = "https://api.razorpay.com"
CURRENCY = "INR"
# An authorisation is captured at once; what stays uncaptured goes back in 5 days.
CAPTURE = {
    "capture": "automatic",
    "capture_options": {
        "automatic_expiry_period": 12,
        "manual_expiry_period": 7200,
        "refund_speed": "normal",
    },
}
MAX_LIST = 100
MAX_SETTLED = 1000

log = structlog.get_logger("notevault.gateway")
T = TypeVar("T")


class _Session(requests.Session):
    """Raises one of the four gateway errors for whatever is not a JSON answer of success."""

    # The stubs spell out every option; here they pass through.
    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        with upstream.calling(BREAKER, most_s=TIMEOUT_S, refusal=_not_called) as call:
            reply = self._send(call, method, url, options)
        refusal = _refusal(reply, changes_something=method.lower() != "get")
        if refusal is not None:
            raise refusal
        return reply

    def _send(
        self, call: upstream.Call, method: str, url: str, options: dict[str, Any]
    ) -> requests.Response:
        options["timeout"] = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, total=call.timeout_s)
        options["allow_redirects"] = False
        options["headers"] = {
            **(options.get("headers") or {}),
            "X-Request-ID": current_request_id(),
        }
        try:
            reply = super().request(method, url, **options)
        except requests.RequestException as error:
            raise _unreached(error, changes_something=method.lower() != "get") from error
        call.succeeded = _is_sound(reply)
        return reply


def _not_called(retry_after: int) -> GatewayUnavailable:
    return GatewayUnavailable(retry_after=retry_after)


def _is_sound(reply: requests.Response) -> bool:
    """A refusal is an answer too; only what comes from a broken gateway counts against it."""
    is_success = 200 <= reply.status_code < 300
    return bool(_error_of(reply)["is_json"]) if is_success else reply.status_code < 500


def _unreached(error: requests.RequestException, changes_something: bool) -> GatewayError:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    never_sent = isinstance(error, requests.ConnectTimeout) or isinstance(
        reason, (NewConnectionError, ConnectTimeoutError)
    )
    if never_sent or not changes_something:
        return GatewayUnavailable(retry_after=5)
    return GatewayOutcomeUnknown(retry_after=5)


def _refusal(reply: requests.Response, changes_something: bool) -> GatewayError | None:
    """The error that a reply stands for, or None for a usable answer."""
    told = _error_of(reply)
    description = str(told.get("description") or "")
    is_success = 200 <= reply.status_code < 300
    if is_success and told["is_json"]:
        return None
    if is_success or reply.status_code >= 500:
        return (
            GatewayOutcomeUnknown(retry_after=5)
            if changes_something
            else GatewayUnavailable(retry_after=5)
        )
    if reply.status_code == 429 or _is_still_running(reply.status_code, description):
        return GatewayUnavailable(retry_after=5)
    if told.get("code") == "GATEWAY_ERROR":
        return GatewayDeclined(description)
    log.warning("gateway.rejected", status=reply.status_code, description=description)
    refusal = GatewayRejected()
    refusal.args = (description,)  # for the log and the adapter, not for the caller
    return refusal


def _is_still_running(status: int, description: str) -> bool:
    """409 says that the same keyed refund is under way, or that its body has changed.

    Code and status are the same for both; in doubt it is under way, for the other one
    would be our bug.
    """
    return status == 409 and "different request" not in description.lower()


def _error_of(reply: requests.Response) -> dict[str, Any]:
    try:
        body = reply.json()
    except ValueError:
        return {"is_json": False}
    error = body.get("error") if isinstance(body, dict) else None
    found = error if isinstance(error, dict) else {"description": error}
    return {**found, "is_json": isinstance(body, dict)}


class RazorpayGateway:
    """One SDK client, and so one connection pool, a thread."""

    def __init__(self, *, base_url: str = "", key_id: str = "", key_secret: str = "") -> None:
        self.base_url = base_url or settings.RAZORPAY_BASE_URL
        self.key_id = key_id or settings.RAZORPAY_KEY_ID
        self._key_secret = key_secret or settings.RAZORPAY_KEY_SECRET
        self._local = threading.local()

    @property
    def _client(self) -> razorpay.Client:
        client = getattr(self._local, "client", None)
        if client is None:
            client = razorpay.Client(
                session=_Session(), auth=(self.key_id, self._key_secret), base_url=self.base_url
            )
            client.cert_path = certifi.where()  # the SDK's own bundle is of 2015
            self._local.client = client
        return client

    def checkout_url(self, order_id: str) -> str:
        if self.base_url == PRODUCTION_URL:
            return ""
        return f"{self.base_url}/checkout?order_id={order_id}"

    def create_order(
        self, *, receipt: str, amount_paise: int, notes: Mapping[str, str]
    ) -> GatewayOrder:
        request = {
            "amount": amount_paise,
            "currency": CURRENCY,
            "receipt": receipt,
            "notes": dict(notes),
            "payment": CAPTURE,
        }
        try:
            return _parsed(entities.order_from, self._client.order.create(data=request))
        except GatewayRejected as refusal:
            if "receipt" not in str(refusal).lower():
                raise
            existing = self.find_order(receipt=receipt)
            if existing is None or existing.amount_paise != amount_paise:
                raise
            return existing

    def find_order(self, *, receipt: str) -> GatewayOrder | None:
        found = self._client.order.all({"receipt": receipt, "count": 1})
        orders = [_parsed(entities.order_from, entity) for entity in _items(found)]
        return next((order for order in orders if order.receipt == receipt), None)

    def get_order(self, order_id: str) -> GatewayOrder:
        _demand_id(order_id, "order")
        return _parsed(entities.order_from, self._client.order.fetch(order_id))

    def list_order_payments(self, order_id: str) -> list[GatewayPayment]:
        _demand_id(order_id, "order")
        found = self._client.order.payments(order_id, {"count": MAX_LIST})
        return [_parsed(entities.payment_from, entity) for entity in _items(found)]

    def get_payment(self, payment_id: str) -> GatewayPayment:
        _demand_id(payment_id, "pay")
        return _parsed(entities.payment_from, self._client.payment.fetch(payment_id, {}))

    def capture_payment(self, payment_id: str, *, amount_paise: int) -> GatewayPayment:
        _demand_id(payment_id, "pay")
        try:
            # A fresh dict: the SDK's default one is shared by all threads.
            reply = self._client.payment.capture(payment_id, amount_paise, {"currency": CURRENCY})
        except GatewayRejected as refusal:
            if "already been captured" not in str(refusal):
                raise
            return self.get_payment(payment_id)
        return _parsed(entities.payment_from, reply)

    def refund_payment(
        self, payment_id: str, *, amount_paise: int, idempotency_key: str
    ) -> GatewayRefund:
        _demand_id(payment_id, "pay")
        reply = self._client.payment.refund(
            payment_id,
            {"amount": amount_paise, "speed": "normal", "receipt": idempotency_key},
            headers={"X-Refund-Idempotency": idempotency_key},
        )
        return _parsed(entities.refund_from, reply)

    def list_refunds(self, payment_id: str) -> list[GatewayRefund]:
        _demand_id(payment_id, "pay")
        found = self._client.payment.fetch_multiple_refund(payment_id, {"count": MAX_LIST})
        return [_parsed(entities.refund_from, entity) for entity in _items(found)]

    def list_payments(self, *, start: datetime, end: datetime) -> Iterator[GatewayPayment]:
        found = _pages(self._client.payment.all, _window(start, end), MAX_LIST)
        return _once_each((_parsed(entities.payment_from, e) for e in found), key=_id)

    def list_refunds_between(self, *, start: datetime, end: datetime) -> Iterator[GatewayRefund]:
        found = _pages(self._client.refund.all, _window(start, end), MAX_LIST)
        return _once_each((_parsed(entities.refund_from, e) for e in found), key=_id)

    def get_dispute(self, dispute_id: str) -> GatewayDispute:
        _demand_id(dispute_id, "disp")
        # A fresh dict here as well.
        return _parsed(entities.dispute_from, self._client.dispute.fetch(dispute_id, {}))

    def list_disputes(self, *, start: datetime, end: datetime) -> Iterator[GatewayDispute]:
        found = _pages(self._client.dispute.all, _window(start, end), MAX_LIST)
        return _once_each((_parsed(entities.dispute_from, e) for e in found), key=_id)

    def list_settled(self, *, day: date) -> Iterator[SettledEntry]:
        on_day = {"year": day.year, "month": day.month, "day": day.day}
        found = _pages(self._client.settlement.report, on_day, MAX_SETTLED)
        settled = (_parsed(entities.settled_from, e) for e in found if e.get("settled") is True)
        # By the whole line: one payment settled twice must be seen twice.
        return _once_each(settled, key=lambda entry: entry)


def _window(start: datetime, end: datetime) -> dict[str, int]:
    """Whole seconds, both ends included, as the lists want it."""
    return {"from": math.ceil(start.timestamp()), "to": math.ceil(end.timestamp()) - 1}


def _pages(
    fetch: Callable[[dict[str, int]], Mapping[str, Any]], query: Mapping[str, int], count: int
) -> Iterator[dict[str, Any]]:
    skip = 0
    while True:
        items = _items(fetch({**query, "count": count, "skip": skip}))
        yield from items
        if len(items) < count:
            return
        skip += count


def _once_each(found: Iterable[T], *, key: Callable[[T], Hashable]) -> Iterator[T]:
    """A row that slid from one page into the next comes once."""
    seen: set[Hashable] = set()
    for row in found:
        if key(row) not in seen:
            seen.add(key(row))
            yield row


def _id(row: GatewayPayment | GatewayRefund | GatewayDispute) -> str:
    return row.id


def _demand_id(value: str, prefix: str) -> None:
    if not entities.is_gateway_id(value, prefix):
        raise GatewayRejected(f"Not an id of the gateway: expected {prefix}_….")


def _items(collection: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = collection.get("items")
    return list(items) if isinstance(items, list) else []


def _parsed(parse: Callable[[Mapping[str, Any]], T], entity: Any) -> T:
    try:
        return parse(entity if isinstance(entity, Mapping) else {})
    except entities.MalformedEntity as error:
        log.error("gateway.malformed_answer", detail=str(error))
        raise GatewayOutcomeUnknown from error
