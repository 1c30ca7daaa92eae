from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
    verbose_name = "Operations"

    def ready(self) -> None:
        from ops.metrics import rows
        from ops.metrics.cellar import CellarCollector

        rows.register(CellarCollector())
