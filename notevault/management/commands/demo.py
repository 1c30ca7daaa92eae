"""`manage.py demo`: the whole system on one machine, and a purchase through all of it."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections

from notevault import embedded
from notevault.demo.processes import (
    HOST,
    DemoFailed,
    Processes,
    demand_demo_settings,
    demand_free_port,
)
from notevault.demo.progress import Printer
from notevault.kit import clock


class Command(BaseCommand):
    help = (
        "Start the database, web server, worker and Razorpay sandbox, fill the catalogue, and "
        "buy a note over HTTP. Then stay up until Ctrl+C; with --once stop after the purchase."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Stop after the purchase.")
        parser.add_argument(
            "--clean", action="store_true", help="Remove the demo's data and stop its database."
        )
        parser.add_argument("--sandbox-port", type=int, default=5002, help="Default: %(default)s.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.printer = Printer(sys.stdout)
        try:
            demand_demo_settings("demo")
            if options["clean"]:
                self.clean()
            else:
                self.run(once=options["once"], sandbox_port=options["sandbox_port"])
        except (DemoFailed, embedded.EmbeddedPostgresError) as failure:
            self.stderr.write(self.style.ERROR(str(failure)))
            raise SystemExit(1) from failure
        except KeyboardInterrupt:
            self.printer.line("\nStopped.")

    def clean(self) -> None:
        server = self.embedded_server()
        if server is not None:
            server.stop()
        home = settings.DATA_DIR / "postgres"
        if home.is_symlink():
            shutil.rmtree(home.resolve(), ignore_errors=True)
        shutil.rmtree(settings.DATA_DIR, ignore_errors=True)
        self.printer.line(f"Removed {settings.DATA_DIR}.")

    def embedded_server(self) -> embedded.Server | None:
        base_dir = settings.DATABASES["default"].get("EMBEDDED")
        return embedded.server(base_dir) if base_dir else None

    def run(self, *, once: bool, sandbox_port: int) -> None:
        started = time.perf_counter()
        web = f"http://{HOST}:{settings.PORT}"
        sandbox = f"http://{HOST}:{sandbox_port}"
        demand_free_port(settings.PORT, variable="PORT")
        demand_free_port(sandbox_port, variable='ARGS="--sandbox-port …"')
        self.printer.line("NoteVault: a student buys a note\n")
        was_running = self.prepare_database()
        self.fill_catalogue()
        processes = Processes(
            log_dir=settings.DATA_DIR / "logs",
            environment={
                "RAZORPAY_BASE_URL": sandbox,
                "PUBLIC_API_URL": web,
                "WEB_BIND": HOST,
                "EMAIL_URL": f"filemail://{settings.DATA_DIR / 'mails'}",
            },
        )
        signal.signal(signal.SIGTERM, _stop)
        with processes:
            connections.close_all()
            with self.printer.step("start web, worker and Razorpay sandbox"):
                processes.start_all(web=web, sandbox_port=sandbox_port)
            buyer = self.purchase(web)
            self.printer.line(f"\nDone in {time.perf_counter() - started:.1f} s.")
            if not once:
                self.stay_up(processes, web=web, sandbox=sandbox, buyer=buyer)
        server = self.embedded_server()
        if server is not None and not was_running:
            connections.close_all()
            server.stop()

    def prepare_database(self) -> bool:
        """Start and migrate; True when the database was running before."""
        server = self.embedded_server()
        was_running = server is None or server.status().running
        try:
            settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DemoFailed(f"{settings.DATA_DIR} cannot be written: {error.strerror}.") from error
        if server is not None:
            with self.printer.step("start PostgreSQL") as facts:
                server.ensure_running()
                facts.append("was running" if was_running else f"data in {settings.DATA_DIR}")
        with self.printer.step("migrate"):
            call_command("migrate", verbosity=0, interactive=False)
        return was_running

    def fill_catalogue(self) -> None:
        from notevault.demo import seed

        if seed.is_seeded():
            return
        with self.printer.step("make 6 sellers, 12 categories, staff"):
            seed.make_people()
            seed.make_categories()
        with self.printer.step("write 200 notes as PDFs") as facts:
            made = seed.make_notes(
                now=clock.now(),
                watch=lambda notes: self.printer.bar(
                    notes, total=seed.NOTES, title="write 200 notes as PDFs"
                ),
            )
            facts.append(f"{made} new")

    def purchase(self, web: str) -> str:
        from notevault.demo.purchase import buy_a_note

        return buy_a_note(api=web, printer=self.printer)

    def stay_up(self, processes: Processes, *, web: str, sandbox: str, buyer: str) -> None:
        from notevault.demo import seed
        from notevault.demo.catalogue import SELLERS

        self.printer.line(
            f"""
  API docs      {web}/api/docs/
  Django admin  {web}/admin/
  Sandbox       {sandbox}/
  Logs          {settings.DATA_DIR}/logs/
  Mails         {settings.DATA_DIR}/mails/

  Sign-ins, all with the password {seed.PASSWORD}
    buyer       {buyer}
    sellers     {", ".join(email for email, _ in SELLERS[:3])} …
    staff       {", ".join(seed.STAFF)}

Ctrl+C stops everything."""
        )
        while True:
            processes.demand_alive()
            time.sleep(1)


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt
