"""A shop of its own under load: PostgreSQL, sandbox, worker and web."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from deploy.load import plan, referee, seeding, table, web
from deploy.load.generator import Generator, Run
from deploy.load.limits import Limit, Machine, Traffic
from deploy.load.sampling import Group, Sampler
from notevault.bench.rig import database_url
from notevault.chaos.world import World
from notevault.demo.progress import Printer
from ops.transactions import close_pools

NOTES = 400
NOTES_OF_SMOKE = 60
# Users who come may overlap with those who go.
SPARE_PEOPLE = 10
TELL_EVERY_S = 30

Judge = Callable[[Traffic, Machine], list[Limit]]


@dataclass(frozen=True)
class Measured:
    traffic: Traffic
    parts: list[table.Part]
    facts: dict[str, str]
    limits: list[Limit]
    report: Path


def environment() -> dict[str, str]:
    """As in production: rate limits too, which count each visitor by the address that the
    ingress would have seen. No debugging."""
    return {
        **{f"THROTTLE_{scope.upper()}": rate for scope, rate in settings.THROTTLE_RATES.items()},
        **web.environment(),
        "DEBUG": "false",
        "LOG_JSON": "true",
        "LOG_LEVEL": "info",
        "DATABASE_URL": database_url(),
        "CRASH_POINTS_DIR": "",
        "TRUSTED_PROXIES": "1",
    }


def measure(*, form: plan.Form, mix: Mapping[str, int], judge: Judge, notes: int) -> Measured:
    """Set up, load, and judge. What it started has ended afterwards; its data stay."""
    printer = Printer()
    Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
    world = World(environment=environment())
    try:
        with printer.step("make an empty shop"):
            world.make_empty()
        with printer.step(f"fill it with {notes} notes and {form.most_users} buyers"):
            crowd = seeding.fill(notes=notes, people=form.most_users + SPARE_PEOPLE)
        close_pools()
        with world.processes:
            with printer.step("start sandbox, worker and web"):
                world.start()
            run = Run(
                base_url=world.addresses.web,
                sandbox_url=world.addresses.sandbox,
                form=form,
                mix=mix,
                people=crowd.people,
                digests=crowd.digests,
            )
            return _load(world, run, printer, judge)
    finally:
        world.leave()
        close_pools()


def _load(world: World, run: Run, printer: Printer, judge: Judge) -> Measured:
    with Generator(run, home=world.home / "locust") as generator:
        groups = {
            "web": Group(world.processes.pid("web")),
            "worker": Group(world.processes.pid("worker")),
            "database": Group(world.database.status().pid or 0),
            "sandbox": Group(world.processes.pid("sandbox")),
            "generator": Group(generator.process.pid),
        }
        title = f"{run.form.seconds:.0f} s of load"
        with Sampler(database_url(), groups) as sampler, printer.step(title):
            recorded = generator.wait(_Progress(printer, title, sampler).show)
            world.processes.demand_alive()
    with printer.step("prove the books, and compare them with the gateway's"):
        verdict = referee.judge(
            sandbox=world.sandbox, orders=recorded["orders"], paid=recorded["paid"]
        )
    traffic = Traffic.of(recorded)
    machine = Machine(
        web_peak_mb=groups["web"].peak_mb,
        connections=sampler.connections,
        queue_age_s=verdict.queue_age_s,
        findings=verdict.findings,
    )
    parts = [
        table.Part(name, group.processes, group.peak_mb, group.end_mb, group.cpu_s)
        for name, group in groups.items()
    ]
    return Measured(
        traffic,
        parts,
        _facts(run, traffic, sampler, verdict),
        judge(traffic, machine),
        generator.report,
    )


class _Progress:
    """On a terminal one line that changes, elsewhere a line each half minute."""

    def __init__(self, printer: Printer, title: str, sampler: Sampler) -> None:
        self.printer, self.title, self.sampler = printer, title, sampler
        self.told = 0

    def show(self, seconds: float) -> None:
        memory_mb = self.sampler.groups["web"].end_mb
        now = (
            f"{self.title}: {seconds:.0f} s, web {memory_mb:.0f} MB, "
            f"{self.sampler.connections} connections"
        )
        self.printer.sketch(f"  {now}")
        self.sampler.watch.demand_sound()
        if not self.printer.is_terminal and seconds // TELL_EVERY_S > self.told:
            self.told += 1
            self.printer.line(f"    {now}")


def _facts(
    run: Run, traffic: Traffic, sampler: Sampler, verdict: referee.Verdict
) -> dict[str, str]:
    pace = (
        f"{run.form.most_users} users begin a visit each "
        f"{run.form.pause_between_starts(run.mix):.2f} s"
        if run.form.rate
        else f"up to {run.form.most_users} users, who think for 1 to 3 s"
    )
    return {
        "web": web.in_words(),
        "requests a second": f"{traffic.rate():.1f}: {pace}",
        "database": (
            f"{_server()}; at most {sampler.connections} connections, "
            f"{sampler.busy_connections} of them at work"
        ),
        "purchases": f"{verdict.captured} captured, {verdict.webhooks} webhooks beside the rate",
        "queue": (
            f"oldest job {verdict.queue_age_s:.1f} s when the load ended; all settled "
            f"{verdict.converged_s:.1f} s later; books proved in {verdict.proved_s:.1f} s"
        ),
    }


def _server() -> str:
    """Whose commits wait for no disk, unless fsync is on: a reader must know."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync')")
        version, fsync = cursor.fetchone()
    return f"PostgreSQL {version}, fsync {fsync}"


def recorded_json(measured: Measured) -> dict[str, Any]:
    """For whoever compares runs."""
    return {
        "rows": [vars(row) for row in (*measured.traffic.rows(), measured.traffic.whole())],
        "parts": [vars(part) for part in measured.parts],
        "facts": measured.facts,
        "limits": [vars(limit) for limit in measured.limits],
    }
