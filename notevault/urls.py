"""Where everything is mounted."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from notevault.kit.views import api_not_found, error_catalogue

API = "api/v1/"

urlpatterns = [
    path(API, include("notevault.accounts.urls")),
    path(API, include("notes.urls")),
    path(API, include("payments.urls")),
    # With DEBUG on, Django would answer an unknown path of the API with a page.
    re_path(f"^{API}", api_not_found),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/errors/", error_catalogue, name="errors"),
    path("invoices/", include("payments.public_urls")),
    path("files/", include("notes.file_urls")),
    path("admin/", admin.site.urls),
    path("", include("ops.urls")),
]

handler400 = "notevault.kit.http.bad_request"
handler403 = "notevault.kit.http.permission_denied"
handler404 = "notevault.kit.http.page_not_found"
handler500 = "notevault.kit.http.server_error"
