from django.urls import path

from ops.health import views as health
from ops.metrics import views as metrics

app_name = "ops"

urlpatterns = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("health/detailed", health.detailed, name="detailed"),
    path("metrics", metrics.metrics, name="metrics"),
    path("metrics/json", metrics.metrics_json, name="metrics_json"),
]
