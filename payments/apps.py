from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from ops.metrics import rows
        from payments.metrics import MoneyCollector

        rows.register(MoneyCollector())
