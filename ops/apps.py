from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
    verbose_name = "Operations"

    def ready(self) -> None:
        from prometheus_client import REGISTRY

        from ops.backup.metrics import BackupCollector
        from ops.metrics import CellarCollector

        REGISTRY.register(CellarCollector())
        REGISTRY.register(BackupCollector())
