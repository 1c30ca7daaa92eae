from django.urls import path

from payments.views.invoices import VerificationView

app_name = "invoices"

urlpatterns = [
    path("verify/<uuid:invoice_id>/<str:signature>", VerificationView.as_view(), name="verify")
]
