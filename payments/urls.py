from django.urls import path

from payments import views

app_name = "payments"

urlpatterns = [
    path("orders", views.OrderListView.as_view(), name="orders"),
    path("orders/preview", views.OrderPreviewView.as_view(), name="preview"),
    path("orders/<uuid:order_id>", views.OrderDetailView.as_view(), name="order"),
    path("orders/<uuid:order_id>/cancel", views.OrderCancelView.as_view(), name="cancel"),
    path("coupons/preview", views.CouponPreviewView.as_view(), name="coupon-preview"),
    path("payments/verify", views.VerifyView.as_view(), name="verify"),
    path("webhooks/razorpay", views.WebhookView.as_view(), name="webhook"),
]
