"""The figures of all web processes together, as a scraper gets them over HTTP."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.metrics.tests.running import TOKEN, serving
from ops.tests.own_database import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

ROUTE = "api/v1/categories"
ANSWERED = f'notevault_http_requests_total{{method="GET",route="{ROUTE}",status="200"}}'
TIMED = f'notevault_http_request_seconds_count{{method="GET",route="{ROUTE}"}}'
IN_FLIGHT = "notevault_http_requests_in_flight"
LIMIT = 'notevault_db_pool_connections{state="limit"}'


@pytest.fixture
def web(tmp_path):
    with serving(tmp_path) as running:
        yield running


def visit(web, times):
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: web.ask(f"/{ROUTE}")[0], range(times)))
    assert statuses == [200] * times


class TestRequestsOfTwoProcesses:
    def test_are_added_up_whichever_is_asked(self, web):
        visit(web, 40)

        assert {web.sample(ANSWERED) for _ in range(6)} == {40}
        assert web.sample(TIMED) == 40
        assert web.sample('django_db_execute_total{alias="default",vendor="postgresql"}') >= 40

    def test_outlive_a_process_that_is_killed(self, web):
        visit(web, 20)

        web.kill_worker()
        visit(web, 20)

        assert web.sample(ANSWERED) == 40

    def test_leave_no_more_files_however_many_processes_die(self, web):
        visit(web, 10)
        before = web.files()

        for _ in range(4):
            web.kill_worker()
        visit(web, 10)

        wait_for(lambda: web.files() == before)
        assert web.sample(ANSWERED) == 20

    def test_of_an_earlier_start_are_forgotten(self, tmp_path):
        with serving(tmp_path) as web:
            visit(web, 3)
            (web.folder / "counter_77.db").write_bytes(b"left over")

        with serving(tmp_path, port=web.port) as again:
            assert again.sample(ANSWERED) == 0
            assert "counter_77.db" not in again.files()


class TestWhatADeadProcessHadUnderWay:
    def test_is_no_more(self, web):
        clients = [web.begin() for _ in range(3)]  # a thread at least is left in each process
        wait_for(lambda: web.sample(IN_FLIGHT) == 3)

        web.kill_worker()
        web.kill_worker()

        assert web.sample(IN_FLIGHT) == 0
        for client in clients:
            client.close()

    def test_and_its_connections_are_not_counted_beside_its_successor_s(self, web):
        wait_for(lambda: web.ask(f"/{ROUTE}")[0] == 200 and web.sample(LIMIT) == 8)

        web.kill_worker()

        wait_for(lambda: web.ask(f"/{ROUTE}")[0] == 200 and web.sample(LIMIT) == 8)


class TestTheText:
    def test_has_nothing_that_promtool_complains_of(self, web):
        promtool = shutil.which("promtool")
        if promtool is None:
            pytest.skip("promtool is not installed here; CI has it")
        visit(web, 5)

        checked = subprocess.run(
            [promtool, "check", "metrics"],
            input=web.metrics(),
            capture_output=True,
            text=True,
            check=False,
        )

        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


class TestWithoutADatabase:
    def test_the_processes_figures_are_there_all_the_same(self, tmp_path):
        nowhere = "postgresql://nobody@127.0.0.1:1/nothing?pool_timeout=1"
        with serving(tmp_path, DATABASE_URL=nowhere) as web:
            web.ask("/nowhere")

            text = web.metrics()

        assert "\nnotevault_database_up 0.0\n" in text
        assert 'notevault_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in (
            text
        )
        assert "notevault_jobs{" not in text


class TestAccess:
    def test_is_for_the_token_alone_whatever_is_sent_instead(self, web):
        for given in (
            "",
            "Bearer",
            "Bearer wrong",
            f"Basic {TOKEN}",
            TOKEN,
            "Bearer " + "x" * 5000,
            "Bearer \xff",
        ):
            for path in ("/metrics", "/metrics/json"):
                assert web.ask(path, Authorization=given)[0] == 404

    def test_needs_no_name_of_ours(self, web):
        headers = {"Host": "10.1.2.3:5001", "Authorization": f"Bearer {TOKEN}"}

        assert web.ask("/metrics", **headers)[0] == 200
        assert web.ask("/metrics/json", **headers)[0] == 200

    def test_only_reads(self, web):
        assert web.ask("/metrics", "POST", Authorization=f"Bearer {TOKEN}")[0] == 405
