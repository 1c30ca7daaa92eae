"""The overlays as they would be applied: who selects whom, and what no manifest may lack."""

from __future__ import annotations

import re

import pytest
import yaml
from k8s_manifests import K8S, OVERLAYS, ROOT, container_of, name_of, pod_of, rendered

pytestmark = pytest.mark.k8s

ENTRYPOINT = (ROOT / "deploy/image/entrypoint.sh").read_text()
ROLES = set(re.findall(r"^([a-z-]+)\)", ENTRYPOINT, re.MULTILINE)) - {"manage"}
NAMES = {
    "Deployment": {"notevault-api", "notevault-worker", "notevault-pgbouncer"},
    "Service": {"notevault-api-service", "notevault-pgbouncer"},
    "HorizontalPodAutoscaler": {"notevault-api-hpa", "notevault-worker-hpa"},
    "Job": {"notevault-migrate"},
    "CronJob": {
        "notevault-backup",
        "notevault-backup-verify",
        "notevault-reconcile",
        "notevault-verify-ledger",
    },
}
UPLOAD_MIB = 21


def minutes(schedule):
    minute, hour, *rest = schedule.split()
    assert rest == ["*", "*", "*"]
    return int(hour) * 60 + int(minute)


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestPriorities:
    def test_say_nothing_that_the_server_drops(self, overlay):
        """`globalDefault: false` is not stored, so each apply would set it again."""
        for priority in rendered(overlay).of("PriorityClass"):
            assert "globalDefault" not in priority


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestEveryWorkload:
    def test_is_restricted(self, overlay):
        for workload in rendered(overlay).workloads():
            pod, container = pod_of(workload)["spec"], container_of(workload)

            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["runAsUser"] == 10001
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert pod["automountServiceAccountToken"] is False

    def test_has_an_account_a_priority_and_bounds(self, overlay):
        accounts = {name_of(each) for each in rendered(overlay).of("ServiceAccount")}
        priorities = {name_of(each) for each in rendered(overlay).of("PriorityClass")}
        for workload in rendered(overlay).workloads():
            pod, resources = pod_of(workload)["spec"], container_of(workload)["resources"]

            assert pod["serviceAccountName"] in accounts
            assert pod["priorityClassName"] in priorities
            for kind in ("requests", "limits"):
                assert resources[kind].keys() == {"cpu", "memory", "ephemeral-storage"}

    def test_has_a_tmp_that_is_bounded_within_its_storage(self, overlay):
        for workload in rendered(overlay).workloads():
            [tmp] = [v for v in pod_of(workload)["spec"]["volumes"] if v["name"] == "tmp"]
            limit = container_of(workload)["resources"]["limits"]["ephemeral-storage"]

            assert mib(tmp["emptyDir"]["sizeLimit"]) < mib(limit), name_of(workload)

    def test_names_its_image_by_digest(self, overlay):
        for workload in rendered(overlay).workloads():
            image = container_of(workload)["image"]

            assert re.fullmatch(
                r"registry\.example\.com/notevault/[a-z-]+@sha256:[0-9a-f]{64}", image
            )

    def test_runs_a_role_of_the_image(self, overlay):
        for workload in rendered(overlay).workloads():
            if name_of(workload) != "notevault-pgbouncer":
                [role] = container_of(workload)["args"]

                assert role in ROLES


def mib(text):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()
    return int(number) * (1024 if unit == "Gi" else 1)


class TestNames:
    def test_are_those_of_the_guide(self):
        for kind, names in NAMES.items():
            assert {name_of(each) for each in rendered("production").of(kind)} == names

    def test_roles_are_commands(self):
        commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")}

        assert {"web", "worker", "migrate", "backup"} <= ROLES
        assert {role.replace("-", "_") for role in ROLES - {"web", "migrate"}} <= commands


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestSelectors:
    def test_find_the_pods_they_are_for(self, overlay):
        manifests = rendered(overlay)
        labels = {name_of(w): pod_of(w)["metadata"]["labels"] for w in manifests.of("Deployment")}
        for service, target in (
            ("notevault-api-service", "notevault-api"),
            ("notevault-pgbouncer", "notevault-pgbouncer"),
        ):
            selector = manifests.one("Service", service)["spec"]["selector"]

            assert [n for n, own in labels.items() if selector.items() <= own.items()] == [target]
        for kind in ("PodDisruptionBudget", "Deployment"):
            for each in manifests.of(kind):
                selector = each["spec"]["selector"]["matchLabels"]

                assert [n for n, own in labels.items() if selector.items() <= own.items()] == [
                    name_of(each)
                ]

    def test_a_budget_always_lets_one_go(self, overlay):
        for budget in rendered(overlay).of("PodDisruptionBudget"):
            assert budget["spec"]["maxUnavailable"] == 1


