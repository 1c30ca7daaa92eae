"""A Cloudinary on the loopback: the calls our adapter makes, checked as the real one checks them.

It keeps assets in memory, refuses what is not signed with the account's secret, and can be
told to fail in the ways in which a service far away fails.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

CLOUD_NAME = "notevault-test"
API_KEY = "874837483274837"
API_SECRET = "a676b67565c6767a6767d6767f676fe1"
SIGNATURE_LIFETIME_S = 3600
NOT_SIGNED = {"file", "cloud_name", "resource_type", "api_key", "signature"}

Asset = tuple[str, str, str]  # resource type, type, public id


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class CloudinaryStandIn:
    """The far side, as a test sees it and disturbs it."""

    url: str
    assets: dict[Asset, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    answer_after_s: float = 0.0
    failure: tuple[int, bytes] | None = None
    hanging: bool = False
    delivers_pdf: bool = True
    stopping: Event = field(default_factory=Event)

    def fail_with(self, status: int, body: bytes | None = None) -> None:
        """Answer every call with this status and, unless told otherwise, Cloudinary's JSON."""
        message = {"error": {"message": f"Failing with {status}"}}
        self.failure = (status, json.dumps(message).encode() if body is None else body)

    def hang(self) -> None:
        """Take every call and never answer it."""
        self.hanging = True

    def check_signature(self, params: Mapping[str, str]) -> None:
        """Cloudinary's rule: SHA-1 of the sorted parameters and the account's secret."""
        signed = sorted(
            f"{name}={value}".replace("&", "%26")
            for name, value in params.items()
            if name not in NOT_SIGNED and value
        )
        expected = hashlib.sha1(("&".join(signed) + API_SECRET).encode()).hexdigest()
        if params.get("api_key") != API_KEY:
            raise Refused(401, "Unknown API key")
        if not hmac.compare_digest(expected, params.get("signature", "")):
            raise Refused(401, f"Invalid Signature. String to sign - '{'&'.join(signed)}'.")

    def check_fresh(self, expires_at: float) -> None:
        if self.clock() >= expires_at:
            raise Refused(401, "Stale request")


@contextmanager
def running_stand_in() -> Iterator[CloudinaryStandIn]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    stand_in = CloudinaryStandIn(url=f"http://127.0.0.1:{server.server_port}")
    server.stand_in = stand_in  # type: ignore[attr-defined]
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield stand_in
    finally:
        stand_in.stopping.set()
        server.shutdown()
        serving.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def stand_in(self) -> CloudinaryStandIn:
        return self.server.stand_in  # type: ignore[attr-defined,no-any-return]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.stand_in.calls.append(f"{self.command} {parts.path}")
        if self.stand_in.hanging:
            self.stand_in.stopping.wait(timeout=30)
            self.close_connection = True
            return
        self.stand_in.stopping.wait(timeout=self.stand_in.answer_after_s)
        if self.stand_in.failure:
            self.send(*self.stand_in.failure)
            return
        try:
            self.route(parts.path, dict(parse_qsl(parts.query)), body)
        except Refused as refusal:
            self.send_json(refusal.status, {"error": {"message": refusal.message}})

    def route(self, path: str, query: dict[str, str], body: bytes) -> None:
        call, _, rest = path.removeprefix(f"/v1_1/{CLOUD_NAME}/").partition("/")
        match self.command, call, rest.partition("/"):
            case "POST", resource_type, ("upload", "", ""):
                self.upload(resource_type, self.form(body))
            case "POST", resource_type, ("destroy", "", ""):
                self.destroy(resource_type, self.form(body))
            case "GET", "resources", (resource_type, _, asset):
                self.resource(resource_type, *asset.split("/", 1))
            case "GET", resource_type, ("download", "", ""):
                self.download(resource_type, query)
            case _:
                raise Refused(404, f"No such call: {self.command} {path}")

    def upload(self, resource_type: str, form: dict[str, Any]) -> None:
        file = form.pop("file")
        self.check_signed_lately(form)
        asset = (resource_type, form.get("type", "upload"), form["public_id"])
        existing = asset in self.stand_in.assets and form.get("overwrite") == "0"
        if not existing:
            self.stand_in.assets[asset] = file
        reply = {"public_id": form["public_id"], "resource_type": resource_type, "type": asset[1]}
        self.send_json(200, {**reply, "existing": True} if existing else reply)

    def destroy(self, resource_type: str, form: dict[str, Any]) -> None:
        self.check_signed_lately(form)
        asset = (resource_type, form.get("type", "upload"), form["public_id"])
        found = self.stand_in.assets.pop(asset, None) is not None
        self.send_json(200, {"result": "ok" if found else "not found"})

    def resource(self, resource_type: str, kind: str, public_id: str) -> None:
        credentials = b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {credentials}":
            raise Refused(401, "unknown api_key")
        public_id = unquote(public_id)
        if (resource_type, kind, public_id) not in self.stand_in.assets:
            raise Refused(404, f"Resource not found - {public_id}")
        self.send_json(200, {"public_id": public_id, "type": kind, "format": "pdf"})

    def download(self, resource_type: str, query: dict[str, str]) -> None:
        self.stand_in.check_signature(query)
        default = int(query["timestamp"]) + SIGNATURE_LIFETIME_S
        self.stand_in.check_fresh(int(query.get("expires_at", default)))
        content = self.stand_in.assets.get((resource_type, query["type"], query["public_id"]))
        if content is None:
            raise Refused(404, f"Resource not found - {query['public_id']}")
        if not self.stand_in.delivers_pdf:
            raise Refused(401, "deny or ACL failure")
        self.send(200, content, content_type="application/pdf")

    def check_signed_lately(self, form: dict[str, Any]) -> None:
        self.stand_in.check_signature(form)
        self.stand_in.check_fresh(int(form["timestamp"]) + SIGNATURE_LIFETIME_S)

    def form(self, body: bytes) -> dict[str, Any]:
        """The fields of a multipart form; `file` stays bytes."""
        boundary = self.headers["Content-Type"].partition("boundary=")[2].strip('"').encode()
        fields: dict[str, Any] = {}
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            name = re.search(rb'\bname="([^"]+)"', head)[1].decode()  # type: ignore[index]
            fields[name] = value[:-2] if name == "file" else value[:-2].decode()
        return fields

    def send_json(self, status: int, reply: dict[str, Any]) -> None:
        self.send(status, json.dumps(reply).encode())

    def send(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
