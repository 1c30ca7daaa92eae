"""The sandbox's server and the program around it."""

import subprocess
import sys
from collections.abc import Iterator
from os import environ
from pathlib import Path

import pytest
import razorpay
import requests
from razorpay.errors import BadRequestError

from payments.sandbox.app import Config
from payments.sandbox.server import AddressUnusable, RunningSandbox, running_sandbox
from payments.sandbox.store import StateFileUnusable
from payments.tests.sandbox_access import (
    AUTH,
    ERROR_FIELDS,
    KEYS,
    client_of,
    order_request,
    plain_session,
)

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(**KEYS) as running:
        yield running


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    with plain_session() as session:
        yield session


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[razorpay.Client]:
    with client_of(sandbox) as made:
        yield made


class TestServer:
    def test_answers_health_and_index_without_keys(self, sandbox, http):
        health = http.get(f"{sandbox.url}/health")
        index = http.get(f"{sandbox.url}/")

        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        assert index.status_code == 200
        assert "POST GET /v1/orders" in index.text

    @pytest.mark.parametrize(
        "auth", [None, ("rzp_test_sandbox", "wrong"), ("wrong", "key secret"), ("", "")]
    )
    def test_asks_for_the_keys(self, sandbox, http, auth):
        for method, path in [
            ("GET", "/v1/orders"),
            ("POST", "/v1/orders"),
            ("GET", "/events"),
            ("POST", "/webhook/enable"),
        ]:
            answer = http.request(method, sandbox.url + path, auth=auth)
            assert answer.status_code == 401
            assert answer.json()["error"]["description"] == "Authentication failed"

    @pytest.mark.parametrize("header", ["Basic", "Basic ?", "Bearer abc", "Basic \xff"])
    def test_asks_for_the_keys_when_the_header_is_broken(self, sandbox, http, header):
        answer = http.get(f"{sandbox.url}/v1/orders", headers={"Authorization": header})

        assert answer.status_code == 401

    def test_an_unknown_route_is_404_in_json(self, sandbox, http):
        for method, path in [("GET", "/v2/orders"), ("DELETE", "/v1/orders"), ("POST", "/")]:
            answer = http.request(method, sandbox.url + path, auth=AUTH)
            assert answer.status_code == 404
            assert set(answer.json()["error"]) == ERROR_FIELDS

    def test_an_unknown_id_is_400(self, client):
        calls = [
            lambda: client.order.fetch("order_00000000000000"),
            lambda: client.order.payments("order_00000000000000"),
            lambda: client.payment.fetch("pay_00000000000000"),
            lambda: client.payment.capture("pay_00000000000000", 100, {"currency": "INR"}),
            lambda: client.payment.refund("pay_00000000000000", {"amount": 100}),
            lambda: client.payment.fetch_multiple_refund("pay_00000000000000"),
            lambda: client.refund.fetch("rfnd_00000000000000"),
        ]
        for call in calls:
            with pytest.raises(BadRequestError, match=r"^The id provided does not exist$"):
                call()

    @pytest.mark.parametrize(
        "body",
        [b'{"amount":', b"[1]", b"\xff\xfe", b'{"amount": NaN}', b"[" * 100_000, b"9" * 5000],
    )
    def test_refuses_a_body_that_is_no_json_object(self, sandbox, http, body):
        answer = http.post(f"{sandbox.url}/v1/orders", data=body, auth=AUTH)

        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "BAD_REQUEST_ERROR"

    def test_refuses_more_than_a_mebibyte(self, sandbox, http):
        answer = http.post(f"{sandbox.url}/v1/orders", data=b" " * (1024 * 1024 + 1), auth=AUTH)

        assert answer.status_code == 413
        assert http.get(f"{sandbox.url}/health").status_code == 200

    def test_refuses_a_body_without_a_length(self, sandbox, http):
        answer = http.post(f"{sandbox.url}/v1/orders", data=iter([b"{}"]), auth=AUTH)

        assert answer.status_code == 411

    def test_refuses_a_port_that_is_taken(self, sandbox):
        port = int(sandbox.url.rpartition(":")[2])

        with pytest.raises(AddressUnusable, match=f"^Port {port} is already in use"):
            RunningSandbox(sandbox.app.config, port=port)

    def test_keeps_its_state_over_a_restart(self, tmp_path):
        state = str(tmp_path / "new folder" / "state.sqlite3")
        with running_sandbox(**KEYS, state=state) as sandbox, client_of(sandbox) as client:
            order = client.order.create(order_request(receipt="R-kept"))

        with running_sandbox(**KEYS, state=state) as sandbox, client_of(sandbox) as client:
            assert client.order.fetch(order["id"]) == order

    def test_refuses_a_file_that_is_no_state(self, tmp_path):
        state = tmp_path / "letter.txt"
        state.write_text("Dear Sir or Madam, " * 100)

        with pytest.raises(StateFileUnusable, match=r"letter\.txt cannot be used"):
            RunningSandbox(Config(**KEYS, state=str(state)))

    def test_answers_nobody_once_it_is_stopped(self, http):
        with running_sandbox(**KEYS) as sandbox:
            assert http.get(f"{sandbox.url}/health").status_code == 200

        with pytest.raises(requests.ConnectionError):
            http.get(f"{sandbox.url}/health")


class TestProgram:
    COMMAND = (sys.executable, "-m", "payments.sandbox", "--state", ":memory:", "--webhook-url", "")
    ENVIRONMENT = environ | {
        "RAZORPAY_KEY_ID": KEYS["key_id"],
        "RAZORPAY_KEY_SECRET": KEYS["key_secret"],
        "RAZORPAY_WEBHOOK_SECRET": KEYS["webhook_secret"],
    }

    def test_runs_without_django_until_it_is_terminated(self, http):
        with subprocess.Popen(
            [*self.COMMAND, "--port", "0"],
            cwd=PROJECT,
            env=self.ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            lines = iter(program.stdout.readline, "")
            url = next(line for line in lines if "API" in line).split()[1].removesuffix("/v1")
            health = http.get(f"{url}/health").json()
            program.terminate()
            rest = program.stdout.read()

        assert health == {"status": "ok"}
        assert rest.endswith("Razorpay sandbox stopped.\n")
        assert program.returncode == 0

    def test_names_the_port_that_is_in_use(self, sandbox):
        port = sandbox.url.rpartition(":")[2]

        program = subprocess.run(
            [*self.COMMAND, "--port", port],
            cwd=PROJECT,
            env=self.ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert program.returncode == 1
        assert program.stderr.startswith(f"Port {port} is already in use")

    def test_imports_nothing_of_django_or_the_rest_of_the_project(self):
        code = (
            "import sys, payments.sandbox.__main__\n"
            "names = [name for name in sys.modules if name.split('.')[0] in "
            "('django', 'notevault', 'notes', 'ops', 'alerts')]\n"
            "names += [name for name in sys.modules if name.startswith('payments.') "
            "and not name.startswith('payments.sandbox')]\n"
            "print(names)"
        )

        program = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
        )

        assert program.stdout == "[]\n"
