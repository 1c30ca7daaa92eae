"""The page on which a buyer pays, for people and for programs."""

import json
import re
import secrets
from urllib.parse import urlsplit

from payments.sandbox.aftermath import follow_up
from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity
from payments.sandbox.errors import RazorpayError
from payments.sandbox.magic import MAGIC_VPAS
from payments.sandbox.messages import Request, Response, error_response, json_response
from payments.sandbox.methods import BANKS, TEST_CARD, read_attempt
from payments.sandbox.orders import get_order
from payments.sandbox.pages import Safe, escape, join, page, render, rupees
from payments.sandbox.payments import pay_order

MAX_CALLBACK_LENGTH = 2000


def find_checkout(sandbox: Sandbox, request: Request) -> Response:
    return show_checkout(sandbox, request, request.query.get("order_id", ""))


def show_checkout(sandbox: Sandbox, request: Request, order_id: str) -> Response:
    """The methods to pay with, or that the order is paid."""
    order = get_order(sandbox, order_id)
    callback_url = _read_callback(request.query.get("callback_url", ""))
    if order["status"] == "paid":
        return page("Paid", render("already_paid.html", **_summary(order)))
    content = render(
        "checkout.html",
        action=f"/checkout/{order_id}/pay",
        callback=_callback_field(callback_url),
        card_number=re.sub(r"(.{4})(?=.)", r"\1 ", TEST_CARD),
        magic_vpas=join(
            [render("magic_vpa.html", vpa=vpa, text=text) for vpa, text in MAGIC_VPAS.items()]
        ),
        banks=join([render("option.html", value=key, label=BANKS[key]) for key in BANKS]),
        **_summary(order),
    )
    return page(f"Pay {rupees(order['amount'])}", content)


def pay(sandbox: Sandbox, request: Request, order_id: str) -> Response:
    """One attempt to pay: 200 with ids and signature, or 400 with the bank's reason."""
    fields = request.fields()
    callback_url = _read_callback(fields.get("callback_url", ""))
    attempt = read_attempt(fields)
    payment = pay_order(sandbox, order_id=order_id, attempt=attempt)
    follow_up(sandbox, payment)
    if payment["status"] == "failed":
        return _failed(request, payment, callback_url)
    receipt = {
        "razorpay_payment_id": payment["id"],
        "razorpay_order_id": order_id,
        "razorpay_signature": sandbox.checkout_signature(
            order_id=order_id, payment_id=payment["id"]
        ),
    }
    if request.wants_json:
        return json_response(receipt)
    if callback_url:
        return _hand_over(callback_url, receipt)
    return _paid(get_order(sandbox, order_id), receipt)


def _paid(order: Entity, receipt: dict[str, str]) -> Response:
    merchant_id = order["receipt"] or "the id of your order"
    body = json.dumps({"order_id": merchant_id} | receipt, indent=2, ensure_ascii=False)
    return page("Paid", render("paid.html", verify_body=body, **receipt, **_summary(order)))


def _hand_over(callback_url: str, receipt: dict[str, str]) -> Response:
    """Post the receipt to the merchant, by itself or by a click where scripts are off."""
    nonce = secrets.token_urlsafe(16)
    fields = [render("hidden.html", name=name, value=receipt[name]) for name in receipt]
    content = render("callback.html", url=callback_url, fields=join(fields), nonce=nonce)
    return page("Paid", content, form_targets="http: https:", script_nonce=nonce)


def _failed(request: Request, payment: Entity, callback_url: str) -> Response:
    refusal = RazorpayError(
        payment["error_description"],
        source=payment["error_source"],
        step=payment["error_step"],
        reason=payment["error_reason"],
        metadata={"payment_id": payment["id"], "order_id": payment["order_id"]},
    )
    if request.wants_json:
        return error_response(refusal)
    content = render(
        "failed.html",
        description=refusal.description,
        payment_id=payment["id"],
        again=f"/checkout/{payment['order_id']}",
        callback=_callback_field(callback_url),
    )
    return page("Payment failed", content, status=400)


def _summary(order: Entity) -> dict[str, object]:
    receipt = order["receipt"]
    return {
        "amount": rupees(order["amount"]),
        "order_id": order["id"],
        "receipt": receipt if receipt else Safe("&ndash;"),
    }


def _callback_field(url: str) -> Safe:
    return render("hidden.html", name="callback_url", value=url) if url else escape("")


def _read_callback(url: str) -> str:
    """An absolute http or https address, or nothing."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or len(url) > MAX_CALLBACK_LENGTH or re.search(r"[\s\x00-\x1f\\]", url):
        raise RazorpayError("The callback_url must be an http or https URL.", field="callback_url")
    return url
