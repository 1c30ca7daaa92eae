"""What the cluster holds: the overlay's objects, and those that controllers would have made."""

from __future__ import annotations

import base64
import copy
import threading
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from deploy.guide.check.cluster.kinds import Kind, of_object

Object = dict[str, Any]
Place = tuple[str, str, str, str]
"""groupVersion, plural, namespace, name"""


class Store:
    def __init__(self, objects: Iterable[Object]) -> None:
        self._objects: dict[Place, Object] = {}
        self._lock = threading.RLock()
        for thing in objects:
            self.put(thing)

    def put(self, thing: Object) -> Object:
        kind = of_object(thing)
        meta = thing.setdefault("metadata", {})
        for name, value in (thing.pop("stringData", None) or {}).items():
            thing.setdefault("data", {})[name] = base64.b64encode(value.encode()).decode()
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        meta.setdefault("generation", 1)
        with self._lock:
            meta["resourceVersion"] = str(len(self._objects) + 1)
            self._objects[_place(kind, meta.get("namespace", ""), meta["name"])] = thing
        return thing

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        with self._lock:
            return self._objects.get(_place(kind, namespace, name))

    def remove(self, kind: Kind, namespace: str, name: str) -> Object | None:
        with self._lock:
            return self._objects.pop(_place(kind, namespace, name), None)

    def listed(
        self, kind: Kind, namespace: str, *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        with self._lock:
            places = [
                (place, thing)
                for place, thing in self._objects.items()
                if place[:2] == (kind.group_version, kind.plural)
                and namespace in ("", place[2])
                and _has_labels(thing, labels)
                and _has_fields(thing, fields)
            ]
        return [thing for _, thing in sorted(places, key=lambda pair: pair[0])]

    def all(self) -> list[Object]:
        with self._lock:
            return list(self._objects.values())


def _place(kind: Kind, namespace: str, name: str) -> Place:
    return (kind.group_version, kind.plural, namespace if kind.namespaced else "", name)


def _has_labels(thing: Object, selector: str) -> bool:
    labels = thing["metadata"].get("labels", {})
    return all(_one_label(labels, part.strip()) for part in _parts(selector))


def _one_label(labels: dict[str, str], part: str) -> bool:
    if " in (" in part:
        name, _, values = part.partition(" in (")
        return labels.get(name) in {value.strip() for value in values.rstrip(")").split(",")}
    if "!=" in part:
        name, _, value = part.partition("!=")
        return labels.get(name) != value
    if "=" in part:
        name, value = part.replace("==", "=").split("=", 1)
        return labels.get(name) == value
    return part.lstrip("!") in labels


def _parts(selector: str) -> Iterator[str]:
    depth, part = 0, ""
    for letter in selector:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield part
            part = ""
        else:
            part += letter
    if part:
        yield part


def _has_fields(thing: Object, selector: str) -> bool:
    for part in filter(None, selector.split(",")):
        name, _, value = part.replace("==", "=").partition("=")
        differs = name.endswith("!")
        found: Any = thing
        for step in name.rstrip("!").split("."):
            found = found.get(step, "") if isinstance(found, dict) else ""
        if (str(found) == value) == differs:
            return False
    return True


def merged(old: Any, patch: Any) -> Any:
    """A merge patch; lists of named parts are merged by name, as a strategic one does."""
    if isinstance(old, dict) and isinstance(patch, dict):
        result = dict(old)
        for name, value in patch.items():
            if name.startswith("$"):
                continue
            if value is None:
                result.pop(name, None)
            else:
                result[name] = merged(old.get(name), value)
        return result
    if _is_named(old) and _is_named(patch):
        known = {part["name"]: part for part in old}
        for part in patch:
            known[part["name"]] = merged(known.get(part["name"]), part)
        return list(known.values())
    return copy.deepcopy(patch)


def _is_named(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, dict) and "name" in part for part in value)
    )


def patched(old: Object, steps: list[dict[str, Any]]) -> Object:
    """A JSON patch of adding, replacing and removing: what `rollout undo` and a pause send."""
    new = copy.deepcopy(old)
    for step in steps:
        *way, last = step["path"].strip("/").split("/")
        inside = new
        for name in way:
            inside = inside[name.replace("~1", "/")]
        if step["op"] == "remove":
            inside.pop(last.replace("~1", "/"))
        elif step["op"] in ("add", "replace"):
            inside[last.replace("~1", "/")] = step["value"]
    return new
