"""What kubectl may change, and what then follows: a Job is run, a Secret's keys are compared."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from deploy.guide.check.cluster import controllers
from deploy.guide.check.cluster.kinds import KINDS
from deploy.guide.check.cluster.pod import Image
from deploy.guide.check.cluster.refusal import Refused
from deploy.guide.check.cluster.store import Object, Store, merged, patched

if TYPE_CHECKING:
    from deploy.guide.check.cluster.server import Wanted

LOG_LINE = {
    "level": "info",
    "event": "request.finished",
    "request_id": "req_01a22ce3ebc970b19f9bbf2687b36a55",
    "status": 200,
}

CRON_JOB = next(kind for kind in KINDS if kind.name == "CronJob")


class Changes:
    def __init__(self, store: Store, image: Image) -> None:
        self.store = store
        self.image = image
        self._logs: dict[str, str] = {}
        self._keys = dict(_keys_by_secret(store))

    def make(self, method: str, wanted: Wanted, body: Any, *, is_dry: bool) -> Object:
        if wanted.part == "eviction":
            return self._evict(wanted)
        if wanted.part == "scale":
            return self._scale(wanted, body)
        if wanted.kind.name == "SelfSubjectAccessReview":
            reviewed: Object = {**body, "status": {"allowed": True}}
            return reviewed
        if method == "DELETE":
            return self._delete(wanted, is_dry=is_dry)
        if method == "POST":
            return self._create(wanted, body, is_dry=is_dry)
        return self._update(method, wanted, body, is_dry=is_dry)

    def _create(self, wanted: Wanted, body: Any, *, is_dry: bool) -> Object:
        name = body["metadata"]["name"]
        if self.store.find(wanted.kind, wanted.namespace, name):
            raise Refused(
                409, f'{wanted.kind.plural} "{name}" already exists', reason="AlreadyExists"
            )
        if wanted.kind.namespaced:
            body["metadata"]["namespace"] = wanted.namespace
        if body["kind"] == "Job" and "spec" not in body:
            body["spec"] = self._spec_of_cron_job(body)
        self._demand_keys(body)
        if is_dry:
            return dict(body)
        return self._run_job(body) if body["kind"] == "Job" else self.store.put(body)

    def _update(self, method: str, wanted: Wanted, body: Any, *, is_dry: bool) -> Object:
        old = self.store.find(wanted.kind, wanted.namespace, wanted.name)
        if old is None and method == "PATCH" and body.get("apiVersion"):  # server-side apply
            return self._create(wanted, body, is_dry=is_dry)
        if old is None:
            raise Refused(404, f'{wanted.kind.plural} "{wanted.name}" not found', reason="NotFound")
        if isinstance(body, list):
            new = patched(old, body)
        else:
            new = body if method == "PUT" else merged(old, body)
        self._demand_keys(new)
        if new["kind"] == "Job" and new["spec"]["template"] != old["spec"]["template"]:
            raise Refused(422, f'Job "{wanted.name}": spec.template: field is immutable')
        if is_dry or new == old:
            return dict(new)
        new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        if new["kind"] == "Deployment":
            controllers.settle(new)
        return self.store.put(new)

    def _delete(self, wanted: Wanted, *, is_dry: bool) -> Object:
        found = self.store.find(wanted.kind, wanted.namespace, wanted.name)
        if found is None:
            raise Refused(404, f'{wanted.kind.plural} "{wanted.name}" not found', reason="NotFound")
        if not is_dry:
            self.store.remove(wanted.kind, wanted.namespace, wanted.name)
            if wanted.kind.name == "Pod":
                self._replace(found)
        return found

    def _evict(self, wanted: Wanted) -> Object:
        pod = self.store.find(wanted.kind, wanted.namespace, wanted.name)
        if pod is not None:
            self._replace(pod)
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _replace(self, pod: Object) -> None:
        """A controller makes the pod anew; its name stays, so that the guide's stay valid."""
        self.store.put({**pod, "metadata": {**pod["metadata"], "uid": str(uuid.uuid4())}})

    def scale_of(self, thing: Object) -> Object:
        meta = thing["metadata"]
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {"name": meta["name"], "namespace": meta.get("namespace", "")},
            "spec": {"replicas": thing["spec"].get("replicas", 1)},
            "status": {"replicas": thing["spec"].get("replicas", 1)},
        }

    def _scale(self, wanted: Wanted, body: Object) -> Object:
        found = self.store.find(wanted.kind, wanted.namespace, wanted.name)
        if found is None:
            raise Refused(404, f'{wanted.kind.plural} "{wanted.name}" not found', reason="NotFound")
        found["spec"]["replicas"] = body["spec"]["replicas"]
        controllers.settle(found)
        return self.scale_of(found)

    def _run_job(self, job: Object) -> Object:
        """At once, so that whoever waits for it finds it done."""
        labels = {"job-name": job["metadata"]["name"]}
        job["spec"] = {**job["spec"], "selector": {"matchLabels": labels}}
        container = job["spec"]["template"]["spec"]["containers"][0]
        ran = self.image.start(container.get("args", []))
        job["status"] = controllers.finished_status(succeeded=ran.code == 0)
        pod = controllers.pod_of(
            job, job["spec"]["template"], suffix="q8r4t", succeeded=ran.code == 0
        )
        self._logs[pod["metadata"]["name"]] = ran.output + ran.errors
        self.store.put(pod)
        return self.store.put(job)

    def _spec_of_cron_job(self, job: Object) -> Object:
        owner = job["metadata"]["ownerReferences"][0]["name"]
        cron_job = self.store.find(CRON_JOB, job["metadata"]["namespace"], owner)
        if cron_job is None:
            raise Refused(404, f'cronjobs "{owner}" not found', reason="NotFound")
        return dict(cron_job["spec"]["jobTemplate"]["spec"])

    def log_of(self, pod: Object, options: dict[str, str]) -> str:
        self.demand_container(pod, options.get("container", ""))
        return self._logs.get(pod["metadata"]["name"], json.dumps(LOG_LINE) + "\n")

    def demand_container(self, pod: Object, name: str) -> None:
        names = [container["name"] for container in pod["spec"]["containers"]]
        if name and name not in names:
            raise Refused(
                400, f"container {name} is not valid for pod {pod['metadata']['name']}: {names}"
            )

    def _demand_keys(self, thing: Object) -> None:
        """A Secret or ConfigMap that lacks a key would keep every pod from starting."""
        needed = self._keys.get((thing["kind"], thing["metadata"]["name"]))
        if not needed:
            return
        given = {**(thing.get("data") or {}), **(thing.get("stringData") or {})}
        missing = sorted(needed - {name for name, value in given.items() if value})
        if missing:
            raise Refused(422, f"{thing['metadata']['name']} lacks {', '.join(missing)}")


def _keys_by_secret(store: Store) -> dict[tuple[str, str], set[str]]:
    """The keys that pods ask for, unless they can do without."""
    found: dict[tuple[str, str], set[str]] = {}
    for thing in store.all():
        for reference in _references(thing):
            kind, value = reference
            if not value.get("optional"):
                found.setdefault((kind, value["name"]), set()).add(value["key"])
    return found


def _references(thing: Any) -> list[tuple[str, dict[str, Any]]]:
    kinds = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
    found: list[tuple[str, dict[str, Any]]] = []
    if isinstance(thing, list):
        for part in thing:
            found += _references(part)
    elif isinstance(thing, dict):
        for name, value in thing.items():
            if name in kinds:
                found.append((kinds[name], value))
            else:
                found += _references(value)
    return found
