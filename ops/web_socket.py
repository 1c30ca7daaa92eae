"""A client's connection whose reads and writes end, however slowly the client moves."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from typing import TypeVar

# A thread waits for a client as long as it moves so many bytes a second on average. What is
# read faster is saved up, to at most PATIENCE_S.
FLOOR_BYTES_S = 16 * 1024
PATIENCE_S = 5.0
WRITE_BYTES = 256 * 1024

T = TypeVar("T")


class PatientSocket(socket.socket):
    """Of a blocking socket, `recv` and `sendall` raise ConnectionResetError when the client
    is too slow: as if it had gone, which is what gunicorn and Django are prepared for.

    Time is taken off only while waiting for the client. A time-out for each call would not
    do: a byte every four seconds would keep a thread for ever.
    """

    patience = PATIENCE_S

    @classmethod
    def of(cls, plain: socket.socket) -> PatientSocket:
        """The same connection; `plain` must not be used any more."""
        family, kind, protocol = plain.family, plain.type, plain.proto
        return cls(family, kind, protocol, fileno=plain.detach())

    def begin(self) -> None:
        """A request begins, in a thread."""
        self.setblocking(True)
        self.patience = PATIENCE_S

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.gettimeout() == 0:
            return super().recv(size, flags)
        receive = super().recv
        data = self._wait(lambda: receive(size, flags))
        self._moved(len(data))
        return data

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        send, rest = super().send, memoryview(data)
        while rest:
            part = rest[:WRITE_BYTES]
            sent = self._wait(lambda part=part: send(part, flags))  # type: ignore[misc]
            self._moved(sent)
            rest = rest[sent:]

    def _wait(self, operation: Callable[[], T]) -> T:
        self.settimeout(max(self.patience, 0.001))
        began = time.monotonic()
        try:
            return operation()
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow") from None
        finally:
            self.patience -= time.monotonic() - began

    def _moved(self, count: int) -> None:
        self.patience = min(PATIENCE_S, self.patience + count / FLOOR_BYTES_S)
