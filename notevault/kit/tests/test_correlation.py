"""One id for all that a request causes."""

from __future__ import annotations

import re

import pytest
import structlog
from django.db import transaction

from notevault.kit.correlation import current_request_id, new_request_id
from notevault.kit.tests.log_output import log_output

HEADERS = ("X-Request-ID", "X-Correlation-ID")
MADE_BY_US = r"req_[0-9a-f]{32}"


def ids_of(response):
    return [response[header] for header in HEADERS]


@pytest.fixture(autouse=True)
def _outside_of_a_request():
    structlog.contextvars.clear_contextvars()


class TestAcceptedId:
    @pytest.mark.parametrize("header", HEADERS)
    @pytest.mark.parametrize("given", ["abcd1234", "A-b_9" * 4, "0198f0c2-a6b0-7d3c", "z" * 128])
    def test_is_echoed_in_both_headers(self, client, header, given):
        response = client.get("/api/errors/", headers={header: given})

        assert ids_of(response) == [given, given]

    @pytest.mark.parametrize(
        "given",
        [
            "",
            "short-7",
            "z" * 129,
            "z" * 200,
            "has space-inside",
            "semi;colon;",
            "caller-id\r\nX-Evil: 1",
            "caller-id\n",
            "caller-id\x00",
            "caller-ïd-ünïcode",
            "caller-id-٣٤٥",
            "<script>alert</script>",
        ],
    )
    def test_is_replaced_when_it_is_not_sane(self, client, given):
        response = client.get("/api/errors/", headers=dict.fromkeys(HEADERS, given))

        first, second = ids_of(response)
        assert first == second != given
        assert re.fullmatch(MADE_BY_US, first)

    def test_is_the_other_header_s_when_one_is_not_sane(self, client):
        headers = {"X-Request-ID": "bad id", "X-Correlation-ID": "good-one-1"}

        assert ids_of(client.get("/api/errors/", headers=headers)) == ["good-one-1", "good-one-1"]

    def test_is_a_new_one_for_each_request_without_any(self, client):
        made = {client.get("/api/errors/")["X-Request-ID"] for _ in range(3)}

        assert len(made) == 3

    def test_is_on_every_answer_also_of_an_unknown_page(self, client, db):
        for path in ("/nothing", "/admin/", "/api/schema/", "/api/v1/me"):
            response = client.get(path, headers={"X-Request-ID": "caller-id"})
            assert ids_of(response) == ["caller-id", "caller-id"]


class TestCurrentId:
    def test_is_empty_outside_of_a_request(self):
        assert current_request_id() == ""

    def test_is_never_that_of_the_request_before(self, client):
        client.get("/api/errors/", headers={"X-Request-ID": "first-one"})

        with log_output() as output:
            client.get("/api/errors/", headers={"X-Request-ID": "second-one"})

        assert [line["request_id"] for line in output.lines] == ["second-one"]

    def test_is_made_from_a_uuid(self):
        assert len({new_request_id() for _ in range(100)}) == 100


class TestLogLine:
    def test_is_one_a_request_with_its_id_and_route(self, client, db):
        with log_output() as output:
            client.get(
                "/api/v1/notes/0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f?cursor=canary",
                headers={"X-Request-ID": "caller-id"},
            )

        (line,) = output.events("request")
        assert line.pop("ms") >= 0
        assert line.pop("time")
        assert line == {
            "event": "request",
            "level": "info",
            "logger": "notevault.request",
            "request_id": "caller-id",
            "method": "GET",
            "route": "api/v1/notes/<uuid:note_id>",
            "status": 404,
            "user_id": None,
        }

    def test_has_no_route_for_an_unknown_page(self, client):
        with log_output() as output:
            client.get("/nothing/token-canary")

        assert [(line["route"], line["status"]) for line in output.events("request")] == [("", 404)]
        assert "canary" not in output.text

    def test_names_the_caller_once_known(self, client_of, buyer, stranger):
        with log_output() as output:
            client_of(buyer).get("/api/v1/me")
            client_of(None).get("/api/v1/me")

        signed_in, nobody = output.events("request")
        assert signed_in["user_id"] == str(buyer.pk)
        assert nobody["user_id"] is None

    def test_of_every_other_logger_carries_the_id(self, client, monkeypatch):
        def slow(*_):
            structlog.get_logger("notevault.other").warning("said within")
            raise RuntimeError

        monkeypatch.setattr("notevault.kit.views.render", slow)
        client.raise_request_exception = False

        with log_output() as output:
            client.get("/api/errors/", headers={"X-Request-ID": "caller-id"})

        assert [line["event"] for line in output.lines] == [
            "said within",
            "Internal Server Error: api/errors/",
            "request",
        ]
        assert {line["request_id"] for line in output.lines} == {"caller-id"}


class TestJobs:
    def test_carry_the_id_of_the_request_that_deferred_them(self, client_of, seller, run_jobs):
        with log_output():
            response = client_of(seller).generic(
                "POST",
                "/api/v1/webhooks/razorpay",
                b"{}",
                headers={"X-Request-ID": "caller-id", "X-Razorpay-Signature": "wrong"},
            )

        assert response.status_code == 400
        assert _job_arguments("alerts.tasks.deliver_alert") == [("caller-id",)]

    def test_write_it_in_their_own_log_lines(self, client, db, run_jobs):
        client.post("/api/v1/webhooks/razorpay", headers={"X-Request-ID": "caller-id"})

        with log_output() as output:
            run_jobs()

        assert {line["request_id"] for line in output.lines} == {"caller-id"}
        done = [line["task"] for line in output.events("job.done")]
        assert done == ["alerts.tasks.deliver_alert", "alerts.tasks.send_delivery"]


def _job_arguments(task):
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(
            "SELECT args->>'request_id' FROM procrastinate_jobs WHERE task_name = %s", [task]
        )
        return cursor.fetchall()
