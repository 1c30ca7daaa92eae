"""One POST to an address that somebody typed into the settings.

Five seconds in all, however slowly the other side drips. No redirect is followed. The name
is resolved once, every address it has must be public, and the connection goes to an address
that was checked, so a name server cannot answer twice. TLS is verified against the name.
"""

from __future__ import annotations

import functools
import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi

from notevault.kit import addresses

TIMEOUT_S = 5.0
LONGEST_BODY = 2048
Address = tuple[Any, ...]


class NotReached(Exception):
    """No answer of HTTP. Its text names neither path nor key."""


@dataclass(frozen=True)
class Reply:
    """`text` is the beginning of the body, of whatever is no success."""

    status: int
    text: str = ""
    retry_after: str = ""


def post(
    url: str, *, body: bytes, headers: Mapping[str, str], allow_private: bool = False
) -> Reply:
    """Raises NotReached. A URL must have been checked (`notevault.settings.alerts`)."""
    until = time.monotonic() + TIMEOUT_S
    try:
        wire = _connect(url, until, allow_private)
        try:
            return _exchange(wire, url, body, headers)
        finally:
            wire.hang_up()
    except TimeoutError as error:
        raise NotReached(f"no answer within {TIMEOUT_S:.0f} s") from error
    except ssl.SSLError as error:
        raise NotReached(f"TLS: {getattr(error, 'verify_message', '') or error.reason}") from error
    except OSError as error:
        raise NotReached(f"{type(error).__name__}: {error.strerror or 'no connection'}") from error
    except http.client.HTTPException as error:
        raise NotReached(f"it does not speak HTTP ({type(error).__name__})") from error


def _exchange(wire: Wire, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port
    if parts.scheme == "https":
        line: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, context=tls_context()
        )
    else:
        line = http.client.HTTPConnection(host, port)
    # An open connection: http.client makes none of its own.
    line.sock = wire
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    line.request("POST", path, body=body, headers={**headers, "Connection": "close"})
    reply = line.getresponse()
    is_success = 200 <= reply.status < 300
    return Reply(
        status=reply.status,
        text="" if is_success else _text_of(reply),
        retry_after=reply.getheader("Retry-After") or "",
    )


def _text_of(reply: http.client.HTTPResponse) -> str:
    try:
        return reply.read(LONGEST_BODY).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""  # its status has said enough


class Wire:
    """A connected socket whose every wait ends at the same moment."""

    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket = connected
        self._until = until

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(_left(self._until))
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._socket, self._until))

    def close(self) -> None:
        """http.client lets go once the answer has begun, and then reads on."""

    def hang_up(self) -> None:
        self._socket.close()


class _Incoming(io.RawIOBase):
    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket = connected
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self._until))
        return self._socket.recv_into(buffer)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The system's authorities, and certifi's where a small image has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _connect(url: str, until: float, allow_private: bool) -> Wire:
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    host = str(parts.hostname)
    found = _resolve(host, parts.port or (443 if is_tls else 80), until)
    if not allow_private and not all(addresses.is_public(where[0]) for _, where in found):
        raise NotReached("its name leads into a private network")
    connected = _open_first(found, until)
    if not is_tls:
        return Wire(connected, until)
    try:
        connected.settimeout(_left(until))
        return Wire(tls_context().wrap_socket(connected, server_hostname=host), until)
    except BaseException:
        connected.close()
        raise


def _resolve(host: str, port: int, until: float) -> list[tuple[int, Address]]:
    """Family and address of each. A name server may think longer than we have."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            answers.put(None)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=_left(until))
    except queue.Empty:
        raise TimeoutError from None
    if not found:
        raise NotReached("its name is not known")
    return [(family, address) for family, _, _, _, address in found]


def _open_first(found: list[tuple[int, Address]], until: float) -> socket.socket:
    refusal: OSError = OSError("no address")
    for family, address in found:
        candidate = socket.socket(family, socket.SOCK_STREAM)
        try:
            candidate.settimeout(_left(until))
            candidate.connect(address)
        except OSError as error:
            candidate.close()
            refusal = error
            continue
        return candidate
    raise refusal
