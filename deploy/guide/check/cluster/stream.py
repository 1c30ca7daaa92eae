"""`kubectl exec` over a WebSocket: https://kubernetes.io/docs/reference/using-api/websockets/"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase

from deploy.guide.check.cluster.pod import Ran

PROTOCOL = "v5.channel.k8s.io"
_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
_BINARY, _CLOSING, _PING = 2, 8, 9


def accept(handler: BaseHTTPRequestHandler) -> bool:
    """Shake hands; False when the client does not speak the protocol."""
    offered = handler.headers.get("Sec-WebSocket-Protocol", "")
    if PROTOCOL not in [name.strip() for name in offered.split(",")]:
        return False
    digest = hashlib.sha1(  # noqa: S324 the handshake of RFC 6455, no secret
        (handler.headers["Sec-WebSocket-Key"] + _KEY).encode()
    ).digest()
    handler.send_response(101)
    handler.send_header("Upgrade", "websocket")
    handler.send_header("Connection", "Upgrade")
    handler.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
    handler.send_header("Sec-WebSocket-Protocol", PROTOCOL)
    handler.end_headers()
    handler.close_connection = True
    return True


def read_stdin(source: BufferedIOBase) -> str:
    """All that the client has to say, until it closes its standard input or goes."""
    said = b""
    while (frame := _read(source)) is not None:
        kind, body = frame
        if kind == _CLOSING or body[:2] == bytes([CLOSE, STDIN]):
            break
        if kind == _BINARY and body[:1] == bytes([STDIN]):
            said += body[1:]
    return said.decode()


def send(target: BufferedIOBase, ran: Ran) -> None:
    for channel, text in ((STDOUT, ran.output), (STDERR, ran.errors)):
        if text:
            _write(target, _BINARY, bytes([channel]) + text.encode())
    _write(target, _BINARY, bytes([ERROR]) + json.dumps(_status(ran.code)).encode())
    _write(target, _CLOSING, struct.pack(">H", 1000))


def _status(code: int) -> dict[str, object]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _read(source: BufferedIOBase) -> tuple[int, bytes] | None:
    head = source.read(2)
    if len(head) < 2:
        return None
    length = head[1] & 0x7F
    if length == 126:
        length = struct.unpack(">H", source.read(2))[0]
    elif length == 127:
        length = struct.unpack(">Q", source.read(8))[0]
    mask = source.read(4) if head[1] & 0x80 else bytes(4)
    body = source.read(length)
    return head[0] & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))


def _write(target: BufferedIOBase, kind: int, body: bytes) -> None:
    size = len(body)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + struct.pack(">H", size)
    else:
        length = b"\x7f" + struct.pack(">Q", size)
    target.write(bytes([0x80 | kind]) + length + body)
    target.flush()
