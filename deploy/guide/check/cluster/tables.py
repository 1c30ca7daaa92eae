"""The columns that a server prints for kubectl, where they are not only name and age."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deploy.guide.check.cluster.store import Object


def table(things: list[Object], kind: str) -> dict[str, Any] | None:
    """The Table of `kubectl get`, or None for kinds whose columns are kubectl's own."""
    if kind not in COLUMNS:
        return None
    names, cells = COLUMNS[kind]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": "", "description": "", "priority": 0}
            for name in names
        ],
        "rows": [
            {
                "cells": cells(thing),
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": thing["metadata"],
                },
            }
            for thing in things
        ],
    }


def _pod(pod: Object) -> list[str]:
    states = pod["status"]["containerStatuses"]
    ready = f"{sum(state['ready'] for state in states)}/{len(states)}"
    status = "Completed" if pod["status"]["phase"] == "Succeeded" else "Running"
    return [pod["metadata"]["name"], ready, status, "0", "2m"]


def _deployment(thing: Object) -> list[str]:
    count = str(thing["status"]["replicas"])
    return [thing["metadata"]["name"], f"{count}/{count}", count, count, "2m"]


def _hpa(thing: Object) -> list[str]:
    spec = thing["spec"]
    targets = ", ".join(_target(metric) for metric in spec["metrics"])
    whole = f"{spec['scaleTargetRef']['kind']}/{spec['scaleTargetRef']['name']}"
    pods = (spec.get("minReplicas", 1), spec["maxReplicas"], thing["status"]["currentReplicas"])
    return [thing["metadata"]["name"], whole, targets, *map(str, pods), "2m"]


def _target(metric: Object) -> str:
    if metric["type"] == "Resource":
        resource = metric["resource"]
        return f"{resource['name']}: 30%/{resource['target']['averageUtilization']}%"
    target = metric[metric["type"].lower()]["target"]
    return f"0/{target.get('value') or target.get('averageValue')}"


def _service(thing: Object) -> list[str]:
    spec = thing["spec"]
    ports = ",".join(f"{port['port']}/TCP" for port in spec["ports"])
    return [
        thing["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        "10.1.0.20",
        "<none>",
        ports,
        "2m",
    ]


def _ingress(thing: Object) -> list[str]:
    hosts = ",".join(rule["host"] for rule in thing["spec"]["rules"])
    address = thing["status"]["loadBalancer"]["ingress"][0]["ip"]
    name = thing["spec"].get("ingressClassName", "<none>")
    return [thing["metadata"]["name"], name, hosts, address, "80, 443", "2m"]


def _job(thing: Object) -> list[str]:
    succeeded = thing["status"].get("succeeded", 0)
    state = "Complete" if succeeded else "Failed"
    return [thing["metadata"]["name"], state, f"{succeeded}/1", "12s", "2m"]


def _cron_job(thing: Object) -> list[str]:
    spec = thing["spec"]
    zone = spec.get("timeZone", "<none>")
    suspended = str(bool(spec.get("suspend")))
    return [thing["metadata"]["name"], spec["schedule"], zone, suspended, "0", "8h", "2m"]


Cells = Callable[[Object], list[str]]
COLUMNS: dict[str, tuple[list[str], Cells]] = {
    "Pod": (["Name", "Ready", "Status", "Restarts", "Age"], _pod),
    "Deployment": (["Name", "Ready", "Up-to-date", "Available", "Age"], _deployment),
    "HorizontalPodAutoscaler": (
        ["Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"],
        _hpa,
    ),
    "Service": (["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"], _service),
    "Ingress": (["Name", "Class", "Hosts", "Address", "Ports", "Age"], _ingress),
    "Job": (["Name", "Status", "Completions", "Duration", "Age"], _job),
    "CronJob": (
        ["Name", "Schedule", "Timezone", "Suspend", "Active", "Last Schedule", "Age"],
        _cron_job,
    ),
}
