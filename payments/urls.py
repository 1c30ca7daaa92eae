from django.urls import path

from payments import invoice_views, payout_views, refund_views, views
from payments.selling import views as selling

app_name = "payments"

urlpatterns = [
    path("orders", views.OrderListView.as_view(), name="orders"),
    path("orders/preview", views.OrderPreviewView.as_view(), name="preview"),
    path("orders/<uuid:order_id>", views.OrderDetailView.as_view(), name="order"),
    path("orders/<uuid:order_id>/timeline", views.TimelineView.as_view(), name="timeline"),
    path("orders/<uuid:order_id>/cancel", views.OrderCancelView.as_view(), name="cancel"),
    path("orders/<uuid:order_id>/invoice", invoice_views.InvoiceView.as_view(), name="invoice"),
    path(
        "orders/<uuid:order_id>/credit-notes",
        invoice_views.CreditNoteListView.as_view(),
        name="credit-notes",
    ),
    path(
        "orders/<uuid:order_id>/credit-notes/<uuid:note_id>",
        invoice_views.CreditNoteView.as_view(),
        name="credit-note",
    ),
    path("coupons/preview", views.CouponPreviewView.as_view(), name="coupon-preview"),
    path("seller/dashboard", selling.DashboardView.as_view(), name="dashboard"),
    path("seller/ledger", selling.StatementView.as_view(), name="statement"),
    path("seller/ledger.csv", selling.StatementFileView.as_view(), name="statement-file"),
    path("payments/verify", views.VerifyView.as_view(), name="verify"),
    path("seller/payouts", payout_views.PayoutListView.as_view(), name="payouts"),
    path("seller/payouts/<uuid:payout_id>", payout_views.PayoutDetailView.as_view(), name="payout"),
    path("refunds", refund_views.RefundListView.as_view(), name="refunds"),
    path("refunds/preview", refund_views.RefundPreviewView.as_view(), name="refund-preview"),
    path(
        "refunds/<uuid:request_id>", refund_views.RefundDetailView.as_view(), name="refund-request"
    ),
    path("webhooks/razorpay", views.WebhookView.as_view(), name="webhook"),
]
