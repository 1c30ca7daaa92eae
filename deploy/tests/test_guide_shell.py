"""The shell in which blocks are run: what it keeps, and what fails a block."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.guide.check import programs, shim
from deploy.guide.check.blocks import Block
from deploy.guide.check.shell import Outcome, Shell

ROOT = Path(__file__).resolve().parents[2]


def block(text: str, *, line: int = 10) -> Block:
    return Block(Path("deploy/README.md"), line, "bash", text, ())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "Makefile").write_text("here:\n\techo made\n")
    if not all(map(programs.shutil.which, programs.NEEDED)):
        pytest.skip(f"one of {programs.NEEDED} is not on this machine")
    programs.install(tmp_path / "bin", kubectl=Path("/nonexistent/kubectl"))
    return Shell(
        state=tmp_path / "state",
        folder=folder,
        environment={
            "PATH": str(tmp_path / "bin"),
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "GUIDE_PATH": os.environ["PATH"],
            "GUIDE_ROOT": str(ROOT),
            "GUIDE_WEB": "127.0.0.1:1",
            "GUIDE_SANDBOX": "127.0.0.1:2",
            "GUIDE_METRICS_TOKEN": "t",
        },
    )


KUBECTL_THAT_FAILS = """#!/bin/bash
case "$*" in *--bogus* | *"doctor 3"*) exit 3 ;; esac
exit 1
"""


@pytest.fixture
def failing(shell: Shell, tmp_path: Path) -> Shell:
    """A shell whose kubectl and psql refuse everything."""
    kubectl, clients = tmp_path / "kubectl-that-fails", tmp_path / "clients"
    kubectl.write_text(KUBECTL_THAT_FAILS)
    clients.mkdir()
    (clients / "psql").write_text("#!/bin/bash\nexit 4\n")
    for program in (kubectl, clients / "psql"):
        program.chmod(0o755)
    programs.shutil.rmtree(tmp_path / "bin")
    programs.install(tmp_path / "bin", kubectl=kubectl)
    of_postgres = dict.fromkeys(("HOST", "PORT", "USER", "PASSWORD"), "x")
    shell.environment |= {
        "KUBECTL": str(programs.of_scripts(tmp_path / "bin")),
        "GUIDE_PGBIN": str(clients),
        **{f"GUIDE_PG{name}": value for name, value in of_postgres.items()},
    }
    return shell


def failure(outcome: Outcome) -> tuple[int, str]:
    return outcome.line, outcome.error


class TestAShell:
    def test_knows_what_an_earlier_block_has_set(self, shell: Shell) -> None:
        shell.run(block("export A='two words'\nsay() { echo \"$1 and $A\"; }\nmkdir x && cd x"))

        outcome = shell.run(block('say one\nbasename "$PWD"'))

        assert (outcome.error, outcome.output) == ("", "one and two words\nx\n")

    def test_tells_the_line_of_the_guide(self, shell: Shell) -> None:
        outcome = shell.run(block("true\n\nls --no-such-option\ntrue"))

        assert outcome.line == 12
        assert outcome.error == "exit code 2: ls --no-such-option"

    @pytest.mark.parametrize(
        "text",
        [
            "false | cat",
            "A=$(false)",
            'echo "$NEVER_SET"',
            "f() { false; }; f",
        ],
    )
    def test_lets_no_failure_pass(self, text: str, shell: Shell) -> None:
        assert shell.run(block(text)).error

    @pytest.mark.parametrize(
        "text", ["terraform apply", "terraform apply || true", "echo x | terraform | cat || true"]
    )
    def test_refuses_a_program_without_a_rule(self, text: str, shell: Shell) -> None:
        assert failure(shell.run(block(text)))[1] == "no rule for the program terraform"


class TestPrograms:
    def test_make_tries_a_target_without_doing_it(self, shell: Shell) -> None:
        outcome = shell.run(block("make here"))

        assert (outcome.error, outcome.kind, outcome.programs) == ("", "offline", ("make",))
        assert "made" not in outcome.output

    def test_make_refuses_a_target_that_is_not_there(self, shell: Shell) -> None:
        assert shell.run(block("make there")).error == "make failed: exit code 2 for there"

    @pytest.mark.parametrize("url", ["https://example.com/", "https://api.notevault.org/health"])
    def test_curl_asks_nobody_else(self, url: str, shell: Shell) -> None:
        assert "is no address of ours" in shell.run(block(f"curl -s {url} || true")).error

    def test_curl_that_fails_is_a_failure_whatever_follows(self, shell: Shell) -> None:
        text = "curl -s https://api.notevault.com/health/live | cat || true"

        assert "exit code 7" in shell.run(block(text)).error

    @pytest.mark.parametrize(
        ("command", "why"),
        [
            ("kubectl get pods --bogus", "kubectl failed: exit code 3"),
            ("kubectl exec deploy/x -- python manage.py nothing", "kubectl failed: exit code 1"),
            ("kubectl exec deploy/x -- python manage.py doctor 3", "kubectl failed: exit code 3"),
            ("kubectl port-forward deploy/none 5001", "kubectl failed: exit code 1"),
            ("make there", "make failed: exit code 2 for there"),
            ("python -c 'raise SystemExit(5)'", "python failed: exit code 5"),
            ("psql --bogus", "psql failed: exit code 4"),
        ],
    )
    def test_that_failed_are_a_failure_whatever_follows(
        self, command: str, why: str, failing: Shell
    ) -> None:
        for text in (f"{command} | grep x || true", f"{command} || echo x", f"A=$({command}) || :"):
            assert failing.run(block(text)).error.startswith(why)

    def test_the_doctors_findings_are_no_failure(self, failing: Shell) -> None:
        text = "kubectl exec deploy/x -- python manage.py doctor --strict || echo read them"

        assert failure(failing.run(block(text)))[1] == ""

    def test_a_script_of_ours_judges_kubectl_by_itself(self, failing: Shell) -> None:
        text = (
            "python -c 'import os, subprocess; "
            'subprocess.run([os.environ["KUBECTL"], "get", "--bogus"], check=False)\''
        )

        outcome = failing.run(block(text))

        assert (outcome.error, outcome.programs) == ("", ("python", "kubectl"))

    def test_an_editor_fills_in_what_is_empty(self, shell: Shell, tmp_path: Path) -> None:
        text = "printf 'RAZORPAY_KEY_ID=\\nPORT=1\\n' > f && editor f && cat f"

        assert (
            shell.run(block(text)).output == "RAZORPAY_KEY_ID=rzp_live_Q2hlY2tPbmx5MTIz\nPORT=1\n"
        )

    def test_an_editor_has_nothing_for_what_nobody_knows(self, shell: Shell) -> None:
        assert "NEW_SECRET" in shell.run(block("echo NEW_SECRET= > f; editor f")).error


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "here"),
        [
            ("https://api.notevault.com/health/live?x=1", "http://127.0.0.1:7/health/live?x=1"),
            ("http://127.0.0.1:5001/api/v1", "http://127.0.0.1:7/api/v1"),
            ("http://127.0.0.1:5002/checkout", "http://127.0.0.1:8/checkout"),
            ("http://127.0.0.1:5003/", None),
            ("https://api.notevault.com.example.org/", None),
        ],
    )
    def test_of_ours_are_the_demos(
        self, given: str, here: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GUIDE_WEB", "127.0.0.1:7")
        monkeypatch.setenv("GUIDE_SANDBOX", "127.0.0.1:8")

        assert shim.local_address(given) == here


class TestTheCommand:
    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (["--help"], 0, "--only"),
            (["--only", "phase 99"], 2, "No block stands below"),
            (["--list"], 0, "README.md:"),
            (["no-such-file.md"], 1, "no-such-file.md"),
        ],
    )
    def test_explains_itself(self, arguments: list[str], code: int, said: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.guide.check", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == code
        assert said in done.stdout + done.stderr
