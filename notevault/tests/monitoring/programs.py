"""Prometheus and Alertmanager on this machine, for one test each."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from notevault.tests.monitoring.files import PROMETHEUS

WITHIN_S = 30.0
STOP_WITHIN_S = 10.0


def find(*names: str) -> str:
    """The first of these programs that is installed."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found is not None, (
        f"{names[0]} is missing. On Debian: apt-get install prometheus prometheus-alertmanager"
    )
    return found


def run(*command: str | Path, stdin: bytes | None = None) -> str:
    """All that it says. AssertionError, with the same, when it fails."""
    done = subprocess.run(
        command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = done.stdout.decode()
    assert done.returncode == 0, output
    return output


def install(folder: Path, *, token: str) -> Path:
    """deploy/prometheus as an operator has it: with its secrets, and scraped each second."""
    installed = Path(shutil.copytree(PROMETHEUS, folder / "prometheus"))
    secrets = installed / "secrets"
    secrets.mkdir()
    (secrets / "metrics-token").write_text(token)
    (secrets / "slack-url").write_text("http://127.0.0.1:1/")
    (secrets / "pagerduty-key").write_text("unused")
    (secrets / "watchdog-token").write_text("unused")
    config = installed / "prometheus.yml"
    text = config.read_text()
    for setting, seconds in (("scrape_interval", 30), ("evaluation_interval", 30)):
        assert f"{setting}: {seconds}s" in text
        text = text.replace(f"{setting}: {seconds}s", f"{setting}: 1s")
    config.write_text(text.replace("scrape_timeout: 10s", "scrape_timeout: 1s"))
    return installed


def aim(installed: Path, **targets: Sequence[str]) -> None:
    """Scrape these by name of the file in targets/, and nothing else."""
    for file in (installed / "targets").iterdir():
        file.write_text(f"- targets: {list(targets.get(file.stem, ()))}\n")


@contextmanager
def running(*command: str | Path, ready: str, log: Path) -> Iterator[None]:
    """Until the block ends. AssertionError, with its log, when it does not get ready."""
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            until(lambda: child.poll() is None and answers(ready), else_say=log.read_text)
            yield
        finally:
            child.terminate()
            try:
                child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def until(condition: Callable[[], bool], *, else_say: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, else_say()
        time.sleep(0.2)
