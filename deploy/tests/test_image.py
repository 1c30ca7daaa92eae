"""The image's own scripts and what its Dockerfile promises; `make image` tries the image itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.image import healthcheck, prune

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "deploy/image"
USAGE = "The first argument says what this container does"


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(script: str, *words: str, path: Path) -> tuple[int, str, int]:
    """Exit code, what it said, and the process that was started."""
    with subprocess.Popen(
        [SCRIPTS / script, *words],
        env={"PATH": f"{path}:/usr/bin:/bin", "HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said, _ = process.communicate(timeout=20)
    return process.returncode, said, process.pid


class TestTheEntryPoint:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Programs that say who they are, how they were called, and where."""
        for name in ("python", "gunicorn"):
            program(tmp_path, name, f'echo "$$ $PWD: {name} $*"')
        return tmp_path

    @pytest.mark.parametrize(
        ("words", "called"),
        [
            (("web",), "gunicorn --config deploy/gunicorn.conf.py notevault.wsgi:application"),
            (("worker",), "python manage.py worker"),
            (("worker", "--queue", "mails"), "python manage.py worker --queue mails"),
            (("migrate",), "python manage.py migrate --no-input"),
            (("backup",), "python manage.py backup"),
            (("backup-verify",), "python manage.py backup_verify"),
            (("reconcile", "--dry-run"), "python manage.py reconcile --dry-run"),
            (("verify-ledger",), "python manage.py verify_ledger"),
            (("manage", "doctor", "--json"), "python manage.py doctor --json"),
        ],
    )
    def test_becomes_the_program_of_its_role(self, path, words, called):
        code, said, pid = run("entrypoint.sh", *words, path=path)

        # The same process: a signal to the container reaches it.
        assert (code, said) == (0, f"{pid} {ROOT}: {called}\n")

    @pytest.mark.parametrize("words", [(), ("help",), ("--help",), ("-h",)])
    def test_helps(self, path, words):
        code, said, _ = run("entrypoint.sh", *words, path=path)

        assert (code, USAGE in said) == (0, True)

    @pytest.mark.parametrize("word", ["serve", "", "Web", "backup_verify"])
    def test_refuses_what_it_does_not_know_in_one_sentence(self, path, word):
        code, said, _ = run("entrypoint.sh", word, path=path)

        assert (code, said.count("\n")) == (2, 1)
        assert said.startswith(f"'{word}' is nothing this container does: say web, ")

    def test_takes_no_argument_to_web(self, path):
        code, said, _ = run("entrypoint.sh", "web", "--reload", path=path)

        assert (code, said) == (2, "web takes no argument, and was given: --reload\n")


class TestTheHealthCheck:
    @pytest.mark.parametrize(
        ("command_line", "role"),
        [
            (b"/usr/bin/tini\0--\0/app/deploy/image/entrypoint.sh\0web\0", "web"),
            (b"/sbin/docker-init\0--\0/usr/bin/tini\0--\0/app/entrypoint.sh\0worker\0", "worker"),
            (b"/usr/bin/tini\0--\0/app/deploy/image/entrypoint.sh\0", ""),
            (b"/pause\0", ""),
            (b"", ""),
        ],
    )
    def test_reads_the_role_of_its_container(self, command_line, role):
        assert healthcheck.role_of(command_line) == role

    @pytest.mark.parametrize(("status", "alive"), [(200, True), (503, False)])
    def test_asks_whether_the_process_lives(self, status, alive):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args):
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            answering = threading.Thread(target=server.handle_request)
            answering.start()
            found = healthcheck.is_alive(server.server_port)
            answering.join()

        assert (found, asked) == (alive, ["/health/live"])

    def test_takes_silence_for_death(self):
        assert not healthcheck.is_alive(1)


class TestPruning:
    def test_ends_where_a_rule_finds_nothing(self, tmp_path):
        packages = tmp_path / "lib/python3.11/site-packages"
        (packages / "botocore/data/s3").mkdir(parents=True)

        done = subprocess.run(
            [sys.executable, SCRIPTS / "prune.py", tmp_path], capture_output=True, text=True
        )

        assert done.returncode == 1
        assert done.stderr.startswith("botocore/data/*/ (APIs of Amazon's that are not called)")

    def test_leaves_what_a_rule_excepts(self, tmp_path):
        for name in ("s3", "sts", "ec2"):
            (tmp_path / "botocore/data" / name).mkdir(parents=True)

        found = prune.RULES[0].matches(tmp_path)

        assert [path.name for path in found] == ["ec2"]


