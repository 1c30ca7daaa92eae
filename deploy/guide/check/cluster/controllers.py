"""What a cluster makes of the overlay: ReplicaSets, pods, nodes, and figures of them."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from typing import Any

from deploy.guide.check.cluster import kinds
from deploy.guide.check.cluster.store import Object

SINCE = "2026-01-01T00:00:00Z"
ZONES = ("a", "b", "c")


def everything(overlay: list[Object], *, namespace: str) -> list[Object]:
    """The overlay's objects with a status, and what follows from them."""
    kinds.learn(overlay)
    objects = [_with_status(copy.deepcopy(thing), overlay) for thing in overlay]
    made = [*objects, *_nodes(), *_cluster_wide(), _event(namespace)]
    for thing in objects:
        if thing["kind"] == "Deployment":
            made += _of_deployment(thing)
        elif thing["kind"] == "Job":
            made.append(pod_of(thing, thing["spec"]["template"], suffix="x7k2p", succeeded=True))
        elif thing["kind"] == "CronJob":
            job = _last_job(thing)
            made += [job, pod_of(job, job["spec"]["template"], suffix="m4c9z", succeeded=True)]
        elif thing["kind"] == "Service":
            made.append(_endpoints(thing))
        elif thing["kind"] == "Ingress":
            made += _certificates(thing)
    made += [_pod_metrics(pod) for pod in made if pod["kind"] == "Pod"]
    if not any(thing["kind"] == "Namespace" for thing in made):
        made.append(_object("v1", "Namespace", namespace))
    return made


def _object(api: str, kind: str, name: str, **rest: Any) -> Object:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **rest}


def _with_status(thing: Object, overlay: list[Object]) -> Object:
    if thing["kind"] == "Deployment":
        thing["spec"].setdefault("replicas", _least_pods(thing["metadata"]["name"], overlay))
        thing["metadata"]["annotations"] = {
            **thing["metadata"].get("annotations", {}),
            "deployment.kubernetes.io/revision": "2",
        }
        thing["metadata"]["generation"] = 2
        settle(thing)
    elif thing["kind"] == "HorizontalPodAutoscaler":
        least = thing["spec"].get("minReplicas", 1)
        thing["status"] = {"currentReplicas": least, "desiredReplicas": least}
    elif thing["kind"] == "Job":
        thing["status"] = finished_status(succeeded=True)
    elif thing["kind"] == "Ingress":
        thing["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}
    return thing


def settle(deployment: Object) -> None:
    """All of its pods are there, new and ready."""
    count = deployment["spec"].get("replicas", 1)
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    deployment["status"] = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **dict.fromkeys(names, count),
        "conditions": [
            {"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ],
    }


def finished_status(*, succeeded: bool) -> dict[str, Any]:
    name = "succeeded" if succeeded else "failed"
    condition = {"type": "Complete" if succeeded else "Failed", "status": "True"}
    return {name: 1, "startTime": SINCE, "completionTime": SINCE, "conditions": [condition]}


def _least_pods(deployment: str, overlay: list[Object]) -> int:
    for thing in overlay:
        if (
            thing["kind"] == "HorizontalPodAutoscaler"
            and thing["spec"]["scaleTargetRef"]["name"] == deployment
        ):
            return int(thing["spec"].get("minReplicas", 1))
    return 1


def _of_deployment(deployment: Object) -> Iterator[Object]:
    meta, spec = deployment["metadata"], deployment["spec"]
    owner = {**_owner(deployment), "controller": True}
    for revision in ("1", "2"):
        digest = hashlib.sha256(f"{meta['name']}{revision}".encode()).hexdigest()[:9]
        template = copy.deepcopy(spec["template"])
        template["metadata"].setdefault("labels", {})["pod-template-hash"] = digest
        if revision == "1":  # the release before
            template["metadata"].setdefault("annotations", {})["release"] = "previous"
        count = spec["replicas"] if revision == "2" else 0
        replica_set = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{digest}",
                "namespace": meta.get("namespace", ""),
                "labels": template["metadata"]["labels"],
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [owner],
            },
            "spec": {"replicas": count, "selector": spec["selector"], "template": template},
            "status": {"replicas": count, "readyReplicas": count},
        }
        yield replica_set
        for number in range(count):
            yield pod_of(replica_set, template, suffix=f"{number:05x}", node=number)


def _owner(thing: Object) -> dict[str, Any]:
    uid = thing["metadata"].setdefault("uid", f"uid-{thing['kind']}-{thing['metadata']['name']}")
    return {
        "apiVersion": thing["apiVersion"],
        "kind": thing["kind"],
        "name": thing["metadata"]["name"],
        "uid": uid,
    }


