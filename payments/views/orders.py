"""Orders, payment verification and the gateway's webhook."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from notevault.kit import clock, money
from notevault.kit.pagination import Often, PageRequest, paginate
from notevault.kit.throttling import SharedThrottle
from notevault.kit.views import APIView
from payments import checkout, selectors, timeline, verification
from payments.billing import Billing
from payments.cart import quote_cart
from payments.examples import orders as examples
from payments.idempotency import idempotent
from payments.serializers import orders as serializers
from payments.waiting import wait_until
from payments.webhooks import inbox

# For a client whose wait ended without an outcome, or found no place to wait in.
ASK_AGAIN_S = "2"


def _order(order_id: UUID, buyer_id: UUID, status: int = 200) -> Response:
    order = selectors.get_order(order_id=order_id, buyer_id=buyer_id)
    return Response(order, status=status)


class CouponThrottle(SharedThrottle):
    scope = "coupon"


def _count_guess(view: APIView, code: str | None) -> None:
    """Who brings a coupon's code may be guessing it."""
    throttle = CouponThrottle()
    if code and not throttle.allow_request(view.request, view):
        view.throttled(view.request, throttle.wait())


class OrderListView(APIView):
    throttle_scope = "order"

    def get_throttles(self) -> list[Any]:
        return [SharedThrottle()] if self.request.method == "POST" else super().get_throttles()

    @extend_schema(
        operation_id="list_orders",
        tags=["buying"],
        summary="One's orders, newest first",
        parameters=[PageRequest],
        responses={200: serializers.OrderListResponse},
        examples=[examples.ORDER_LIST],
    )
    def get(self, request: Request) -> Response:
        query = self.query(PageRequest)
        page = paginate(
            Often(selectors.list_orders, {"buyer_id": self.user_id}),
            sort=selectors.NEWEST,
            filters={"buyer": self.user_id},
            cursor=query.get("cursor"),
            limit=query["limit"],
        )
        return Response({"items": selectors.complete(page.items), "next_cursor": page.next_cursor})

    @extend_schema(
        operation_id="start_order",
        tags=["buying"],
        summary="Start a checkout",
        description=(
            "Answers 201 with a new order, or 200 with the open order of the same cart and "
            "coupon: a repeat never makes a second one. An order with nothing to pay is paid "
            "at once. The order holds its use of the coupon until it is paid or closed."
        ),
        request=serializers.OrderRequest,
        responses={200: serializers.OrderResponse, 201: serializers.OrderResponse},
        examples=[examples.ORDER_CART, examples.CART_WITH_COUPON, examples.ORDER],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = self.body(serializers.OrderRequest)
        _count_guess(self, data["coupon_code"])
        given = data.get("billing")
        started = checkout.start_checkout(
            buyer_id=self.user_id,
            note_ids=data["note_ids"],
            coupon_code=data["coupon_code"],
            billing=Billing(given["name"], given["state"]) if given else None,
            now=clock.now(),
        )
        return _order(started.order_id, self.user_id, status=201 if started.is_new else 200)


class OrderPreviewView(APIView):
    @extend_schema(
        operation_id="preview_order",
        tags=["buying"],
        summary="What a cart would cost",
        request=serializers.CartRequest,
        responses={200: serializers.PreviewResponse},
        examples=[examples.CART, examples.CART_WITH_COUPON, examples.PREVIEW],
    )
    def post(self, request: Request) -> Response:
        return _preview(self, serializers.CartRequest)


class CouponPreviewView(APIView):
    @extend_schema(
        operation_id="preview_coupon",
        tags=["buying"],
        summary="What a cart would cost with a coupon",
        description=(
            "Reserves nothing. The code may be typed in any case. A coupon that cannot be used "
            "is refused with the reason; one that is switched off or has not begun is as "
            "unknown as one that does not exist."
        ),
        request=serializers.CouponPreviewRequest,
        responses={200: serializers.PreviewResponse},
        examples=[examples.CART_WITH_COUPON, examples.PREVIEW_WITH_COUPON],
    )
    def post(self, request: Request) -> Response:
        return _preview(self, serializers.CouponPreviewRequest)


def _preview(view: APIView, body: type[Serializer[Any]]) -> Response:
    wanted = view.body(body)
    _count_guess(view, wanted["coupon_code"])
    cart = quote_cart(buyer_id=view.user_id, now=clock.now(), **wanted)
    quote = cart.quote
    lines = [
        {
            "note_id": note.pk,
            "title": note.title,
            "price_paise": line.price_paise,
            "bulk_discount_paise": line.bulk_discount_paise,
            "coupon_discount_paise": line.coupon_discount_paise,
            "discount_paise": line.discount_paise,
            "paid_paise": line.paid_paise,
        }
        for note, line in zip(cart.notes, quote.lines, strict=True)
    ]
    return Response(
        {
            "subtotal_paise": quote.subtotal_paise,
            "coupon_code": cart.coupon.code if cart.coupon else None,
            "bulk_discount_paise": quote.bulk_discount_paise,
            "coupon_discount_paise": quote.coupon_discount_paise,
            "discount_paise": quote.discount_paise,
            "total_paise": quote.total_paise,
            "currency": money.CURRENCY,
            "items": lines,
        }
    )


class OrderDetailView(APIView):
    @extend_schema(
        operation_id="get_order",
        tags=["buying"],
        summary="One order; with `wait`, its outcome",
        parameters=[serializers.OrderWaitRequest],
        responses={200: serializers.OrderResponse},
        examples=[examples.PAID_ORDER],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        wait = self.query(serializers.OrderWaitRequest)["wait"]
        buyer_id = self.user_id
        before = selectors.get_order(order_id=order_id, buyer_id=buyer_id)
        if before["next_action"] not in selectors.UNDECIDED or not wait:
            return Response(before)
        wait_until(lambda: selectors.is_decided(order_id), seconds=wait)
        response = _order(order_id, buyer_id)
        if response.data["next_action"] in selectors.UNDECIDED:
            response["Retry-After"] = ASK_AGAIN_S
        return response


class TimelineView(APIView):
    @extend_schema(
        operation_id="order_timeline",
        tags=["buying"],
        summary="What happened to an order and to its money",
        description="Oldest first. Branch on `what`; `sentence` is to be shown.",
        responses={200: serializers.TimelineResponse},
        examples=[examples.TIMELINE],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        story = timeline.buyers_story(order_id=order_id, buyer_id=self.user_id)
        return Response(serializers.TimelineResponse(story).data)


class OrderCancelView(APIView):
    @extend_schema(
        operation_id="cancel_order",
        tags=["buying"],
        summary="Give up an unpaid order",
        request=None,
        responses={200: serializers.OrderResponse},
        examples=[examples.CANCELLED_ORDER],
    )
    @idempotent
    def post(self, request: Request, order_id: UUID) -> Response:
        checkout.cancel_order(order_id=order_id, buyer_id=self.user_id, now=clock.now())
        return _order(order_id, self.user_id)


class VerifyView(APIView):
    throttle_classes = (SharedThrottle,)
    throttle_scope = "verify"

    @extend_schema(
        operation_id="verify_payment",
        tags=["buying"],
        summary="Hand in what Razorpay Checkout returned",
        description="Safe to repeat. `next_action` says whether to download or to wait.",
        request=serializers.VerifyRequest,
        responses={200: serializers.OrderResponse},
        examples=[examples.VERIFY, examples.PAID_ORDER],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = self.body(serializers.VerifyRequest)
        order_id = verification.verify_payment(
            buyer_id=self.user_id,
            gateway_order_id=data["razorpay_order_id"],
            gateway_payment_id=data["razorpay_payment_id"],
            signature=data["razorpay_signature"],
            now=clock.now(),
        )
        return _order(order_id, self.user_id)


class WebhookView(APIView):
    """Reads the raw bytes, which are what is signed; DRF never parses them."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()

    @extend_schema(
        operation_id="razorpay_webhook",
        tags=["gateway"],
        summary="Razorpay's events",
        description="Acknowledged once stored; the work is done by a job.",
        parameters=[
            OpenApiParameter(
                "X-Razorpay-Signature",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="Hex HMAC-SHA256 of the raw body under the webhook secret.",
            ),
            OpenApiParameter(
                "X-Razorpay-Event-Id",
                str,
                OpenApiParameter.HEADER,
                description="Unique per event; derived from the body when missing.",
            ),
        ],
        request=serializers.WebhookBody,
        responses={200: serializers.WebhookAck},
        examples=[examples.WEBHOOK, examples.WEBHOOK_ACK],
    )
    def post(self, request: Request) -> Response:
        is_new = inbox.receive(
            body=request._request.body,
            signature=request.headers.get("X-Razorpay-Signature", ""),
            event_id=request.headers.get("X-Razorpay-Event-Id", ""),
            now=clock.now(),
        )
        return Response({"status": "stored" if is_new else "duplicate"})
