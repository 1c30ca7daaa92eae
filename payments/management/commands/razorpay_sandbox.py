"""Runs the local gateway with the keys of this project's settings."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.sandbox.app import Config
from payments.sandbox.command_line import add_flags, log_to_stderr
from payments.sandbox.server import AddressUnusable, serve
from payments.sandbox.store import StateFileUnusable


class Command(BaseCommand):
    help = "Run a local gateway that the razorpay SDK takes for Razorpay."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_flags(
            parser,
            state=str(settings.DATA_DIR / "razorpay-sandbox.sqlite3"),
            webhook_url=f"http://127.0.0.1:{settings.PORT}/api/v1/webhooks/razorpay",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The Razorpay sandbox is for development: it needs DEBUG=True.")
        log_to_stderr(verbose=options["verbosity"] > 1)
        try:
            serve(
                self._config(options),
                host=options["host"],
                port=options["port"],
                write=self.stdout.write,
            )
        except (AddressUnusable, StateFileUnusable) as refusal:
            raise CommandError(str(refusal)) from refusal

    def _config(self, options: dict[str, Any]) -> Config:
        keys = {
            "key_id": settings.RAZORPAY_KEY_ID,
            "key_secret": settings.RAZORPAY_KEY_SECRET,
            "webhook_secret": settings.RAZORPAY_WEBHOOK_SECRET,
        }
        missing = [f"RAZORPAY_{name.upper()}" for name, value in keys.items() if not value]
        if missing:
            raise CommandError(f"Set {' and '.join(missing)} first.")
        return Config(
            **keys,
            webhook_url=options["webhook_url"] or None,
            state=options["state"],
            clock_speed=options["clock"],
        )
