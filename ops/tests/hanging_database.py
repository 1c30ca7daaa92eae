"""The test's own database behind a proxy that may fall silent."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import connection

from ops.tests.own_database import database_url


@contextmanager
def database_that_may_hang() -> Iterator[tuple[str, threading.Event]]:
    """Its URL; once the event is set, connections stay open and nothing passes any more."""
    hangs = threading.Event()
    opened: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, far = listener.accept()[0], _server()
                opened.extend((near, far))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(*ends, hangs), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield database_url(host="127.0.0.1", port=str(listener.getsockname()[1])), hangs
        finally:
            for one in (listener, *opened):
                with suppress(OSError):  # the other end has closed it
                    one.shutdown(socket.SHUT_RDWR)  # whoever reads is told
                one.close()


def _server() -> socket.socket:
    host, port = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    if not host.startswith("/"):
        return socket.create_connection((host or "127.0.0.1", int(port or 5432)))
    made = socket.socket(socket.AF_UNIX)
    made.connect(os.path.join(host, f".s.PGSQL.{port or 5432}"))
    return made


def _pass_on(source: socket.socket, target: socket.socket, hangs: threading.Event) -> None:
    with suppress(OSError):
        while (data := source.recv(65536)) and not hangs.is_set():
            target.sendall(data)
        if not hangs.is_set():
            target.shutdown(socket.SHUT_WR)
