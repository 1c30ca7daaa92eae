"""`manage.py fuzz`: schemathesis against a running server, as a buyer and as a seller."""

from __future__ import annotations

import secrets
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from notevault.demo.processes import HOST, DemoFailed, Processes, demand_free_port

UNLIMITED = "1000000/s"
ENDING = ("logout", "change_password")


class Command(BaseCommand):
    help = (
        "Start web, worker and sandbox, then let schemathesis call every operation of the "
        "schema. Exits with schemathesis's own code."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--examples", type=int, default=300, help="Default: %(default)s.")
        parser.add_argument("--seed", type=int, default=1, help="Default: %(default)s.")
        parser.add_argument("--only", default="", help="One operation id.")
        parser.add_argument("--sandbox-port", type=int, default=5002, help="Default: %(default)s.")

    def handle(self, *args: Any, **options: Any) -> None:
        web = f"http://{HOST}:{settings.PORT}"
        sandbox = f"http://{HOST}:{options['sandbox_port']}"
        throttles = {f"THROTTLE_{scope.upper()}": UNLIMITED for scope in settings.THROTTLE_RATES}
        call_command("migrate", verbosity=0, interactive=False)
        processes = Processes(
            log_dir=settings.DATA_DIR / "logs",
            environment={
                **throttles,
                "RAZORPAY_BASE_URL": sandbox,
                "PUBLIC_API_URL": web,
                "WEB_BIND": HOST,
                "EMAIL_URL": "dummymail://",
            },
        )
        try:
            demand_free_port(settings.PORT, variable="PORT")
            with processes:
                processes.start_all(web=web, sandbox_port=options["sandbox_port"])
                code = self.run(web, options)
        except DemoFailed as failure:
            self.stderr.write(self.style.ERROR(str(failure)))
            raise SystemExit(1) from failure
        raise SystemExit(code)

    def run(self, web: str, options: dict[str, Any]) -> int:
        if options["only"]:
            return self.schemathesis(web, options, include=[options["only"]])
        # Those that end the session they are called with come last, with one of their own.
        return self.schemathesis(web, options, exclude=ENDING) or self.schemathesis(
            web, options, include=ENDING
        )

    def schemathesis(
        self,
        web: str,
        options: dict[str, Any],
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> int:
        chosen = [
            *(f"--include-operation-id={name}" for name in include),
            *(f"--exclude-operation-id={name}" for name in exclude),
        ]
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                *("--config-file", "deploy/schemathesis.toml"),
                *("run", f"{web}/api/schema/?format=json", "--url", web),
                *("--max-examples", str(options["examples"]), "--seed", str(options["seed"])),
                *("--checks", "all", "--continue-on-failure", "--workers", "2"),
                *("--header", f"Authorization: Bearer {seller_token(web)}"),
                *chosen,
            ],
            cwd=settings.BASE_DIR,
            check=False,
        ).returncode


def seller_token(web: str) -> str:
    """The access token of a new user who may buy and sell."""
    person = {
        "email": f"fuzz.{secrets.token_hex(4)}@example.com",
        "password": secrets.token_urlsafe(16),
        "name": "Fuzz",
    }
    reply = requests.post(f"{web}/api/v1/auth/register", json=person, timeout=10).json()
    token: str = reply["access"]
    headers = {"Authorization": f"Bearer {token}"}
    requests.post(f"{web}/api/v1/me/become-seller", headers=headers, timeout=10)
    return token
