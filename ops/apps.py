from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
    verbose_name = "Operations"

    def ready(self) -> None:
        from ops.backup.metrics import BackupCollector
        from ops.metrics import rows
        from ops.metrics.cellar import CellarCollector

        rows.register(CellarCollector())
        rows.register(BackupCollector())