class TestAutoscaling:
    @pytest.mark.parametrize("overlay", ["production", "staging"])
    def test_alone_owns_the_number_of_pods(self, overlay):
        for hpa in rendered(overlay).of("HorizontalPodAutoscaler"):
            target = rendered(overlay).one("Deployment", hpa["spec"]["scaleTargetRef"]["name"])

            assert "replicas" not in target["spec"]

    def test_of_the_web_is_the_guides(self):
        spec = rendered("production").one("HorizontalPodAutoscaler", "notevault-api-hpa")["spec"]
        targets = {
            m["resource"]["name"]: m["resource"]["target"]["averageUtilization"]
            for m in spec["metrics"]
        }

        assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
        assert targets == {"cpu": 70, "memory": 80}
        assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300

    def test_of_the_worker_asks_for_a_metric_that_is_made(self):
        spec = rendered("production").one("HorizontalPodAutoscaler", "notevault-worker-hpa")["spec"]
        [rule] = yaml.safe_load((K8S / "adapter/prometheus-adapter.yaml").read_text())["rules"][
            "external"
        ]

        assert spec["metrics"][0]["external"]["metric"]["name"] == rule["name"]["as"]

    def test_and_that_is_made_of_one_which_the_rules_ask_for_too(self):
        [rule] = yaml.safe_load((K8S / "adapter/prometheus-adapter.yaml").read_text())["rules"][
            "external"
        ]

        # `make monitoring` has a real Prometheus scrape it from a real web process.
        series = rule["seriesQuery"].partition("{")[0]
        assert (
            f"max by (namespace, queue) ({series})"
            in (ROOT / "deploy/prometheus/rules.yml").read_text()
        )


class TestPeriodicJobs:
    def test_never_overlap_themselves_and_are_bounded(self):
        for job in rendered("production").of("CronJob"):
            spec = job["spec"]

            assert spec["concurrencyPolicy"] == "Forbid"
            assert spec["timeZone"] == "Etc/UTC"
            assert spec["startingDeadlineSeconds"] > 0
            assert spec["successfulJobsHistoryLimit"] > 0
            assert spec["failedJobsHistoryLimit"] > 0
            assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 24 * 3600

    def test_are_when_the_guide_says(self):
        schedules = {
            name_of(j): j["spec"]["schedule"] for j in rendered("production").of("CronJob")
        }

        assert schedules["notevault-backup"] == "30 2 * * *"
        assert schedules["notevault-backup-verify"] == "30 4 * * *"

    def test_a_backup_has_ended_before_it_is_verified(self):
        backup = rendered("production").one("CronJob", "notevault-backup")["spec"]
        verify = rendered("production").one("CronJob", "notevault-backup-verify")["spec"]
        latest = (
            minutes(backup["schedule"]) * 60
            + backup["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        )

        assert latest < minutes(verify["schedule"]) * 60

    def test_do_not_meet_what_the_worker_does_by_itself(self):
        # payments/tasks.py: reconcile_lately at 21:40, prove_promises at :41.
        reconcile = rendered("production").one("CronJob", "notevault-reconcile")["spec"]
        prove = rendered("production").one("CronJob", "notevault-verify-ledger")["spec"]

        assert abs(minutes(reconcile["schedule"]) - (21 * 60 + 40)) >= 6 * 60
        assert minutes(prove["schedule"]) % 60 not in range(36, 60)


class TestIngress:
    def test_lets_an_upload_and_a_long_poll_through(self):
        notes = rendered("production").one("Ingress", "notevault-api-ingress-public")["metadata"]
        size = notes["annotations"]["nginx.org/client-max-body-size"]
        read = notes["annotations"]["nginx.org/proxy-read-timeout"]

        assert int(size.removesuffix("m")) > UPLOAD_MIB
        assert int(read.removesuffix("s")) > 30

    def test_webhooks_are_not_limited_by_rate(self):
        hook = rendered("production").one("Ingress", "notevault-api-ingress-webhooks")
        [path] = hook["spec"]["rules"][0]["http"]["paths"]

        assert (path["path"], path["pathType"]) == ("/api/v1/webhooks/razorpay", "Exact")
        assert not [key for key in hook["metadata"]["annotations"] if "limit-req" in key]

    def test_metrics_have_no_way_in_and_the_admin_is_for_few(self):
        paths = {
            path["path"]: ingress
            for ingress in rendered("production").of("Ingress")
            for path in ingress["spec"]["rules"][0].get("http", {}).get("paths", [])
        }
        assert not [path for path in paths if "/metrics".startswith(path.rstrip("/"))]
        policy = paths["/admin/"]["metadata"]["annotations"]["nginx.org/policies"]
        assert rendered("production").one("Policy", policy)["spec"]["accessControl"]["allow"]

    @pytest.mark.parametrize("overlay", ["production", "staging"])
    def test_is_one_host_with_tls_that_the_service_knows(self, overlay):
        host = rendered(overlay).config()["PUBLIC_API_URL"].removeprefix("https://")
        hosts = {i["spec"]["rules"][0]["host"] for i in rendered(overlay).of("Ingress")}
        master = rendered(overlay).one("Ingress", "notevault-api-ingress")

        assert hosts == {host}
        assert master["spec"]["tls"][0]["hosts"] == [host]


class TestMonitoring:
    def test_rules_are_those_that_are_tested(self):
        rule = rendered("production").one("PrometheusRule", "notevault")
        original = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())

        assert rule["spec"] == original

    def test_jobs_have_the_names_that_rules_ask_for(self):
        [service] = rendered("production").of("ServiceMonitor")
        [pods] = rendered("production").of("PodMonitor")
        api = rendered("production").one("Service", "notevault-api-service")
        worker = rendered("production").one("Deployment", "notevault-worker")
        label = service["spec"]["jobLabel"]

        assert api["metadata"]["labels"][label] == "notevault-api"
        assert (
            service["spec"]["selector"]["matchLabels"].items() <= api["metadata"]["labels"].items()
        )
        assert pod_of(worker)["metadata"]["labels"][pods["spec"]["jobLabel"]] == "notevault-worker"
