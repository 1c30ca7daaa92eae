"""From a request to its handler: the one function through which everything passes."""

import base64
import binascii
import hmac
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from payments.sandbox import api, checkout, control, fault_help, index
from payments.sandbox.app import Sandbox
from payments.sandbox.errors import RazorpayError, server_failed, unrelated_to_payment
from payments.sandbox.faulty_answers import answer_with_faults
from payments.sandbox.messages import Request, Response, error_response
from payments.sandbox.pages import error_page
from payments.sandbox.payments import give_back_expired

Handler = Callable[..., Response]

logger = logging.getLogger("razorpay_sandbox")


@dataclass(frozen=True)
class Route:
    """An open route asks for no keys; a page route refuses people in HTML.

    An operation is a route of Razorpay's own API, which faults can hit by its handler's name.
    """

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    is_open: bool = False
    is_page: bool = False
    is_operation: bool = False


def _api(method: str, path: str, handler: Handler) -> Route:
    return Route(method, _compile(path), handler, is_operation=True)


def _control(method: str, path: str, handler: Handler) -> Route:
    return Route(method, _compile(path), handler)


def _page(method: str, path: str, handler: Handler) -> Route:
    return Route(method, _compile(path), handler, is_open=True, is_page=True)


def _compile(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "([^/]+)", path))


ROUTES = (
    _api("POST", "/v1/orders", api.create_order),
    _api("GET", "/v1/orders", api.list_orders),
    _api("GET", "/v1/orders/{id}", api.fetch_order),
    _api("GET", "/v1/orders/{id}/payments", api.list_order_payments),
    _api("GET", "/v1/payments", api.list_payments),
    _api("GET", "/v1/payments/{id}", api.fetch_payment),
    _api("POST", "/v1/payments/{id}/capture", api.capture_payment),
    _api("POST", "/v1/payments/{id}/refund", api.refund_payment),
    _api("GET", "/v1/payments/{id}/refunds", api.list_payment_refunds),
    _api("GET", "/v1/payments/{id}/refunds/{id}", api.fetch_payment_refund),
    _api("GET", "/v1/refunds", api.list_refunds),
    _api("GET", "/v1/refunds/{id}", api.fetch_refund),
    _api("GET", "/v1/disputes", api.list_disputes),
    _api("GET", "/v1/disputes/{id}", api.fetch_dispute),
    _api("GET", "/v1/settlements/recon/combined", api.combined_recon),
    _control("GET", "/events", api.list_events),
    _control("POST", "/events/{id}/replay", api.replay_event),
    _control("POST", "/webhook/enable", api.enable_webhook),
    _control("POST", "/faults", control.arm_fault),
    _control("GET", "/faults", control.list_faults),
    _control("DELETE", "/faults", control.clear_faults),
    _control("DELETE", "/faults/{id}", control.remove_fault),
    _control("POST", "/payments/{id}/dashboard-refund", control.refund_in_dashboard),
    _control("POST", "/refunds/{id}/fail", control.return_refund),
    _control("POST", "/payments/{id}/authorize", control.authorize_late),
    _control("POST", "/payments/{id}/dispute", control.open_dispute),
    _control("POST", "/orders/{id}/second-capture", control.capture_again),
    _control("POST", "/disputes/{id}/{step}", control.move_dispute),
    _control("POST", "/settlements/process", control.process_settlement),
    _control("POST", "/settlements/{id}/adjust", control.adjust_settlement),
    _control("GET", "/clock", control.show_clock),
    _control("POST", "/clock", control.set_clock),
    _page("GET", "/", index.show_index),
    _page("GET", "/help/faults", fault_help.show_fault_help),
    _page("GET", "/checkout", checkout.find_checkout),
    _page("GET", "/checkout/{id}", checkout.show_checkout),
    _page("POST", "/checkout/{id}/pay", checkout.pay),
    Route("GET", _compile("/health"), api.health, is_open=True),
)


def dispatch(sandbox: Sandbox, request: Request) -> Response:
    """Answer a request, by way of the fault that it meets.

    Whatever happens, there is an answer; only a fault may raise ConnectionCut instead.
    """
    route, _ = _find_route(request)

    def work() -> Response:
        return _answer(sandbox, request, route)

    if route is None or not route.is_operation:
        return work()
    name = route.handler.__name__
    return answer_with_faults(sandbox, request, operation=name, work=work)


def perform(sandbox: Sandbox, request: Request) -> Response:
    """Do what a request asks, for a caller who needs no keys; raises RazorpayError."""
    route, parameters = _find_route(request)
    if route is None:
        raise unrelated_to_payment("The requested URL was not found on the server.", status=404)
    give_back_expired(sandbox)
    return route.handler(sandbox, request, *parameters)


def _answer(sandbox: Sandbox, request: Request, route: Route | None) -> Response:
    try:
        if route is not None and not route.is_open:
            _authenticate(sandbox, request)
        return perform(sandbox, request)
    except RazorpayError as refusal:
        if route is not None and route.is_page and not request.wants_json:
            return error_page(refusal)
        return error_response(refusal)
    except Exception:
        logger.exception("%s %s failed in the sandbox itself", request.method, request.path)
        return error_response(server_failed())


def _find_route(request: Request) -> tuple[Route | None, tuple[str, ...]]:
    for route in ROUTES:
        match = route.pattern.fullmatch(request.path)
        if match and route.method == request.method:
            return route, match.groups()
    return None, ()


def _authenticate(sandbox: Sandbox, request: Request) -> None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    expected = f"{sandbox.config.key_id}:{sandbox.config.key_secret}".encode()
    if not hmac.compare_digest(given, expected):
        raise unrelated_to_payment("Authentication failed", status=401)
