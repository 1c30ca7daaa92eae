"""Logs: one JSON object a line, and no secret in any of them."""

from __future__ import annotations

import enum
import logging
import time
from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured

from notevault.kit import logging as kit_logging
from notevault.kit import redaction
from notevault.kit.tests.log_output import log_output

PASSWORD = "Canary, 'quoted' & spaced"
EMAIL = "canary.person+x@mail.example.co.in"
SIGNATURE = "9ef4dffbfd84f1318f6739a3ce19f9d85851857ae648f114332d8401e0949a3d"
JWT = jwt.encode({"sub": "canary", "sid": "canary"}, "k" * 32, algorithm="HS256")
OPAQUE = "canary-opaque-token"

log = structlog.get_logger("notevault.tests")
theirs = logging.getLogger("someone.elses.package")


@pytest.fixture
def output():
    structlog.contextvars.clear_contextvars()
    with log_output("DEBUG") as output:
        yield output


class Colour(enum.Enum):
    RED = "red"


class TestLine:
    def test_is_one_json_object_whatever_is_logged(self, output):
        log.info("first\nsecond\r\nthird\u2028", key='a\r\n{"event": "forged"}\n')
        theirs.warning("name is %s", 'x\n{"event": "forged"}')

        first, second = output.lines
        assert first["event"] == "first\nsecond\r\nthird\u2028"
        assert first["key"] == 'a\r\n{"event": "forged"}\n'
        assert second["event"] == 'name is x\n{"event": "forged"}'
        assert output.text.count("\n") == 2

    def test_names_level_logger_and_time(self, output):
        log.warning("said")

        (line,) = output.lines
        assert datetime.fromisoformat(line.pop("time")).tzinfo == UTC
        assert line == {"event": "said", "level": "warning", "logger": "notevault.tests"}

    def test_is_the_same_for_other_packages(self, output):
        theirs.error("said %d times", 3)

        (line,) = output.lines
        assert line["event"] == "said 3 times"
        assert (line["level"], line["logger"]) == ("error", "someone.elses.package")

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
            ({1: "one", None: "none"}, {"1": "one", "None": "none"}),
            ((1, 2), [1, 2]),
            (10**30, str(10**30)),
            (-(2**63), -(2**63)),
            ("\ud800", "\\ud800"),
            ({"\ud800": 1}, {"\\ud800": 1}),
            (b"\xff\n", "b'\\xff\\n'"),
            (Colour.RED, "Colour.RED"),
            (float("nan"), None),
            (None, None),
            (True, True),
        ],
        ids=repr,
    )
    def test_is_written_for_any_value(self, output, value, written):
        log.info("value", value=value)

        (line,) = output.lines
        assert line["value"] == written

    def test_is_written_for_values_that_nest_without_end(self, output):
        loop: dict = {}
        loop["loop"] = loop

        log.info("value", value=loop)

        assert len(output.lines) == 1

    def test_holds_the_traceback_of_an_exception(self, output):
        try:
            raise ValueError("what went wrong")
        except ValueError:
            log.exception("failed")

        (line,) = output.lines
        assert line["exception"].startswith("Traceback (most recent call last):\n")
        assert line["exception"].endswith("ValueError: what went wrong")


class TestRedaction:
    @pytest.mark.parametrize(
        "key",
        [
            "password",
            "new_password",
            "passwd",
            "Authorization",
            "access_token",
            "refreshToken",
            "_token",
            "razorpay_signature",
            "X-Razorpay-Signature",
            "client_secret",
            "api_key",
            "apiKey",
            "Cookie",
            "otp",
            "card_number",
            "cvv",
        ],
    )
    def test_hides_values_by_their_key(self, output, key):
        log.info("said", **{key: PASSWORD})
        log.info("said", outer={"inner": [{key: PASSWORD}]})
        theirs.warning("said %s", {key: PASSWORD})

        assert "Canary" not in output.text
        assert output.text.count("[redacted]") == 3

    @pytest.mark.parametrize("secret", [EMAIL, SIGNATURE, JWT], ids=["email", "signature", "jwt"])
    def test_hides_what_looks_like_a_secret_wherever_it_is(self, output, secret):
        log.info(f"said {secret}.", where=f"<{secret}>", deep=[{"x": (secret,)}], by={secret: 1})
        theirs.warning("said %s and %r", secret, {"x": secret})
        try:
            raise ValueError(f"Key (email)=({secret}) already exists.")
        except ValueError:
            log.exception("failed")

        assert len(output.lines) == 3
        for part in (secret, secret[:20], secret[-20:]):
            assert part not in output.text

    @pytest.mark.parametrize(
        "text",
        [
            f"password={OPAQUE}",
            f"password: {OPAQUE}",
            f"?token={OPAQUE}&x=1",
            f"Authorization: Bearer {OPAQUE}",
            f"Authorization: Basic {OPAQUE}",
            f"{{'Authorization': 'Bearer {OPAQUE}'}}",
            f'{{"Authorization":"Bearer {OPAQUE}"}}',
            f"{{'HTTP_AUTHORIZATION': 'Bearer {OPAQUE}'}}",
            f"X-Razorpay-Signature: {OPAQUE}",
            f'{{"razorpay_signature":"{OPAQUE}"}}',
            f'"{{\\"password\\": \\"{OPAQUE}\\"}}"',
            f"accessToken={OPAQUE}",
            f"csrftoken={OPAQUE}; sessionid={OPAQUE}",
            f"Set-Cookie: sessionid={OPAQUE}",
            f'{{"password": "two words {OPAQUE}"}}',
            f"{{'password': 'two words, {OPAQUE}'}}",
            f'{{"password": "a \\"quoted\\" {OPAQUE}"}}',
            f"{{'password': \"it's {OPAQUE}\"}}",
            f"api-key={OPAQUE}",
            f"postgresql://notevault:{OPAQUE}@db/notevault",
            f"key_secret: {OPAQUE}",
        ],
    )
    def test_hides_pairs_within_text(self, output, text):
        log.info(text, where=text)
        theirs.warning("said: %s", text)
        try:
            raise ValueError(text)
        except ValueError:
            theirs.exception("failed")

        assert len(output.lines) == 3
        assert OPAQUE not in output.text

    @pytest.mark.parametrize(
        "text",
        [
            "The password was changed.",
            "a spent refresh token was used again",
            "signature does not match",
            "order order_IluGWxBm9U8zJ8 has 3 items at 9900 paise",
            "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f",
            "see https://docs.example.com/a?page=2#top",
            "at 12:30:45, a=1, b: 2",
            "mail the seller @ noon",
            "commit 3286941a0d2f5cbe9f7a1c2d3e4f5a6b7c8d9e0f",
            "no tokens are left",
            "job.done",
        ],
    )
    def test_leaves_ordinary_words_alone(self, output, text):
        log.info(text, where=text)

        (line,) = output.lines
        assert (line["event"], line["where"]) == (text, text)

    def test_leaves_ordinary_keys_alone(self, output):
        fields = {"order_id": "o1", "amount_paise": 9900, "passed": True, "author": "x", "n": 1.5}

        log.info("said", **fields)

        (line,) = output.lines
        assert {key: line[key] for key in fields} == fields

    @pytest.mark.parametrize(
        "text", ["a_" * 50_000, "a" * 100_000, "a." * 50_000, "eyJ" + "a." * 50_000, '"' * 100_000]
    )
    def test_takes_no_longer_for_a_strange_text(self, text):
        started = time.perf_counter()

        redaction.redact_text(text + "@")

        assert time.perf_counter() - started < 1