class TestBuilding:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A docker that knows one base and builds images of 260 MB."""
        program(
            tmp_path,
            "docker",
            'echo "docker $*" >>"$(dirname "$0")/calls"\n'
            'case "$*" in\n'
            "*RepoDigests*) echo debian@sha256:1234 ;;\n"
            "*.Size*) echo 260000000 ;;\n"
            "esac",
        )
        return tmp_path

    def test_passes_the_digest_of_the_base(self, path):
        run("build.sh", "--tag", "shop/api:v1.2.3", path=path)

        calls = (path / "calls").read_text()
        assert "--build-arg BASE=debian@sha256:1234" in calls
        assert "--build-arg NOTEVAULT_VERSION=v1.2.3" in calls
        assert "--target service" in calls

    def test_refuses_an_image_that_is_too_large(self, path):
        code, said, _ = run("build.sh", "--tag", "shop/api:v1", "--push", path=path)

        assert code == 1
        assert said.endswith("build.sh: shop/api:v1 has 260 MB; it must stay under 250 MB\n")
        assert "docker push" not in (path / "calls").read_text()

    def test_builds_nothing_when_it_is_dry(self, path):
        code, said, _ = run("build.sh", "--tag", "shop/api:v1", "--push", "--dry-run", path=path)

        assert (code, (path / "calls").exists()) == (0, False)
        assert "+ docker build" in said
        assert "+ docker push" in said

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ((), "--tag is missing"),
            (("--tag",), "--tag needs a value"),
            (("--tag", "a", "--target", "code"), "--target is service or pgbouncer, not code"),
            (("--tag", "a", "--pip-conf", "/nowhere"), "/nowhere cannot be read"),
            (("--tag", "a", "--fast"), "--fast is no option"),
            (("--tag", "a", "--builder", "kaniko"), "--builder is docker or buildah, not kaniko"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, path, words, sentence):
        code, said, _ = run("build.sh", *words, path=path)

        assert (code, said.count("\n")) == (2, 1)
        assert sentence in said

    @pytest.mark.parametrize("script", ["build.sh", "base.sh"])
    def test_helps(self, path, script):
        code, said, _ = run(script, "--help", path=path)

        assert (code, said.startswith("Usage: ")) == (0, True)


class TestTheDockerfile:
    TEXT = (ROOT / "Dockerfile").read_text()

    def last_stage(self) -> str:
        return re.split(r"(?m)^FROM ", self.TEXT)[-1]

    def test_ends_with_the_service(self):
        assert self.last_stage().startswith("scratch AS service\n")

    def test_runs_as_nobody_of_the_node(self):
        [user] = re.findall(r"(?m)^USER (\d+):(\d+)$", self.last_stage())

        assert all(int(number) >= 10_000 for number in user)

    def test_stands_on_one_base_that_is_no_latest(self):
        stages = re.findall(r"(?m)^FROM (\S+) AS (\S+)$", self.TEXT)
        names = {name for _, name in stages}

        assert len(stages) == self.TEXT.count("\nFROM ")
        assert {base for base, _ in stages} - names == {"${BASE}", "scratch"}
        assert re.findall(r"(?m)^ARG BASE=(.*)$", self.TEXT) == ["debian:bookworm-slim"]

    def test_has_one_process_that_forwards_signals(self):
        assert 'ENTRYPOINT ["/usr/bin/tini", "--", ' in self.last_stage()
        assert "STOPSIGNAL SIGTERM" in self.last_stage()

    def test_pins_what_it_downloads(self):
        assert re.search(r"(?m)^ARG POSTGRES_SHA256=[0-9a-f]{64}$", self.TEXT)
        assert "--require-hashes" in self.TEXT

    def test_holds_no_secret(self):
        words = re.findall(r"(?m)^(?:ENV|ARG) .*|^    [A-Z_]+=.*", self.TEXT)

        assert not [word for word in words if re.search("SECRET|PASSWORD|TOKEN|_KEY", word)]


class TestTheDockerIgnoreFile:
    """As Docker reads it: the last line that fits a path, or a folder above it, decides."""

    def pattern(self, line: str) -> re.Pattern[str]:
        parts = re.split(r"(\*\*/|\*)", line)
        kinds = {"**/": r"(?:.*/)?", "*": r"[^/]*"}
        return re.compile("".join(kinds.get(part, re.escape(part)) for part in parts) + r"(?:/.*)?")

    def is_let_in(self, path: str) -> bool:
        lines = (ROOT / ".dockerignore").read_text().splitlines()
        inside = True
        for line in filter(lambda line: line and line[0] != "#", lines):
            if self.pattern(line.removeprefix("!")).fullmatch(path):
                inside = line.startswith("!")
        return inside

    @pytest.mark.parametrize(
        "path",
        [
            *(".env", ".env.production", ".git/config", ".data/postgres/password", "dump.sql"),
            *("notes/.env", "payments/tests/factories.py", "ops/tests/web_rig.py", "id_rsa"),
            *("payments/sandbox/app.py", "notevault/demo/seed.py", "deploy/check.env", ".venv/a"),
            *("requirements/test.txt", "staticfiles/a.css", "notes/__pycache__/a.pyc", "a.pem"),
            *("notevault/management/commands/demo.py", "conftest.py", "notes/conftest.py"),
        ],
    )
    def test_keeps_out(self, path):
        assert not self.is_let_in(path)

    def test_lets_in_what_the_image_copies(self):
        text = (ROOT / "Dockerfile").read_text()
        copied = [
            source
            for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", text)
            for source in line.split()[:-1]
        ]

        assert len(copied) > 8
        assert [source for source in copied if not self.is_let_in(source)] == []

    def test_keeps_no_module_that_another_one_needs(self):
        """What is left imports nothing of what is out."""
        tracked = subprocess.run(
            ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        inside = [path for path in tracked if self.is_let_in(path)]
        out = r"notevault\.(demo|chaos|bench)|payments\.sandbox|\.tests\b"

        needing = [
            path
            for path in inside
            if re.search(rf"(?m)^\s*(from|import) \S*({out})", (ROOT / path).read_text())
        ]

        assert (len(inside) > 200, needing) == (True, [])


def test_scripts_can_be_run():
    assert all(os.access(path, os.X_OK) for path in SCRIPTS.glob("*.sh"))
