from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        from alerts.breakers import alert_of_change
        from alerts.metrics import AlertCollector
        from ops import breakers
        from ops.metrics import rows

        breakers.on_change(alert_of_change)
        rows.register(AlertCollector())