class TestWholeSystem:
    """Canaries through real requests; every line that they cause is read."""

    CREDENTIALS = {"email": EMAIL, "password": "canary-horse-battery", "name": "Asha"}

    def test_writes_no_credential_of_an_account(self, output, client_of, db):
        client = client_of(None)
        made = client.post("/api/v1/auth/register", self.CREDENTIALS, format="json").json()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {made['access']}")
        client.get("/api/v1/me")
        client.get("/api/v1/me?token=canary-horse-battery")
        client.post("/api/v1/auth/refresh", {"refresh": made["refresh"]}, format="json")
        client.post("/api/v1/auth/refresh", {"refresh": made["refresh"]}, format="json")
        wrong = {**self.CREDENTIALS, "password": "canary-horse-wrong"}
        for _ in range(6):
            client.post("/api/v1/auth/login", wrong, format="json")

        assert len(output.events("request")) == 11
        for secret in (EMAIL, "canary", made["access"], made["refresh"], "Bearer"):
            assert secret not in output.text

    def test_writes_none_when_it_breaks(self, output, client_of, db, monkeypatch):
        def fail(*args, **kwargs):
            raise RuntimeError(f"{args} {kwargs}")

        monkeypatch.setattr("notevault.accounts.services.sign_in", fail)
        monkeypatch.setattr("notes.storage.local.LocalNoteStorage.open_link", _fail_quietly)
        login = client_of(None).post("/api/v1/auth/login", self.CREDENTIALS, format="json")
        link = client_of(None).get("/files/canary-link-token")

        assert (login.status_code, link.status_code) == (500, 500)
        errors = [line for line in output.lines if line["level"] == "error"]
        assert [line["event"] for line in errors] == [
            "Internal Server Error: api/v1/auth/login",
            "Internal Server Error: files/<str:token>",
        ]
        for secret in (EMAIL, "canary"):
            assert secret not in output.text

    def test_writes_no_signature(self, output, client_of, buyer):
        verification = {
            "razorpay_order_id": "order_IluGWxBm9U8zJ8",
            "razorpay_payment_id": "pay_29QQoUBi66xm2f",
            "razorpay_signature": SIGNATURE,
        }
        client_of(buyer).post("/api/v1/payments/verify", verification, format="json")
        client_of(None).post(
            "/api/v1/webhooks/razorpay",
            {"event": EMAIL},
            format="json",
            headers={"X-Razorpay-Signature": SIGNATURE},
        )

        assert len(output.events("request")) == 2
        for secret in (SIGNATURE, EMAIL):
            assert secret not in output.text


def _fail_quietly(*_args, **_kwargs):
    raise RuntimeError("the disk is gone")


class TestConfiguration:
    @pytest.mark.parametrize(
        ("name", "level"),
        [
            ("info", "INFO"),
            (" Debug ", "DEBUG"),
            ("WARN", "WARNING"),
            ("warning", "WARNING"),
            ("error", "ERROR"),
            ("http", "INFO"),
            ("verbose", "DEBUG"),
            ("fatal", "CRITICAL"),
        ],
    )
    def test_knows_the_names_of_levels(self, name, level):
        assert kit_logging.level_named(name) == level

    @pytest.mark.parametrize("name", ["", "loud", "10", "NOTSET"])
    def test_refuses_a_level_that_is_none(self, name):
        with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL"):
            kit_logging.level_named(name)

    @pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING"])
    def test_sets_the_level_that_is_asked_for(self, level):
        loggers = kit_logging.configure(level=level, as_json=False)["loggers"]

        assert loggers["notevault"]["level"] == level

    def test_says_a_request_once(self, client):
        with log_output("DEBUG") as output:
            client.get("/nothing")

        assert [line["event"] for line in output.lines] == ["request"]
