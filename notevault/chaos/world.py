"""A shop of its own for the simulation: an empty database and its processes."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from notevault import embedded
from notevault.chaos.gateway import Sandbox
from notevault.demo.processes import HOST, DemoFailed, Processes

UNLIMITED = "1000000/s"
MARK = "chaos-world"


@dataclass(frozen=True)
class Addresses:
    web: str
    sandbox: str
    sandbox_port: int
    web_port: int


class World:
    """Everything lives in DATA_DIR, which must be empty or an earlier world.

    `environment` is added to that of the processes.
    """

    def __init__(
        self, *, environment: Mapping[str, str], sandbox_options: Sequence[str] = ()
    ) -> None:
        base_dir = settings.DATABASES["default"].get("EMBEDDED")
        if not base_dir:
            raise DemoFailed("It brings its own PostgreSQL and empties it: unset DATABASE_URL.")
        self.home = Path(settings.DATA_DIR)
        self.crash_points = self.home / "crash-points"
        self.database = embedded.server(base_dir)
        self.was_running = self.database.is_running()
        self.addresses = _free_addresses()
        self.processes = Processes(
            log_dir=self.home / "logs", environment={**self._environment(), **environment}
        )
        self.sandbox_options = sandbox_options
        self.sandbox = Sandbox(
            url=self.addresses.sandbox,
            key_id=settings.RAZORPAY_KEY_ID,
            key_secret=settings.RAZORPAY_KEY_SECRET,
        )

    def _environment(self) -> dict[str, str]:
        return {
            **{f"THROTTLE_{scope.upper()}": UNLIMITED for scope in settings.THROTTLE_RATES},
            "PORT": str(self.addresses.web_port),
            "WEB_BIND": HOST,
            "PUBLIC_API_URL": self.addresses.web,
            "RAZORPAY_BASE_URL": self.addresses.sandbox,
            "CRASH_POINTS_DIR": str(self.crash_points),
            "EMAIL_URL": "dummymail://",
        }

    def make_empty(self) -> None:
        """A migrated database without a row, a sandbox that knows nothing, no crash armed.

        Refused in a folder that holds somebody else's database.
        """
        self.wipe()
        call_command("migrate", verbosity=0, interactive=False)

    def wipe(self) -> None:
        """The same, but the database has no table yet."""
        mark = self.home / MARK
        if (self.home / "postgres" / "data").exists() and not mark.exists():
            raise DemoFailed(
                f"{self.home} holds another database. Set DATA_DIR to a folder of its own."
            )
        mark.touch()
        self.database.ensure_running()
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
            cursor.execute("CREATE SCHEMA public")
        self.sandbox_state.unlink(missing_ok=True)
        self.crash_points.mkdir(exist_ok=True)
        self.disarm_crashes()

    @property
    def sandbox_state(self) -> Path:
        return self.home / "sandbox.sqlite3"

    def disarm_crashes(self) -> None:
        for order in self.crash_points.iterdir():
            order.unlink(missing_ok=True)

    def start(self) -> None:
        connections.close_all()
        self.processes.start_all(
            web=self.addresses.web,
            sandbox_port=self.addresses.sandbox_port,
            sandbox_options=("--state", str(self.sandbox_state), *self.sandbox_options),
        )

    def restart_database(self) -> None:
        """As a power cut would: no checkpoint, every connection broken."""
        self.database.stop("immediate")
        self.database.ensure_running()

    def leave(self) -> None:
        """The data stay, for whoever looks for the reason of a finding."""
        connections.close_all()
        if not self.was_running:
            self.database.stop()


def _free_addresses() -> Addresses:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind((HOST, 0))
        web, sandbox = one.getsockname()[1], other.getsockname()[1]
    return Addresses(f"http://{HOST}:{web}", f"http://{HOST}:{sandbox}", sandbox, web)
