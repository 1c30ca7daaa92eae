from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "notevault.accounts"
    label = "accounts"

    def ready(self) -> None:
        from notevault.accounts import schema  # noqa: F401 registers itself
