from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        from alerts.breakers import alert_of_change
        from ops import breakers

        breakers.on_change(alert_of_change)
