"""The acts: what is served by the previous release ends as it began, and nobody noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connections

from deploy import pod
from deploy.rollout import migrating, money
from deploy.rollout.load import Load
from deploy.rollout.migrating import Migrated
from deploy.rollout.proxy import Proxy, find_program
from deploy.rollout.releases import Release, ours, previous
from deploy.rollout.report import Outcome, longest_gap
from deploy.rollout.service import Service
from deploy.rollout.visitors import Visitors
from notevault.bench.rig import database_url
from notevault.chaos.records import Records
from notevault.chaos.world import World
from notevault.demo.processes import HOST
from notevault.demo.progress import Printer

WEB_PODS = 2
LEAST_REPLACEMENTS = 2 * WEB_PODS
# Time between the end of a Deployment's old process and its kill belongs to pods.py.
PRE_STOP_S = 5.0


@dataclass(frozen=True)
class Plan:
    """How many web processes of which release come when. In the end the release is taken
    back, by as many as there are."""

    before: int
    forward: int
    back: int = WEB_PODS

    @classmethod
    def of(cls, replacements: int) -> Plan:
        before = (replacements - LEAST_REPLACEMENTS) // 2
        return cls(before, replacements - before - WEB_PODS)


class Play:
    def __init__(self, *, printer: Printer, replacements: int, rate: float) -> None:
        find_program()
        self.printer, self.plan, self.rate = printer, Plan.of(replacements), rate
        self.world = World(
            environment={
                # As in production, where there is neither DEBUG nor a crash point, and a pod is
                # one process.
                **pod.of_the_c_library(),
                **pod.of_the_web_server(),
                "DEBUG": "false",
                "LOG_JSON": "true",
                "LOG_LEVEL": "info",
                "DATABASE_URL": database_url(),
                "CRASH_POINTS_DIR": "",
                "TRUSTED_PROXIES": "1",
            }
        )
        self.home = Path(self.world.home).resolve()
        self.environment = {**self.world.processes.environment, "DATA_DIR": str(self.home)}
        self.previous, self.ours = previous(self.home), ours()
        self.records = Records()

    def run(self) -> Outcome:
        try:
            seeded = self._set_the_stage()
            with ExitStack() as stage:
                proxy = stage.enter_context(
                    Proxy(home=self.home / "nginx", port=self.world.addresses.web_port)
                )
                service = stage.enter_context(self._open_the_shop(proxy))
                visitors = Visitors(seeded, sandbox=self.world.sandbox, records=self.records)
                with self._visited(visitors) as load:
                    migrated = self._roll_out(service)
                return self._sum_up(service, proxy, load, migrated)
        finally:
            self.world.leave()

    def _set_the_stage(self) -> dict[str, object]:
        with self.printer.step("make an empty database") as facts:
            self.world.wipe()
            facts.append(self.previous.name)
        with self.printer.step("its schema, its catalogue, its people"):
            self.previous.manage("migrate", "--no-input", environment=self.environment)
            seeded = self.previous.seed(environment=self.environment)
        connections.close_all()
        return seeded

    @contextmanager
    def _open_the_shop(self, proxy: Proxy) -> Iterator[Service]:
        """nginx, web processes, a worker and the gateway, all of the previous release."""
        addresses = self.world.addresses
        service = Service(
            proxy=proxy,
            environment=self.environment,
            log_dir=self.home / "logs",
            pre_stop_s=PRE_STOP_S,
        )
        with self.world.processes as others, service:
            with self.printer.step("start nginx, web, worker and Razorpay sandbox"):
                others.start(
                    "sandbox",
                    *("manage.py", "razorpay_sandbox", "--port", str(addresses.sandbox_port)),
                    *("--webhook-url", f"{addresses.web}/api/v1/webhooks/razorpay"),
                    *("--state", str(self.world.sandbox_state)),
                    DEBUG="true",  # which it asks for
                )
                service.begin(self.previous, count=WEB_PODS)
                others.wait_for(f"{addresses.sandbox}/health")
                others.wait_for(f"{addresses.web}/health/ready")
            yield service

    @contextmanager
    def _visited(self, visitors: Visitors) -> Iterator[Load]:
        self.printer.line(f"\n  {self.rate:g} requests a second from here on")
        with Load(
            visitors.next_question,
            rate=self.rate,
            host=HOST,
            port=self.world.addresses.web_port,
        ) as load:
            self._failures = lambda: sum(bool(asked.failure) for asked in load.asked)
            yield load
        self.printer.line("  and none any more\n")

    def _roll_out(self, service: Service) -> Migrated:
        plan = self.plan
        self._replace(service, self.previous, plan.before, "the previous release by itself")
        with self.printer.step("migrate beside the previous release") as facts:
            migrated = migrating.migrate(
                self.ours, environment=self.environment, database_url=database_url()
            )
            facts.append(f"{self._failures()} failed so far")
        self._replace(service, self.ours, plan.forward, "by this release")
        self._replace(service, self.previous, plan.back, "by the previous one again")
        return migrated

    def _replace(self, service: Service, release: Release, count: int, title: str) -> None:
        """The worker first: it is the one that a new release's jobs wait for."""
        if count:
            with self.printer.step(f"replace the worker: {title}"):
                service.replace_worker(release)
        for number in range(count):
            with self.printer.step(f"replace web {number + 1} of {count}: {title}") as facts:
                service.replace_one(release)
                service.demand_alive()
                facts.append(f"{self._failures()} failed so far")

    _failures: Callable[[], int]

    def _sum_up(self, service: Service, proxy: Proxy, load: Load, migrated: Migrated) -> Outcome:
        with self.printer.step("the previous release's own purchase and refund"):
            script = str(Path(__file__).with_name("buying.py"))
            self.previous.run("-P", script, self.world.addresses.web, environment=self.environment)
        with self.printer.step("judge the money"):
            verdict = money.judge(
                sandbox=self.world.sandbox,
                records=self.records,
                releases=[self.previous, self.ours],
                environment=self.environment,
            )
        with self.printer.step("stop what is left"):
            ended = service.leave()
        self.printer.line()
        return Outcome(
            rate=self.rate,
            seconds=load.ended_at - load.began_at,
            replaced=service.replaced,
            asked=load.asked,
            gap_s=longest_gap(load.asked, began_at=load.began_at),
            migrated=migrated,
            ended=ended,
            verdict=verdict,
            proxy=proxy.trouble(),
        )