def pod_of(
    owner: Object, template: Object, *, suffix: str, node: int = 0, succeeded: bool = False
) -> Object:
    meta = owner["metadata"]
    own = {"job-name": meta["name"], "batch.kubernetes.io/job-name": meta["name"]}
    labels = {
        **template.get("metadata", {}).get("labels", {}),
        **(own if owner["kind"] == "Job" else {}),
    }
    names = [container["name"] for container in template["spec"]["containers"]]
    state = (
        {"terminated": {"exitCode": 0, "reason": "Completed"}}
        if succeeded
        else {"running": {"startedAt": SINCE}}
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{meta['name']}-{suffix}",
            "namespace": meta.get("namespace", ""),
            "labels": labels,
            "ownerReferences": [{**_owner(owner), "controller": True}],
        },
        "spec": {**copy.deepcopy(template["spec"]), "nodeName": f"node-{ZONES[node % 3]}"},
        "status": {
            "phase": "Succeeded" if succeeded else "Running",
            "startTime": SINCE,
            "podIP": f"10.0.0.{node + 10}",
            "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "Initialized")],
            "containerStatuses": [
                {"name": name, "ready": True, "restartCount": 0, "state": state} for name in names
            ],
        },
    }


def _last_job(cron_job: Object) -> Object:
    """That of last night, which did its work."""
    template = copy.deepcopy(cron_job["spec"]["jobTemplate"])
    name = f"{cron_job['metadata']['name']}-29000000"
    template["spec"]["selector"] = {"matchLabels": {"job-name": name}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": cron_job["metadata"].get("namespace", ""),
            "labels": template.get("metadata", {}).get("labels", {}),
            "ownerReferences": [{**_owner(cron_job), "controller": True}],
        },
        "spec": template["spec"],
        "status": finished_status(succeeded=True),
    }


def _nodes() -> Iterator[Object]:
    for zone in ZONES:
        node = _object("v1", "Node", f"node-{zone}")
        node["metadata"]["labels"] = {"topology.kubernetes.io/zone": zone}
        node["spec"] = {}
        node["status"] = {
            "conditions": [{"type": "Ready", "status": "True"}],
            "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
        }
        yield node
        usage = {"usage": {"cpu": "800m", "memory": "4Gi"}, "timestamp": SINCE, "window": "30s"}
        yield _object("metrics.k8s.io/v1beta1", "NodeMetrics", f"node-{zone}", **usage)


def _cluster_wide() -> Iterator[Object]:
    yield _object(
        "apiregistration.k8s.io/v1",
        "APIService",
        "v1beta1.metrics.k8s.io",
        spec={"group": "metrics.k8s.io", "version": "v1beta1"},
        status={"conditions": [{"type": "Available", "status": "True"}]},
    )


def _event(namespace: str) -> Object:
    event = _object("v1", "Event", "notevault-api.1", reason="ScalingReplicaSet", type="Normal")
    event["metadata"]["namespace"] = namespace
    event["involvedObject"] = {"kind": "Deployment", "name": "notevault-api"}
    return {**event, "message": "Scaled up", "lastTimestamp": SINCE, "count": 1}


def _endpoints(service: Object) -> Object:
    name, namespace = service["metadata"]["name"], service["metadata"].get("namespace", "")
    made = _object("discovery.k8s.io/v1", "EndpointSlice", f"{name}-1", addressType="IPv4")
    made["metadata"] |= {"namespace": namespace, "labels": {"kubernetes.io/service-name": name}}
    return {**made, "endpoints": [{"addresses": ["10.0.0.10"]}], "ports": []}


def _certificates(ingress: Object) -> Iterator[Object]:
    """What cert-manager makes of the Ingress."""
    for entry in ingress["spec"].get("tls", []):
        made = _object("cert-manager.io/v1", "Certificate", entry["secretName"])
        made["metadata"]["namespace"] = ingress["metadata"].get("namespace", "")
        ready = {"type": "Ready", "status": "True"}
        yield {**made, "status": {"conditions": [ready], "notAfter": "2027-01-01T00:00:00Z"}}


def _pod_metrics(pod: Object) -> Object:
    used = [
        {"name": container["name"], "usage": {"cpu": "120m", "memory": "210Mi"}}
        for container in pod["spec"]["containers"]
    ]
    made = _object("metrics.k8s.io/v1beta1", "PodMetrics", pod["metadata"]["name"])
    made["metadata"] |= {
        "namespace": pod["metadata"]["namespace"],
        "labels": pod["metadata"]["labels"],
    }
    return {**made, "timestamp": SINCE, "window": "30s", "containers": used}
