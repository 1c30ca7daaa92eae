"""Each role of the image, started as a cluster starts it, and what it does."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import psutil

from deploy.image.trial.report import Report, TrialFailed
from deploy.image.trial.runtime import Container, Image
from ops.tests.own_database import free_port

API_HOST = "api.notevault.com"
# Of deploy/gunicorn.conf.py and settings: what a pod's grace period has to exceed.
WEB_GRACE_S = 5 + 30 + 5
WORKER_GRACE_S = 25 + 3
START_S = 180
GOOD_ENVIRONMENT = Path("deploy/check.env")
WRITING = """
find / -xdev -path /tmp -prune -o -type d -writable -print 2>/dev/null
for folder in / /app /opt/venv /var/tmp /etc /root; do
    (: > $folder/x) 2>/dev/null && echo wrote $folder
done
: > /tmp/x && echo in /tmp only
"""
LOADING = """
import ctypes, pathlib
found = [str(path) for path in pathlib.Path('/opt/venv').rglob('*.so*')]
for path in found:
    if 'cpython' in path or 'abi3' in path:
        ctypes.CDLL(path)
print(len(found))
"""


def check_env() -> dict[str, str]:
    lines = GOOD_ENVIRONMENT.read_text().splitlines()
    pairs = (shlex.split(line)[0].partition("=") for line in lines if line and line[0] != "#")
    return {name: value for name, _, value in pairs}


@dataclass
class Stage:
    """Containers of one image on one database. All of them end with the context of `running`."""

    image: Image
    report: Report
    folder: Path
    database_url: str
    extra: Mapping[str, str]
    ports: dict[str, int] = field(
        default_factory=lambda: {"web": free_port(), "worker": free_port()}
    )

    def container(self, name: str, *words: str, **how: object) -> Container:
        environment = {
            **check_env(),
            "DATABASE_URL": self.database_url,
            "PORT": str(self.ports["web"]),
            "WORKER_PORT": str(self.ports["worker"]),
            "WEB_BIND": "127.0.0.1",
            **self.extra,
        }
        return Container(self.image, name, list(words), environment, self.folder, **how)  # type: ignore[arg-type]

    def shell(self, name: str, script: str, **how: object) -> tuple[int, str]:
        container = self.container(name, "-c", script, entrypoint=["/bin/sh"], **how)
        code = container.run()
        return code, container.log.read_text(errors="replace").strip()

    @contextmanager
    def running(self, role: str) -> Iterator[Container]:
        container = self.container(role, role).start()
        try:
            yield container
        finally:
            container.kill()

    def ask(
        self, role: str, path: str, *, through_ingress: bool = True
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"Host": API_HOST, "X-Forwarded-Proto": "https"} if through_ingress else {}
        with closing(HTTPConnection("127.0.0.1", self.ports[role], timeout=20)) as client:
            client.request("GET", path, headers=headers)
            answer = client.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def until(self, container: Container, role: str, path: str) -> float:
        """Seconds until it answers 200 there."""
        began = time.monotonic()
        while time.monotonic() - began < START_S:
            if not container.is_running():
                raise TrialFailed(f"{container.name} ended instead:\n{container.said()}")
            with suppress(OSError):
                if self.ask(role, path, through_ingress=False)[0] == 200:
                    return time.monotonic() - began
            time.sleep(0.05)
        raise TrialFailed(f"{path} is not 200 within {START_S} s:\n{container.said()}")


def try_arguments(stage: Stage) -> None:
    expected = (
        ("help", (), 0, "The first argument says what this container does"),
        ("unknown", ("serve",), 2, "'serve' is nothing this container does"),
        ("web-argument", ("web", "--reload"), 2, "web takes no argument"),
        ("bad-option", ("backup", "--nonsense"), 2, "unrecognized arguments: --nonsense"),
        ("bad-day", ("reconcile", "--from", "yesterday"), 2, "yesterday"),
        ("bad-command", ("manage", "nonsense"), 1, "Unknown command: 'nonsense'"),
    )
    for name, words, code, sentence in expected:
        container = stage.container(name, *words)
        ended = container.run()
        said = container.log.read_text()
        shown = " ".join(words) or "no argument"
        stage.report.check(
            f"{shown}: exit {code}, and says why", (ended, sentence in said) == (code, True), ended
        )
    bare = stage.container("no-secret", "web")
    bare.environment.pop("JWT_SECRET")
    code, said = bare.run(), bare.log.read_text()
    stage.report.check(
        "without a secret web does not start, and names it",
        code != 0 and "JWT_SECRET" in said,
        code,
    )


def try_confinement(stage: Stage) -> None:
    _, said = stage.shell("who", "id -u; id -g; grep -E 'CapEff|NoNewPrivs' /proc/self/status")
    uid, gid, *rights = said.split("\n")
    stage.report.check(
        "it runs as nobody known to the node", (uid, gid) == ("10001", "10001"), f"{uid}:{gid}"
    )
    stage.report.check(
        "it has no capability", "0000000000000000" in said, " ".join(" ".join(rights).split())
    )
    _, said = stage.shell("writing", WRITING)
    stage.report.check(
        "it writes nowhere but in /tmp", said == "in /tmp only", said.replace("\n", ", ")
    )
    code, said = stage.shell(
        "versions",
        "python --version && pg_dump --version && pg_restore --version && psql --version",
    )
    stage.report.check(
        "it has the programs it needs",
        code == 0 and said.count("18.") == 3,
        said.replace("\n", ", "),
    )


def try_modules(stage: Stage, listing: Path) -> None:
    here = Path(__file__).with_name("modules.py")
    binds = {here: "/tmp/modules.py", listing: "/tmp/modules.txt"}  # noqa: S108 in the container
    code, said = stage.shell(
        "modules", "PYTHONPATH=/app python /tmp/modules.py load /tmp/modules.txt", binds=binds
    )
    stage.report.check(
        "all that the service loads is left in it",
        code == 0,
        said.splitlines()[-1] if code == 0 else said,
    )
    code, said = stage.shell("libraries", f'python -c "{LOADING}"')
    stage.report.check(
        "every library in it loads", code == 0, said if code else f"{said} libraries"
    )
    checked = stage.container(
        "deploy-check", "manage", "check", "--deploy", "--fail-level", "WARNING"
    )
    stage.report.check(
        "manage check --deploy has nothing to say", checked.run() == 0, checked.said(1)
    )


def try_migrate(stage: Stage) -> None:
    began = time.monotonic()
    container = stage.container("migrate", "migrate")
    code = container.run()
    applied = container.log.read_text().count("... OK")
    stage.report.check(
        "migrate brings an empty database up to date",
        code == 0 and applied > 0,
        f"{applied} migrations in {time.monotonic() - began:.1f} s",
    )


def try_web(stage: Stage) -> None:
    report = stage.report
    with stage.running("web") as web:
        seconds = stage.until(web, "web", "/health/ready")
        report.check("web: /health/ready is 200", True, f"after {seconds:.1f} s")
        report.check("web: /health/live is 200", stage.ask("web", "/health/live")[0] == 200)
        status, headers, body = stage.ask("web", "/api/v1/notes?limit=1")
        report.check(
            "web: the API answers",
            status == 200 and "items" in json.loads(body),
            f"{status} {headers.get('content-type')}",
        )
        try_pages(stage)
        code, said = web.execute(*stage.image.config["Healthcheck"]["Test"][1:])
        report.check("web: HEALTHCHECK's command exits with 0", code == 0, said or code)
        _, sockets = web.execute("find", "/", "-type", "s", "-not", "-path", "/proc/*")
        report.check("web: gunicorn opens no control socket", not sockets, sockets)
        report.check(
            "web: memory of all its processes",
            memory_mb(stage) < 400,
            f"{memory_mb(stage):.0f} MB (PSS)",
        )
        code, seconds = web.stop("TERM", WEB_GRACE_S + 10)
        report.check(
            "web: SIGTERM ends it within its grace, exit 0",
            code == 0 and seconds < WEB_GRACE_S,
            f"exit {code} after {seconds:.1f} s of {WEB_GRACE_S}",
        )
    report.check("web: no process is left", not left(stage), left(stage) or "")


def try_pages(stage: Stage) -> None:
    for page, kind in (("/admin/login/", "css"), ("/api/docs/", "js")):
        status, _, body = stage.ask("web", page)
        links = re.findall(rf'(?:href|src)="(/static/[^"]+\.{kind})"', body.decode())
        answers = [stage.ask("web", link) for link in dict.fromkeys(links)]
        fine = [
            each
            for each in answers
            if each[0] == 200 and "immutable" in each[1].get("cache-control", "")
        ]
        stage.report.check(
            f"web: {page} and its {kind} are served",
            status == 200 and answers and len(fine) == len(answers),
            f"{status}, {len(fine)} of {len(links)} files",
        )


def try_worker(stage: Stage) -> None:
    report = stage.report
    with stage.running("worker") as worker:
        seconds = stage.until(worker, "worker", "/health/live")
        report.check("worker: /health/live is 200 on WORKER_PORT", True, f"after {seconds:.1f} s")
        code, said = worker.execute(*stage.image.config["Healthcheck"]["Test"][1:])
        report.check("worker: HEALTHCHECK's command exits with 0", code == 0, said or code)
        report.check(
            "worker: memory of its processes",
            memory_mb(stage) < 400,
            f"{memory_mb(stage):.0f} MB (PSS)",
        )
        code, seconds = worker.stop("TERM", WORKER_GRACE_S + 10)
        report.check(
            "worker: SIGTERM ends it within its grace, exit 0",
            code == 0 and seconds < WORKER_GRACE_S,
            f"exit {code} after {seconds:.1f} s of {WORKER_GRACE_S}",
        )
    report.check("worker: no process is left", not left(stage), left(stage) or "")


def try_nightly(stage: Stage, place: str) -> None:
    for role in ("backup", "backup-verify", "verify-ledger"):
        began = time.monotonic()
        container = stage.container(role, role)
        code = container.run()
        stage.report.check(
            f"{role} ({place}) exits with 0",
            code == 0,
            f"{container.said(1 if code == 0 else 8)} ({time.monotonic() - began:.1f} s)",
        )


def of_container(stage: Stage) -> list[psutil.Process]:
    uid = stage.image.user[0]
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == uid:
                found.append(process)
    return found


def left(stage: Stage) -> list[str]:
    return [" ".join(process.cmdline()) for process in of_container(stage)]


def memory_mb(stage: Stage) -> float:
    return sum(process.memory_full_info().pss for process in of_container(stage)) / 1e6
