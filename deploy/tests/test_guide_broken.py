"""Commands of the guide that have stopped working, and are found: with the real kubectl, on a
cluster that holds the production overlay."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.guide.check import overlay, programs
from deploy.guide.check.blocks import read
from deploy.guide.check.cluster import controllers
from deploy.guide.check.cluster.pod import Image
from deploy.guide.check.cluster.server import Cluster
from deploy.guide.check.cluster.store import Store
from deploy.guide.check.inspection import Checked, inspect
from deploy.guide.check.shell import Shell
from deploy.guide.check.workshop import KUBECONFIG

pytestmark = pytest.mark.k8s

ROOT = Path(__file__).resolve().parents[2]
KUBECTL = ROOT / ".venv-deploy" / "bin" / "kubectl"
KUBE = "kubectl --namespace notevault"
MANAGE = f"{KUBE} exec deploy/notevault-worker -- python manage.py"


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/live" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    objects = overlay.render(ROOT, kubectl=KUBECTL)
    store = Store(controllers.everything(objects, namespace=overlay.namespace_of(objects)))
    environment = {
        "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
        "DJANGO_READ_DOT_ENV": "false",
        "PATH": os.environ["PATH"],
    }
    with Cluster(store, Image(root=ROOT, environment=environment)) as running:
        yield running


@pytest.fixture
def shell(cluster: Cluster, web: str, tmp_path: Path) -> Shell:
    programs.install(tmp_path / "bin", kubectl=KUBECTL)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG.format(server=cluster.url))
    return Shell(
        state=tmp_path / "state",
        folder=ROOT,
        environment={
            "PATH": str(tmp_path / "bin"),
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "KUBECONFIG": str(tmp_path / "kubeconfig"),
            "GUIDE_PATH": os.environ["PATH"],
            "GUIDE_ROOT": str(ROOT),
            "GUIDE_WEB": web,
            "GUIDE_SANDBOX": "127.0.0.1:1",
            "GUIDE_METRICS_TOKEN": "t",
        },
    )


def checked(text: str, shell: Shell, folder: Path) -> list[Checked]:
    path = folder / "guide.md"
    path.write_text(f"# Guide\n\n{text}\n")
    blocks = read(path, root=folder)
    return list(inspect(blocks, shell=shell, root=ROOT, only="", watch=lambda _: None))


def commands(text: str) -> str:
    return f"```bash\n{text}\n```"


class TestCommandsThatWork:
    @pytest.mark.parametrize(
        "text",
        [
            f"{KUBE} get pods -l app=notevault-api",
            f"{KUBE} get hpa notevault-api-hpa",
            f"{KUBE} rollout status deployment/notevault-api --timeout=1m",
            f"{KUBE} rollout undo deployment/notevault-api",
            f"{KUBE} set image deployment/notevault-worker worker=r.example.com/a@sha256:1",
            f"{KUBE} logs deploy/notevault-api -c api --tail=5",
            f"{MANAGE} backup --help",
            "curl -fsS https://api.notevault.com/health/live",
        ],
    )
    def test_pass(self, text: str, shell: Shell, tmp_path: Path) -> None:
        (block,) = checked(commands(text), shell, tmp_path)

        assert block.outcome.error == "", block.outcome.output


class TestCommandsThatDoNot:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (f"{KUBE} get pods --labels app=notevault-api", "unknown flag: --labels"),
            (f"{KUBE} get pods -l app=notevault", "app=notevault"),
            (f"{KUBE} get hpa notevault-hpa", "notevault-hpa"),
            (f"{KUBE} get deploymint notevault-api", "deploymint"),
            ("kubectl --namespace default get deployment notevault-api", "not found"),
            (f"{KUBE} rollout staus deployment/notevault-api", "unknown command"),
            (f"{KUBE} set image deployment/notevault-api web=r.example.com/a@sha256:1", "web"),
            (f"{KUBE} logs deploy/notevault-api -c web", "web"),
            (f"{KUBE} exec deploy/notevault-wroker -- python manage.py check", "notevault-wroker"),
            (f"{KUBE} create job x --from=cronjob/notevault-bakup", "notevault-bakup"),
            (f"{MANAGE} backups", "backups"),
            (f"{MANAGE} backup --keeps 3", "--keeps"),
            ("curl -s https://api.notevault.com/healthz", "404"),
        ],
    )
    def test_fail_and_say_so(self, text: str, said: str, shell: Shell, tmp_path: Path) -> None:
        (block,) = checked(commands(text), shell, tmp_path)

        assert block.outcome.error
        assert said in block.outcome.error + block.outcome.output
        assert block.outcome.line == 4

    def test_fail_within_a_function_where_it_was_called(self, shell: Shell, tmp_path: Path) -> None:
        text = commands(f'kube() {{\n  {KUBE} "$@"\n}}\ntrue\nkube get pods --bogus')

        (block,) = checked(text, shell, tmp_path)

        assert block.outcome.line == 8

    def test_fail_when_they_print_something_else(self, shell: Shell, tmp_path: Path) -> None:
        shown = "```output\nNAME   REFERENCE   TARGETS   MINPODS\n```"

        first, second = checked(
            f"{commands(f'{KUBE} get hpa notevault-api-hpa')}\n\n{shown}", shell, tmp_path
        )

        assert first.is_well
        assert "no line of the output" in second.outcome.error
