"""The project as an app: it holds the commands and the wiring that know every other app."""

from django.apps import AppConfig


class NoteVaultConfig(AppConfig):
    name = "notevault"

    def ready(self) -> None:
        from notevault import checks, staff  # noqa: F401 checks are found once imported

        staff.connect()
