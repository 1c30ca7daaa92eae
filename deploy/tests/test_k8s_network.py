"""Each connection that is needed may be made, and no other."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

import pytest
from k8s_manifests import OVERLAYS, pod_of, rendered

pytestmark = pytest.mark.k8s


@dataclass(frozen=True)
class End:
    """A pod by its labels and its namespace, or an address outside."""

    labels: dict = field(default_factory=dict, hash=False)
    namespace: str = ""
    address: str = ""


OUTSIDE = {
    "ingress controller": End({"app": "nginx-ingress"}, "nginx-ingress"),
    "prometheus": End({"app.kubernetes.io/name": "prometheus"}, "monitoring"),
    "grafana": End({"app.kubernetes.io/name": "grafana"}, "monitoring"),
    "dns": End({"k8s-app": "kube-dns"}, "kube-system"),
    "stranger": End({"app": "notevault-api"}, "elsewhere"),
    "database": End(address="10.20.0.5"),
    "internet": End(address="52.66.1.1"),
    "metadata service": End(address="169.254.169.254"),
}
PORTS = (22, 25, 53, 80, 443, 465, 587, 5001, 5003, 5432, 6432)
DIRECT = ("worker", "pgbouncer", "migrate", "backup", "backup-verify", "reconcile", "verify-ledger")
OUTWARD = ("api", "worker", "backup", "backup-verify", "reconcile")


def needed(pods):
    return {
        ("ingress controller", "api", 5001),
        ("prometheus", "api", 5001),
        ("prometheus", "worker", 5003),
        ("api", "pgbouncer", 6432),
        *(("worker", "internet", port) for port in (465, 587)),
        *((pod, "dns", 53) for pod in pods),
        *((pod, "database", 5432) for pod in DIRECT if pod in pods),
        *((pod, "internet", 443) for pod in OUTWARD if pod in pods),
    }


def matches(selector, labels):
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def is_peer(peer, end, home):
    if "ipBlock" in peer:
        if not end.address:
            return False
        address = ipaddress.ip_address(end.address)
        block = peer["ipBlock"]
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(hole) for hole in block.get("except", [])
        )
    if end.address:
        return False
    name = {"kubernetes.io/metadata.name": end.namespace}
    of_namespace = peer.get("namespaceSelector")
    if not (matches(of_namespace, name) if of_namespace is not None else end.namespace == home):
        return False
    return matches(peer.get("podSelector", {}), end.labels)


def lets(policies, end, other, port, *, way, peers, home):
    """As Kubernetes has it: whom no policy selects for this way is free; otherwise one must let
    it through."""
    if end.namespace != home:
        return True
    chosen = [
        policy["spec"]
        for policy in policies
        if way in policy["spec"]["policyTypes"]
        and matches(policy["spec"]["podSelector"], end.labels)
    ]
    return not chosen or any(
        any(each["port"] == port for each in rule["ports"])
        and any(is_peer(peer, other, home) for peer in rule[peers])
        for spec in chosen
        for rule in spec.get(way.lower(), [])
    )


def connections(overlay):
    manifests = rendered(overlay)
    policies = manifests.of("NetworkPolicy")
    home = policies[0]["metadata"]["namespace"]
    pods = {}
    for workload in manifests.workloads():
        labels = pod_of(workload)["metadata"]["labels"]
        pods[labels["app"].removeprefix("notevault-")] = End(labels, home)
    ends = pods | OUTSIDE
    made = {
        (source, target, port)
        for source in ends
        for target in ends
        for port in PORTS
        if source != target
        and (source in pods or target in pods)
        and lets(policies, ends[source], ends[target], port, way="Egress", peers="to", home=home)
        and lets(policies, ends[target], ends[source], port, way="Ingress", peers="from", home=home)
    }
    return made, pods


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestNetworkPolicies:
    def test_let_through_what_is_needed_and_nothing_else(self, overlay):
        made, pods = connections(overlay)

        assert made == needed(pods)

    def test_every_pod_is_shut_both_ways_by_default(self, overlay):
        policy = rendered(overlay).one("NetworkPolicy", "notevault-default-deny")["spec"]

        assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
