from django.urls import path

from payments.selling import views as selling
from payments.views import invoices, orders, payouts, refunds

app_name = "payments"

urlpatterns = [
    path("orders", orders.OrderListView.as_view(), name="orders"),
    path("orders/preview", orders.OrderPreviewView.as_view(), name="preview"),
    path("orders/<uuid:order_id>", orders.OrderDetailView.as_view(), name="order"),
    path("orders/<uuid:order_id>/timeline", orders.TimelineView.as_view(), name="timeline"),
    path("orders/<uuid:order_id>/cancel", orders.OrderCancelView.as_view(), name="cancel"),
    path("orders/<uuid:order_id>/invoice", invoices.InvoiceView.as_view(), name="invoice"),
    path(
        "orders/<uuid:order_id>/credit-notes",
        invoices.CreditNoteListView.as_view(),
        name="credit-notes",
    ),
    path(
        "orders/<uuid:order_id>/credit-notes/<uuid:note_id>",
        invoices.CreditNoteView.as_view(),
        name="credit-note",
    ),
    path("coupons/preview", orders.CouponPreviewView.as_view(), name="coupon-preview"),
    path("seller/dashboard", selling.DashboardView.as_view(), name="dashboard"),
    path("seller/ledger", selling.StatementView.as_view(), name="statement"),
    path("seller/ledger.csv", selling.StatementFileView.as_view(), name="statement-file"),
    path("payments/verify", orders.VerifyView.as_view(), name="verify"),
    path("seller/payouts", payouts.PayoutListView.as_view(), name="payouts"),
    path("seller/payouts/<uuid:payout_id>", payouts.PayoutDetailView.as_view(), name="payout"),
    path("refunds", refunds.RefundListView.as_view(), name="refunds"),
    path("refunds/preview", refunds.RefundPreviewView.as_view(), name="refund-preview"),
    path("refunds/<uuid:request_id>", refunds.RefundDetailView.as_view(), name="refund-request"),
    path("webhooks/razorpay", orders.WebhookView.as_view(), name="webhook"),
]
