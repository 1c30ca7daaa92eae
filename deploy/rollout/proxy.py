"""A real nginx with the configuration that is shipped, before whatever is ready."""

from __future__ import annotations

import getpass
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import requests

from deploy.rollout.pods import Pod, free_port
from notevault.demo.processes import HOST, DemoFailed

SITE = Path(__file__).with_name("nginx.conf")
ROUTED_WITHIN_S = 10.0
STOP_WITHIN_S = 5.0

# Everything in one folder, and a page that says which configuration is at work.
_MAIN = """
user {user};
worker_processes 2;
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    log_format play '$status|$upstream_status|$upstream_addr|$request_time|$request';
    access_log {home}/access.log play;
    include {home}/site.conf;
    server {{
        listen {host}:{page};
        access_log off;
        location / {{ return 200 "{generation}"; }}
    }}
}}
"""


class Proxy:
    """A context. Nothing is routed before the first `route`, which starts it."""

    def __init__(self, *, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self._page = free_port()
        self._generation = 0
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Proxy:
        self._program = find_program()
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        (self.home / "site.conf").write_text(self._site())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def route(self, pods: Iterable[Pod]) -> None:
        """From now on requests go to these, and to no other."""
        lines = [f"server {pod.address} max_fails=0;\n" for pod in pods]
        (self.home / "servers.conf").write_text("".join(lines))
        self._generation += 1
        main = self.home / "nginx.conf"
        main.write_text(
            _MAIN.format(
                home=self.home,
                host=HOST,
                page=self._page,
                generation=self._generation,
                user=getpass.getuser(),
            )
        )
        if self._child is None:
            self._child = self._launch(main)
        else:
            self._child.send_signal(signal.SIGHUP)
        self._wait_until_at_work()

    def _site(self) -> str:
        """The shipped file, with the two names that belong to a machine."""
        text = SITE.read_text()
        for shipped, here in (
            ("include /etc/nginx/notevault/servers.conf;", f"include {self.home}/servers.conf;"),
            ("listen 80;", f"listen {HOST}:{self.port};"),
        ):
            if text.count(shipped) != 1:
                raise DemoFailed(f"{SITE.name} has no line `{shipped}` any more.")
            text = text.replace(shipped, here)
        return text

    def _launch(self, main: Path) -> subprocess.Popen[bytes]:
        with (self.home / "nginx.log").open("wb") as out:
            return subprocess.Popen(
                [
                    self._program,
                    "-p",
                    str(self.home),
                    "-e",
                    str(self.home / "error.log"),
                    "-c",
                    str(main),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _wait_until_at_work(self) -> None:
        deadline = time.monotonic() + ROUTED_WITHIN_S
        while time.monotonic() < deadline:
            try:
                page = requests.get(f"http://{HOST}:{self._page}/", timeout=2)
                if page.text == str(self._generation):
                    return
            except requests.RequestException:
                pass
            time.sleep(0.02)
        tail = (self.home / "error.log").read_text(errors="replace").splitlines()[-6:]
        raise DemoFailed("nginx did not take its configuration:\n" + "\n".join(tail))

    def trouble(self) -> Counter[str]:
        """What nginx had to say beside its answers: errors, and requests that it gave to a
        second process because the first did not answer."""
        found: Counter[str] = Counter()
        for line in (self.home / "access.log").read_text(errors="replace").splitlines():
            _, upstream, *_ = line.split("|")
            if "," in upstream:
                found[f"passed on after {upstream.split(',')[0].strip()}"] += 1
        for line in (self.home / "error.log").read_text(errors="replace").splitlines():
            if match := re.search(r"\[(?:error|crit|alert|emerg)\] \S+ (?:\*\d+ )?([^,]+)", line):
                found[match[1]] += 1
        return found


def find_program() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise DemoFailed("nginx is missing. On Debian: apt-get install nginx-light")
    return found
