from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from prometheus_client import REGISTRY

        from payments.metrics import ProofCollector

        REGISTRY.register(ProofCollector())
