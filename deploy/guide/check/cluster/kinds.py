"""Which kinds the cluster knows, and the documents in which kubectl looks them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True)
class Kind:
    group_version: str
    """`v1`, `apps/v1`"""
    name: str
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[tuple[str, str], ...] = ()
    """Name and kind, such as ("scale", "Scale")."""

    @property
    def path(self) -> str:
        return f"/api/{self.group_version}" if self.group == "" else f"/apis/{self.group_version}"

    @property
    def group(self) -> str:
        return self.group_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.group_version.rpartition("/")[2]


_POD = (("log", "Pod"), ("exec", "PodExecOptions"), ("eviction", "Eviction"))
_SCALED = (("scale", "Scale"), ("status", "Deployment"))

KINDS: list[Kind] = [
    Kind("v1", "Pod", "pods", ("po",), subresources=_POD),
    Kind("v1", "Service", "services", ("svc",)),
    Kind("v1", "ConfigMap", "configmaps", ("cm",)),
    Kind("v1", "Secret", "secrets"),
    Kind("v1", "ServiceAccount", "serviceaccounts", ("sa",)),
    Kind("v1", "Event", "events", ("ev",)),
    Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", ("pvc",)),
    Kind("v1", "Endpoints", "endpoints", ("ep",)),
    Kind("v1", "ResourceQuota", "resourcequotas", ("quota",)),
    Kind("v1", "LimitRange", "limitranges", ("limits",)),
    Kind("v1", "ReplicationController", "replicationcontrollers", ("rc",)),
    Kind("v1", "Node", "nodes", ("no",), namespaced=False),
    Kind("v1", "Namespace", "namespaces", ("ns",), namespaced=False),
    Kind("apps/v1", "Deployment", "deployments", ("deploy",), subresources=_SCALED),
    Kind("apps/v1", "ReplicaSet", "replicasets", ("rs",)),
    Kind("apps/v1", "StatefulSet", "statefulsets", ("sts",), subresources=_SCALED),
    Kind("apps/v1", "DaemonSet", "daemonsets", ("ds",)),
    Kind("batch/v1", "Job", "jobs"),
    Kind("batch/v1", "CronJob", "cronjobs", ("cj",)),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ("hpa",)),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", ("pdb",)),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses", ("ing",)),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", ("netpol",)),
    Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False),
    Kind("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", ("pc",), namespaced=False),
    Kind("metrics.k8s.io/v1beta1", "PodMetrics", "pods"),
    Kind("metrics.k8s.io/v1beta1", "NodeMetrics", "nodes", namespaced=False),
    Kind("apiregistration.k8s.io/v1", "APIService", "apiservices", namespaced=False),
    Kind("cert-manager.io/v1", "Certificate", "certificates", ("cert",)),
    Kind(
        "authorization.k8s.io/v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        namespaced=False,
    ),
]


def learn(things: list[dict[str, Any]]) -> None:
    """What else the overlay holds is a custom resource, whose definition the cluster has."""
    for thing in things:
        named_so = (thing["apiVersion"], thing["kind"])
        if named_so not in {(kind.group_version, kind.name) for kind in KINDS}:
            word = thing["kind"].lower()
            plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
            KINDS.append(Kind(thing["apiVersion"], thing["kind"], plural))


def named(group_version: str, plural: str) -> Kind | None:
    return next(
        (kind for kind in KINDS if (kind.group_version, kind.plural) == (group_version, plural)),
        None,
    )


def of_object(thing: dict[str, Any]) -> Kind:
    """Raises LookupError for a kind that the cluster would refuse."""
    wanted = (thing["apiVersion"], thing["kind"])
    for kind in KINDS:
        if (kind.group_version, kind.name) == wanted:
            return kind
    raise LookupError(f"{wanted[0]} {wanted[1]} is a kind that the checker does not know")


def discovery(path: str) -> dict[str, Any] | None:
    """The answer to one of kubectl's questions about kinds, or None when it is none."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups()}
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/openapi/v3":
        urls = {kind.path.strip("/"): f"/openapi/v3{kind.path}" for kind in KINDS}
        return {"paths": {name: {"serverRelativeURL": url} for name, url in urls.items()}}
    if path.startswith("/openapi/v3/"):
        return _schema([kind for kind in KINDS if f"/openapi/v3{kind.path}" == path])
    found = [kind for kind in KINDS if kind.path == path]
    return _resources(found) if found else None


def _groups() -> list[dict[str, Any]]:
    found = dict.fromkeys(kind.group_version for kind in KINDS if kind.group)
    return [
        {
            "name": group_version.partition("/")[0],
            "versions": [
                entry := {
                    "groupVersion": group_version,
                    "version": group_version.partition("/")[2],
                }
            ],
            "preferredVersion": entry,
        }
        for group_version in found
    ]


def _resources(found: list[Kind]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for kind in found:
        row = {"singularName": kind.name.lower(), "namespaced": kind.namespaced, "verbs": VERBS}
        rows.append({**row, "name": kind.plural, "kind": kind.name, "shortNames": list(kind.short)})
        for name, its_kind in kind.subresources:
            scale = {"group": "autoscaling", "version": "v1"} if name == "scale" else {}
            rows.append({**row, "name": f"{kind.plural}/{name}", "kind": its_kind, **scale})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].group_version,
        "resources": rows,
    }


def _schema(found: list[Kind]) -> dict[str, Any]:
    """Just enough of OpenAPI: the server validates fields itself, so kubectl need not."""
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.34.0"},
        "paths": {
            f"{kind.path}/{kind.plural}/{{name}}": {
                "patch": {
                    "parameters": [
                        {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}},
                        {"name": "dryRun", "in": "query", "schema": {"type": "string"}},
                    ],
                    "responses": {"200": {"description": "OK"}},
                    "x-kubernetes-group-version-kind": {
                        "group": kind.group,
                        "version": kind.version,
                        "kind": kind.name,
                    },
                }
            }
            for kind in found
        },
    }
