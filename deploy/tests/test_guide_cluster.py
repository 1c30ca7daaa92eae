"""The API server that holds the overlay: what it answers, and what it refuses."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.guide.check.cluster import controllers, wire
from deploy.guide.check.cluster.pod import Image
from deploy.guide.check.cluster.server import Cluster
from deploy.guide.check.cluster.store import Store, merged, patched

POD = {
    "metadata": {"labels": {"app": "notevault-api"}},
    "spec": {
        "containers": [
            {
                "name": "api",
                "image": "r/x@sha256:1",
                "env": [
                    {
                        "name": "JWT_SECRET",
                        "valueFrom": {"secretKeyRef": {"name": "secrets", "key": "jwt-secret"}},
                    },
                    {
                        "name": "MAIL",
                        "valueFrom": {
                            "secretKeyRef": {"name": "secrets", "key": "mail", "optional": True}
                        },
                    },
                ],
            }
        ]
    },
}
JOB_POD = {"spec": {"containers": [{"name": "job", "image": "x", "args": ["nothing"]}]}}
OVERLAY: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "notevault-api", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "notevault-api"}}, "template": POD},
    },
    {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "proof", "namespace": "shop"},
        "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": JOB_POD}}},
    },
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "hpa", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "notevault-api"},
            "minReplicas": 3,
            "maxReplicas": 10,
            "metrics": [],
        },
    },
    {
        "apiVersion": "example.com/v1",
        "kind": "Policy",
        "metadata": {"name": "p", "namespace": "shop"},
    },
]
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/notevault-api"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    store = Store(controllers.everything(OVERLAY, namespace="shop"))
    with Cluster(store, Image(root=Path.cwd(), environment={})) as running:
        yield running


def ask(cluster: Cluster, path: str, *, method: str = "GET", body: Any = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{cluster.url}{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def refusal(cluster: Cluster, path: str, **how: Any) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(cluster, path, **how)
    with caught.value as answer:
        return answer.code, json.load(answer)["message"]


class TestWhatThereIs:
    def test_is_what_controllers_make_of_the_overlay(self, cluster: Cluster) -> None:
        pods = ask(cluster, "/api/v1/namespaces/shop/pods?labelSelector=app%3Dnotevault-api")

        assert len(pods["items"]) == 3
        assert ask(cluster, DEPLOYMENT)["status"]["readyReplicas"] == 3

    def test_is_found_by_its_own_kind_alone(self, cluster: Cluster) -> None:
        names = {row["name"] for row in ask(cluster, "/apis/example.com/v1")["resources"]}

        assert names == {"policies"}

    @pytest.mark.parametrize(
        "path",
        [
            "/apis/apps/v1/namespaces/shop/deployments/notevault-apo",
            "/apis/apps/v1/namespaces/elsewhere/deployments/notevault-api",
            "/api/v1/namespaces/shop/pods?labelSelector=app%3Dnotevault-apo",
            "/api/v1/namespaces/shop/podz",
        ],
    )
    def test_is_nothing_else(self, path: str, cluster: Cluster) -> None:
        assert refusal(cluster, path)[0] == 404


class TestChanges:
    def test_of_a_deployment_are_merged_by_name(self, cluster: Cluster) -> None:
        container = {"name": "api", "image": "r/x@sha256:2"}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}

        spec = ask(cluster, DEPLOYMENT, method="PATCH", body=body)["spec"]["template"]["spec"]

        assert spec["containers"][0]["image"] == "r/x@sha256:2"
        assert spec["containers"][0]["env"]

    def test_that_are_tried_leave_everything_as_it_was(self, cluster: Cluster) -> None:
        body = {"spec": {"paused": True}}

        tried = ask(cluster, f"{DEPLOYMENT}?dryRun=All", method="PATCH", body=body)

        assert tried["spec"]["paused"]
        assert "paused" not in ask(cluster, DEPLOYMENT)["spec"]

    def test_of_a_secret_keep_each_key_that_pods_need(self, cluster: Cluster) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secrets"}}
        path = "/api/v1/namespaces/shop/secrets"

        code, message = refusal(
            cluster, path, method="POST", body={**secret, "data": {"mail": "x"}}
        )
        ask(cluster, path, method="POST", body={**secret, "data": {"jwt-secret": "eA=="}})

        assert (code, message) == (422, "secrets lacks jwt-secret")

    def test_of_what_a_job_runs_are_refused(self, cluster: Cluster) -> None:
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "one"}}
        path = "/apis/batch/v1/namespaces/shop/jobs"
        ask(cluster, path, method="POST", body={**job, "spec": {"template": JOB_POD}})

        other = {"spec": {"template": {"spec": {"containers": [{"name": "job", "args": ["x"]}]}}}}

        assert "immutable" in refusal(cluster, f"{path}/one", method="PATCH", body=other)[1]

    def test_to_zero_scale_the_deployment(self, cluster: Cluster) -> None:
        ask(cluster, f"{DEPLOYMENT}/scale", method="PATCH", body={"spec": {"replicas": 0}})

        assert ask(cluster, DEPLOYMENT)["status"]["readyReplicas"] == 0


class TestAJob:
    def test_that_cannot_work_has_failed(self, cluster: Cluster) -> None:
        spec = {"template": {"spec": {"containers": [{"name": "job", "args": ["verify-legder"]}]}}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "one"}, "spec": spec}

        made = ask(cluster, "/apis/batch/v1/namespaces/shop/jobs", method="POST", body=job)

        assert made["status"]["conditions"][0]["type"] == "Failed"


class TestPods:
    def test_run_python_and_nothing_else(self) -> None:
        image = Image(root=Path.cwd(), environment={})

        assert image.execute(["python", "-c", "print(6 * 7)"]).output == "42\n"
        assert image.execute(["bash", "-c", "ls"]).code == 127

    def test_know_their_containers(self, cluster: Cluster) -> None:
        pods = ask(cluster, "/api/v1/namespaces/shop/pods?labelSelector=app%3Dnotevault-api")
        log = f"/api/v1/namespaces/shop/pods/{pods['items'][0]['metadata']['name']}/log"

        assert refusal(cluster, f"{log}?container=apo")[0] == 400


class TestPatches:
    def test_remove_and_replace(self) -> None:
        assert merged({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}}) == {
            "b": {"c": 2, "d": 3}
        }

    def test_as_steps_leave_the_old_one_alone(self) -> None:
        old = {"spec": {"template": 1, "paused": True}}

        new = patched(
            old,
            [
                {"op": "replace", "path": "/spec/template", "value": 2},
                {"op": "remove", "path": "/spec/paused"},
            ],
        )

        assert new == {"spec": {"template": 2}}
        assert old["spec"]["paused"]


class TestProtobuf:
    def test_of_a_secret_is_read(self) -> None:
        def field(number: int, body: bytes) -> bytes:
            return bytes([number << 3 | 2, len(body)]) + body

        secret = field(1, field(1, b"secrets")) + field(2, field(1, b"key") + field(2, b"value"))
        kind = field(1, b"v1") + field(2, b"Secret")

        read = wire.read(wire.MAGIC + field(1, kind) + field(2, secret))

        assert read["metadata"]["name"] == "secrets"
        assert read["data"] == {"key": "dmFsdWU="}

    def test_of_what_nobody_sends_is_refused(self) -> None:
        kind = b"\x0a\x02v1\x12\x07Binding"

        with pytest.raises(LookupError, match="Binding"):
            wire.read(wire.MAGIC + b"\x0a" + bytes([len(kind)]) + kind + b"\x12\x00")
