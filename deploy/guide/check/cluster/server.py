"""The API server. It holds what kubectl may ask for, and refuses what is not in the overlay."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from deploy.guide.check.cluster import stream, wire
from deploy.guide.check.cluster.changes import Changes
from deploy.guide.check.cluster.kinds import Kind, discovery, named
from deploy.guide.check.cluster.pod import Image
from deploy.guide.check.cluster.refusal import Refused
from deploy.guide.check.cluster.store import Object, Store
from deploy.guide.check.cluster.tables import table

PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>[^/]+))?"
)
# kubectl looks for these by itself, and may find none.
MAY_BE_NONE = {"events", "replicasets", "replicationcontrollers", "resourcequotas", "limitranges"}
WATCHED_S = 20.0


@dataclass(frozen=True)
class Wanted:
    kind: Kind
    namespace: str
    name: str
    part: str
    options: dict[str, str]


class Cluster:
    """A context: an API server on a free port of the loopback."""

    def __init__(self, store: Store, image: Image) -> None:
        self.store = store
        self.changes = Changes(store, image)
        self.image = image
        self._http = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Cluster:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def get(self, wanted: Wanted) -> Object:
        found = self.store.find(wanted.kind, wanted.namespace, wanted.name)
        if found is None:
            raise Refused(
                404,
                f'{wanted.kind.plural} "{wanted.name}" not found in the production overlay',
                reason="NotFound",
            )
        return found

    def listed(self, wanted: Wanted) -> list[Object]:
        found = self.store.listed(
            wanted.kind,
            wanted.namespace,
            labels=wanted.options.get("labelSelector", ""),
            fields=wanted.options.get("fieldSelector", ""),
        )
        if not found and wanted.kind.plural not in MAY_BE_NONE:
            asked = wanted.options.get("labelSelector") or wanted.options.get("fieldSelector", "")
            raise Refused(
                404, f"no {wanted.kind.plural} {asked} in the production overlay", reason="NotFound"
            )
        return found


def read_path(target: str) -> Wanted | None:
    parts = urlsplit(target)
    match = PATH.fullmatch(parts.path)
    if match is None:
        return None
    kind = named(match["core"] or match["group"], match["plural"])
    if kind is None:
        return None
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Wanted(kind, match["namespace"] or "", match["name"] or "", match["part"] or "", options)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def cluster(self) -> Cluster:
        assert isinstance(self.server, _Server)  # noqa: S101 for the type
        return self.server.cluster

    def log_message(self, *_: Any) -> None:
        """Silent: kubectl says what it was answered."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, body: Any, code: int = 200) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(code)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> Any:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if data.startswith(wire.MAGIC):
            return wire.read(data)
        return yaml.safe_load(data) if data else {}

    def respond(self) -> None:
        try:
            self.route()
        except Refused as refusal:
            self.answer(refusal.status(), refusal.code)
        except LookupError as error:
            cannot = Refused(400, f"the checker's API server cannot do that: {error}")
            self.answer(cannot.status(), cannot.code)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 http.server's

    def route(self) -> None:
        known = discovery(urlsplit(self.path).path)
        if known is not None:
            self.answer(known)
            return
        wanted = read_path(self.path)
        if wanted is None:
            raise Refused(404, f"the server has no {self.path}", reason="NotFound")
        if wanted.part == "exec":
            self.execute(wanted)
        elif self.command == "GET":
            self.read(wanted)
        else:
            self.change(wanted)

    def read(self, wanted: Wanted) -> None:
        if wanted.options.get("watch") in ("true", "1"):
            self.watch(wanted)
        elif wanted.part == "log":
            self.answer(self.cluster.changes.log_of(self.cluster.get(wanted), wanted.options))
        elif wanted.part == "scale":
            self.answer(self.cluster.changes.scale_of(self.cluster.get(wanted)))
        elif wanted.name:
            self.answer(self.shown([self.cluster.get(wanted)], wanted) or self.cluster.get(wanted))
        else:
            found = self.cluster.listed(wanted)
            self.answer(self.shown(found, wanted) or _list(found, wanted.kind))

    def shown(self, found: list[Object], wanted: Wanted) -> dict[str, Any] | None:
        as_table = "as=Table" in self.headers.get("Accept", "")
        return table(found, wanted.kind.name) if as_table else None

    def watch(self, wanted: Wanted) -> None:
        """What is there, and then nothing more: it all has happened already."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if wanted.options.get("sendInitialEvents") == "true":
            for thing in self.cluster.listed(wanted):
                self.event("ADDED", thing)
            mark = {
                "resourceVersion": "1",
                "annotations": {"k8s.io/initial-events-end": "true"},
            }
            named_kind = {"apiVersion": wanted.kind.group_version, "kind": wanted.kind.name}
            self.event("BOOKMARK", {**named_kind, "metadata": mark})
        time.sleep(min(WATCHED_S, float(wanted.options.get("timeoutSeconds", WATCHED_S))))

    def event(self, kind: str, thing: Object) -> None:
        self.wfile.write(json.dumps({"type": kind, "object": thing}).encode() + b"\n")
        self.wfile.flush()

    def execute(self, wanted: Wanted) -> None:
        pod = self.cluster.get(wanted)
        asked = parse_qs(urlsplit(self.path).query)
        self.cluster.changes.demand_container(pod, asked.get("container", [""])[0])
        if not stream.accept(self):
            raise Refused(400, "this server speaks WebSockets only")
        stdin = stream.read_stdin(self.rfile) if asked.get("stdin") == ["true"] else ""
        stream.send(self.wfile, self.cluster.image.execute(asked.get("command", []), stdin=stdin))

    def change(self, wanted: Wanted) -> None:
        body = self.body()
        is_dry = "dryRun" in wanted.options
        code = 201 if self.command == "POST" else 200
        self.answer(self.cluster.changes.make(self.command, wanted, body, is_dry=is_dry), code)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        super().__init__(("127.0.0.1", 0), Handler)


def _list(found: list[Object], kind: Kind) -> dict[str, Any]:
    return {
        "kind": f"{kind.name}List",
        "apiVersion": kind.group_version,
        "metadata": {"resourceVersion": "1"},
        "items": found,
    }
