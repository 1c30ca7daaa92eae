"""Who may hold how many sessions of PostgreSQL, added up from the manifests."""

from __future__ import annotations

import pytest
from k8s_manifests import container_of, ini, name_of, rendered

from ops.doctor.connections import QUEUE_CONNECTIONS
from ops.worker import GIVE_BACK_S

pytestmark = pytest.mark.k8s

AT_SERVER, FOR_SUPERUSERS, BELOW, PEOPLE = 100, 3, 80, 2
# Backup: its own, the snapshot's and pg_dump's. Its verification: its own, the lock's, pg_restore's
# and the proof's. The others work in one thread.
JOBS = {
    "notevault-backup": 3,
    "notevault-backup-verify": 4,
    "notevault-reconcile": 1,
    "notevault-verify-ledger": 1,
    "notevault-migrate": 1,
}


def most(manifests, name):
    """Pods of a Deployment when nothing is rolled out."""
    for hpa in manifests.of("HorizontalPodAutoscaler"):
        if hpa["spec"]["scaleTargetRef"]["name"] == name:
            return hpa["spec"]["maxReplicas"]
    return manifests.one("Deployment", name)["spec"].get("replicas", 1)


def pgbouncer(manifests):
    return ini(manifests.config("notevault-pgbouncer")["pgbouncer.ini"])


def of_a_worker(manifests):
    return int(manifests.config()["WORKER_CONCURRENCY"]) + QUEUE_CONNECTIONS


def others(manifests):
    return sum(JOBS[name_of(job)] for job in manifests.of("Job", "CronJob")) + PEOPLE


@pytest.mark.parametrize("overlay", ["production", "staging", "local"])
class TestSessionsAtTheServer:
    def test_are_below_eighty_also_while_workers_are_replaced(self, overlay):
        manifests = rendered(overlay)
        through = most(manifests, "notevault-pgbouncer") * int(
            pgbouncer(manifests)["max_db_connections"]
        )
        workers = (most(manifests, "notevault-worker") + 1) * of_a_worker(manifests)

        assert through + workers + others(manifests) < BELOW

    def test_fit_while_a_pgbouncer_is_replaced_too(self, overlay):
        manifests = rendered(overlay)
        through = (most(manifests, "notevault-pgbouncer") + 1) * int(
            pgbouncer(manifests)["max_db_connections"]
        )
        workers = (most(manifests, "notevault-worker") + 1) * of_a_worker(manifests)

        assert through + workers + others(manifests) <= AT_SERVER - FOR_SUPERUSERS

    def test_each_job_is_counted(self, overlay):
        assert {name_of(job) for job in rendered(overlay).of("Job", "CronJob")} <= JOBS.keys()

    def test_the_web_opens_none_by_itself(self, overlay):
        [url] = [
            each["valueFrom"]["secretKeyRef"]["key"]
            for each in container_of(rendered(overlay).one("Deployment", "notevault-api"))["env"]
            if each["name"] == "DATABASE_URL"
        ]

        assert url == "database-url"


class TestAtMostOneMoreThanTheMost:
    """A pod that ends still holds its sessions: the next is replaced only once it is gone."""

    @pytest.mark.parametrize("name", ["notevault-worker", "notevault-pgbouncer"])
    def test_no_surge_and_a_pause_longer_than_an_end(self, name):
        spec = rendered("production").one("Deployment", name)["spec"]

        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
        assert spec["minReadySeconds"] > spec["template"]["spec"]["terminationGracePeriodSeconds"]

    def test_of_staging_the_only_worker_stays_until_the_next_works(self):
        spec = rendered("staging").one("Deployment", "notevault-worker")["spec"]

        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        assert spec["minReadySeconds"] > spec["template"]["spec"]["terminationGracePeriodSeconds"]

    def test_a_worker_is_gone_within_its_own_grace(self):
        spec = rendered("production").one("Deployment", "notevault-worker")["spec"]
        ends_s = float(rendered("production").config()["WORKER_GRACE_S"]) + GIVE_BACK_S

        assert ends_s < spec["template"]["spec"]["terminationGracePeriodSeconds"]


class TestClientsOfPgbouncer:
    def test_one_takes_all_of_the_web_in_a_roll_out_at_the_most(self):
        manifests = rendered("production")
        config = manifests.config()
        pods = 2 * most(manifests, "notevault-api") + 1
        of_a_process = int(config["WEB_THREADS"]) + 1
        clients = pods * int(config["WEB_WORKERS"]) * of_a_process

        assert clients <= int(pgbouncer(manifests)["max_client_conn"])

    def test_one_role_cannot_have_more_than_all(self):
        settings = pgbouncer(rendered("production"))

        assert int(settings["default_pool_size"]) <= int(settings["max_db_connections"])
        assert settings["reserve_pool_size"] == "0"
        assert settings["pool_mode"] == "transaction"
