"""The few objects that kubectl sends as protobuf (`kubectl create …`), as JSON would have them.

Field numbers: k8s.io/api/{core,batch}/v1/generated.proto, k8s.io/apimachinery/…/generated.proto.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

MAGIC = b"k8s\x00"


def read(body: bytes) -> dict[str, Any]:
    """Raises LookupError for a kind that is not read here."""
    envelope = _fields(body.removeprefix(MAGIC))
    named = _fields(envelope[1][0])
    thing = {"apiVersion": _text(named, 1), "kind": _text(named, 2)}
    fields = _fields(envelope[2][0])
    if thing["kind"] in ("DeleteOptions", "Eviction", "SelfSubjectAccessReview"):
        return {**thing, "metadata": {}}
    if thing["kind"] not in ("ConfigMap", "Job", "Namespace", "Secret"):
        raise LookupError(f"{thing['kind']} cannot be read as protobuf")
    thing_meta = {**thing, "metadata": _meta(fields)}
    if thing["kind"] == "Secret":
        pairs = _map(fields.get(2, []))
        data = {name: base64.b64encode(value).decode() for name, value in pairs.items()}
        return {**thing_meta, "data": data, "type": _text(fields, 3)}
    if thing["kind"] == "ConfigMap":
        data = {name: value.decode() for name, value in _map(fields.get(2, [])).items()}
        return {**thing_meta, "data": data}
    return thing_meta


def _meta(fields: dict[int, list[bytes]]) -> dict[str, Any]:
    meta = _fields(fields[1][0])
    owners = [_fields(owner) for owner in meta.get(13, [])]
    return {
        "name": _text(meta, 1),
        "ownerReferences": [{"kind": _text(owner, 1), "name": _text(owner, 3)} for owner in owners],
    }


def _map(entries: list[bytes]) -> dict[str, bytes]:
    pairs = [_fields(entry) for entry in entries]
    return {_text(pair, 1): pair.get(2, [b""])[0] for pair in pairs}


def _text(fields: dict[int, list[bytes]], number: int) -> str:
    return fields.get(number, [b""])[0].decode()


def _fields(data: bytes) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for number, value in _walk(data):
        found.setdefault(number, []).append(value)
    return found


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            _, end = _varint(data, at)
        elif kind == 2:
            length, at = _varint(data, at)
            end = at + length
        else:
            end = at + {1: 8, 5: 4}[kind]
        yield tag >> 3, data[at:end]
        at = end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
