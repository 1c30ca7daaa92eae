"""Who looks while other things run says so when nothing was seen."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection

from deploy.load import web
from deploy.load.sampling import Group, Sampler
from deploy.rollout import migrating
from deploy.watching import Watch
from notevault.demo.processes import DemoFailed
from ops.tests.own_database import direct_url


class TestAWatch:
    def test_looks_again_and_again_and_once_in_the_end(self):
        seen = []
        with Watch(lambda: seen.append(1), name="watch", every_s=0.01) as watch:
            time.sleep(0.2)

        assert watch.looks == len(seen) >= 2

    def test_looks_once_at_what_is_over_at_once(self):
        with Watch(lambda: None, name="watch", every_s=60) as watch:
            pass

        assert watch.looks == 1

    def test_that_failed_is_told_in_the_end(self):
        with (
            pytest.raises(DemoFailed, match="The watch ended after 0 looks: ZeroDivisionError"),
            Watch(lambda: 1 // 0, name="watch", every_s=0.01),
        ):
            time.sleep(0.1)

    def test_that_failed_hides_no_other_failure(self):
        with pytest.raises(KeyError), Watch(lambda: 1 // 0, name="watch", every_s=0.01):
            raise KeyError

    def test_that_hardly_looked_is_told(self):
        with (
            pytest.raises(DemoFailed, match=r"looked \d times"),
            Watch(lambda: time.sleep(0.3), name="watch", every_s=0.01),
        ):
            time.sleep(0.02)


@pytest.fixture
def lost_database(transactional_db):
    """A URL of the test's database, and the end of every other session on it."""

    def hang_up():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'lost'"
            )

    separator = "&" if "?" in direct_url() else "?"
    return SimpleNamespace(url=f"{direct_url()}{separator}application_name=lost", hang_up=hang_up)


class TestTheSampler:
    def test_sees_memory_and_connections(self, transactional_db):
        groups = {"web": Group(os.getpid())}

        with Sampler(direct_url(), groups) as sampler:
            pass

        assert groups["web"].peak_mb > 1
        assert sampler.connections >= 1

    def test_that_lost_its_database_fails_the_run(self, lost_database):
        with pytest.raises(DemoFailed, match="sampler"), Sampler(lost_database.url, {}):
            lost_database.hang_up()


class TestTheLocks:
    def test_that_nobody_could_look_at_fail_the_play(self, lost_database):
        release = SimpleNamespace(manage=lambda *_, **__: lost_database.hang_up())

        with pytest.raises(DemoFailed, match="watch of the locks"):
            migrating.migrate(release, environment={}, database_url=lost_database.url)


class TestTheWebOfALocalRun:
    def test_is_told_of_memory_what_a_pod_is(self):
        text = (settings.BASE_DIR / "deploy/k8s/base/config.env").read_text()
        of_a_pod = {line for line in text.splitlines() if line.startswith("MALLOC_")}

        given = {f"{name}={value}" for name, value in web.environment().items()}

        assert len(of_a_pod) == 3
        assert of_a_pod < given
        assert {"WEB_WORKERS=2", "WEB_THREADS=8"} <= given

    def test_says_that_a_pod_is_another(self):
        assert web.in_words() == (
            "2 processes of 8 threads, directly at the database; a pod has 1 process of 16 "
            "threads, behind PgBouncer"
        )
