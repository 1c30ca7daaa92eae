"""Whoever is told to stop has the time that it was promised."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from k8s_manifests import OVERLAYS, ROOT, container_of, ini, pod_of, rendered

from notevault.kit.deadline import UPLOAD_S
from notevault.settings.database import BY_PROCESS
from ops.health.readiness import WAIT_S

pytestmark = pytest.mark.k8s


def web(overlay):
    return rendered(overlay).one("Deployment", "notevault-api")


NGINX_KEEPS_S = 60


def of_gunicorn(setting, config):
    """As gunicorn's own configuration reckons it from this environment."""
    code = f"import runpy; print(runpy.run_path('deploy/gunicorn.conf.py')[{setting!r}])"
    given = {k: v for k, v in config.items() if k.startswith(("WEB_", "PORT"))}
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_READ_DOT_ENV": "false", **given},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(said.stdout)


@pytest.mark.parametrize("overlay", OVERLAYS)
class TestTheEndOfAWebPod:
    def test_is_within_its_grace(self, overlay):
        sleep_s = container_of(web(overlay))["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace_s = pod_of(web(overlay))["spec"]["terminationGracePeriodSeconds"]

        assert sleep_s + of_gunicorn("graceful_timeout", rendered(overlay).config()) + 5 <= grace_s

    def test_leaves_an_upload_its_time(self, overlay):
        assert int(rendered(overlay).config()["WEB_FINISH_S"]) >= UPLOAD_S

    def test_connections_outlive_those_of_the_ingress_controller(self, overlay):
        assert of_gunicorn("keepalive", rendered(overlay).config()) > NGINX_KEEPS_S

    def test_no_pod_goes_before_another_is_ready(self, overlay):
        assert web(overlay)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


class TestProbesOfTheWeb:
    def test_ask_what_they_are_for(self):
        container = container_of(web("production"))

        assert container["startupProbe"]["httpGet"]["path"] == "/health/live"
        assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"

    def test_readiness_waits_longer_than_its_answer_takes(self):
        assert container_of(web("production"))["readinessProbe"]["timeoutSeconds"] > WAIT_S + 0.5

    def test_the_port_is_the_one_that_is_served(self):
        for name, variable in (("notevault-api", "PORT"), ("notevault-worker", "WORKER_PORT")):
            container = container_of(rendered("production").one("Deployment", name))
            [port] = container["ports"]

            assert port["containerPort"] == int(rendered("production").config()[variable])
            assert container["livenessProbe"]["httpGet"]["port"] == port["name"]


class TestTheEndOfAPgbouncer:
    def test_waits_for_the_longest_statement_of_the_web(self):
        workload = rendered("production").one("Deployment", "notevault-pgbouncer")
        [_, _, script] = container_of(workload)["lifecycle"]["preStop"]["exec"]["command"]
        before_s, after_s = (int(found) for found in re.findall(r"sleep (\d+)", script))

        assert script.index("kill -INT 1") > script.index("sleep")
        assert after_s > BY_PROCESS["web"].statement_s
        assert before_s + after_s < pod_of(workload)["spec"]["terminationGracePeriodSeconds"]

    def test_its_port_is_the_services(self):
        manifests = rendered("production")
        listened = ini(manifests.config("notevault-pgbouncer")["pgbouncer.ini"])["listen_port"]
        container = container_of(manifests.one("Deployment", "notevault-pgbouncer"))

        assert container["ports"][0]["containerPort"] == int(listened)
        assert manifests.one("Service", "notevault-pgbouncer")["spec"]["ports"][0]["port"] == int(
            listened
        )
