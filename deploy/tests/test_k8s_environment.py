"""Every variable that a container gets is one of ours, and it gets each that it needs."""

from __future__ import annotations

import pytest
import secret_values
import yaml
from create_secrets import wanted
from k8s_manifests import K8S, OVERLAYS, ROOT, container_of, name_of, pod_of, rendered

from notevault.settings.required import REQUIRED

pytestmark = pytest.mark.k8s

# Of Django and of the C library; no setting of ours.
NOT_OURS = {
    "DJANGO_SETTINGS_MODULE",
    "DJANGO_READ_DOT_ENV",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
}
# Made up, and complete.
GIVEN = {name: f"{name}-value" for name in secret_values.IN_SECRET} | {
    "DATABASE_URL": "postgresql://notevault:secret@db.internal:5432/notevault",
    "AWS_ACCESS_KEY_ID": "id",
}


def known():
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {line.partition("=")[0] for line in lines if "=" in line and not line.startswith("#")}


def service_workloads(overlay):
    return [w for w in rendered(overlay).workloads() if name_of(w) != "notevault-pgbouncer"]


def secret_references(overlay):
    """Secret, key and whether it may be missing, for every container."""
    for workload in service_workloads(overlay):
        for each in container_of(workload)["env"]:
            reference = each["valueFrom"]["secretKeyRef"]
            yield (
                each["name"],
                reference["name"],
                reference["key"],
                reference.get("optional", False),
            )


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestVariables:
    def test_each_is_known(self, overlay):
        given = {name for name, *_ in secret_references(overlay)} | rendered(
            overlay
        ).config().keys()

        assert given - NOT_OURS <= known()

    def test_each_process_has_what_production_demands(self, overlay):
        config = rendered(overlay).config()
        for workload in service_workloads(overlay):
            demanded = {
                each["name"]
                for each in container_of(workload)["env"]
                if not each["valueFrom"]["secretKeyRef"].get("optional")
            }

            assert set(REQUIRED) <= demanded | config.keys(), name_of(workload)

    def test_no_secret_is_in_a_config_map(self, overlay):
        assert not set(secret_values.IN_SECRET) & rendered(overlay).config().keys()

    def test_every_container_reads_the_config_map(self, overlay):
        for workload in service_workloads(overlay):
            [reference] = [
                each["configMapRef"]["name"]
                for each in container_of(workload)["envFrom"]
                if "configMapRef" in each
            ]

            assert reference.startswith("notevault-config-"), "it has a hash: a change rolls out"

    def test_secrets_are_in_no_manifest(self, overlay):
        assert rendered(overlay).of("Secret") == []


class TestKeysOfSecrets:
    def test_the_script_makes_what_the_containers_read(self):
        made = wanted(GIVEN, scram="")["notevault-secrets"].keys()

        assert {key for *_, key, _ in secret_references("production")} == made

    def test_of_one_variable_by_its_name(self):
        for name, secret, key, _ in secret_references("production"):
            expected = {name.lower().replace("_", "-")}
            if name == "DATABASE_URL":
                expected = {"database-url", "database-direct-url"}

            assert secret == "notevault-secrets"
            assert key in expected

    def test_the_script_makes_what_pgbouncer_mounts(self):
        workload = rendered("production").one("Deployment", "notevault-pgbouncer")
        mounted = [
            v["secret"]["secretName"] for v in pod_of(workload)["spec"]["volumes"] if "secret" in v
        ]

        assert mounted == ["notevault-pgbouncer"]
        assert wanted(GIVEN, scram="")["notevault-pgbouncer"].keys() == {
            "databases.ini",
            "users.txt",
        }

    def test_an_external_secret_holds_the_same(self):
        text = (K8S / "external-secrets" / "notevault-secrets.yaml").read_text()
        external = {
            name_of(each): {entry["secretKey"] for entry in each["spec"]["data"]}
            for each in yaml.safe_load_all(text)
        }
        made = wanted(GIVEN, scram="")

        assert external == {name: set(made[name]) for name in external}
        assert external.keys() == {"notevault-secrets", "notevault-pgbouncer"}

    def test_only_backups_see_their_bucket(self):
        readers = {
            name_of(workload)
            for workload in rendered("production").workloads()
            for each in container_of(workload).get("envFrom", [])
            if each.get("secretRef", {}).get("name") == "notevault-backup"
        }

        assert readers == {"notevault-backup", "notevault-backup-verify"}

    def test_prometheus_shows_a_key_that_is_there(self):
        monitors = rendered("production").of("ServiceMonitor", "PodMonitor")
        shown = {
            tuple(endpoint["authorization"]["credentials"].values())
            for monitor in monitors
            for endpoint in monitor["spec"].get("endpoints", [])
            + monitor["spec"].get("podMetricsEndpoints", [])
        }

        assert shown == {("notevault-secrets", "metrics-token")} or shown == {
            ("metrics-token", "notevault-secrets")
        }
