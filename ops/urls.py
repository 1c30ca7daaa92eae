from django.urls import path

from ops import views
from ops.health import views as health

app_name = "ops"

urlpatterns = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("health/detailed", health.detailed, name="detailed"),
    path("metrics", views.metrics, name="metrics"),
]
