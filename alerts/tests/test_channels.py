"""Which channels the settings name, and what each of them says."""

from __future__ import annotations

import smtplib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core import mail
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from alerts import channels
from alerts.channels.email import Email
from alerts.channels.pagerduty import PagerDuty
from alerts.channels.port import Message, wants
from alerts.channels.slack import Slack
from alerts.channels.webhook import Webhook
from alerts.states import News
from alerts.tests.sinks import sink
from notevault.kit import clock
from notevault.kit.tests.log_output import log_output

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw1Q2w3E4r5T6="
KEY = "0123456789abcdef0123456789abcdef"
SLACK = "https://hooks.slack.com/services/T000/B000/secretsecret"
PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"


@pytest.fixture
def message():
    return Message(
        delivery_id="d1",
        news=News.RAISED,
        alert_id="a1",
        incident_id="i1",
        kind="payments.quarantined",
        severity="critical",
        message="Paid <too> little & late.",
        metadata={"order_id": "o1"},
        what_to_do="Look at it.",
        count=3,
        since_last=2,
        request_id="req_caller",
        raised_at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        last_raised_at=datetime(2026, 11, 23, 12, 4, tzinfo=UTC),
        sent_at=clock.now(),
        url="https://api.example.com/admin/alerts/alert/a1/change/",
    )


def webhook(url, **options):
    return Webhook(name="webhook", url=url, secret=SECRET, allow_private=True, **options)


def send(channel_of, message, answer=(200, {}, b"ok")):
    """What the channel made of the answer, and what the receiver got."""
    with sink() as receiver:
        receiver.answer = answer
        result = channel_of(receiver.url).send(message)
    return result, receiver


class TestSettings:
    def names(self):
        return [channel.name for channel in channels.configured()]

    def test_that_name_none_leave_the_log(self):
        assert self.names() == ["log"]

    def test_may_name_several_at_once(self, settings):
        settings.SECURITY_WEBHOOK_URLS = [
            SLACK,
            PAGERDUTY,
            "https://a.example",
            "https://b.example",
        ]
        settings.PAGERDUTY_ROUTING_KEY = KEY
        settings.ALERT_EMAILS = ["ops@example.com"]

        assert self.names() == ["log", "slack", "pagerduty", "webhook", "webhook-2", "email"]
        assert channels.find("webhook-2").url == "https://b.example"
        assert channels.find("elsewhere") is None

    def test_need_no_address_for_pagerduty_beside_its_key(self, settings):
        settings.PAGERDUTY_ROUTING_KEY = KEY

        assert self.names() == ["log", "pagerduty"]
        assert channels.find("pagerduty").url == PAGERDUTY

    def test_may_keep_what_is_less_severe_from_a_channel(self, settings):
        settings.PAGERDUTY_ROUTING_KEY = KEY
        settings.ALERT_LEAST_SEVERITY = {"pagerduty": "high"}
        log, pagerduty = channels.configured()

        assert [wants(log, s) for s in ("warning", "high", "critical")] == [True, True, True]
        assert [wants(pagerduty, s) for s in ("warning", "high", "critical")] == [False, True, True]

    def test_show_no_secret_in_a_traceback(self, settings):
        settings.SECURITY_WEBHOOK_URLS = [SLACK, PAGERDUTY, "https://a.example/secretsecret"]
        settings.PAGERDUTY_ROUTING_KEY = KEY
        settings.ALERT_WEBHOOK_SECRET = SECRET

        shown = repr(channels.configured())

        assert not any(secret in shown for secret in ("secretsecret", KEY, SECRET))


class TestSlack:
    def channel(self, url):
        return Slack(name="slack", url=url, allow_private=True)

    def test_is_told_what_happened_and_what_to_do(self, message):
        answer, receiver = send(self.channel, message)

        (said,) = receiver.bodies
        blocks = [block.get("text", {}).get("text", "") for block in said["blocks"]]
        small = said["blocks"][-1]["elements"][0]["text"]
        assert answer.error == ""
        assert said["text"] == "[CRITICAL] Paid &lt;too&gt; little &amp; late."
        assert blocks[1] == "*What to do:* Look at it."
        assert '"order_id": "o1"' in blocks[2]
        assert "Raised 3 times. 2 more since the last alert of this matter." in small
        assert "request `req_caller`" in small
        assert "delivery `d1`" in small

    def test_is_told_that_it_is_over(self, message):
        _, receiver = send(self.channel, replace(message, news=News.RESOLVED))

        assert receiver.bodies[0]["text"].startswith("[RESOLVED] ")

    def test_takes_a_long_text_in_the_length_it_allows(self, message):
        long = replace(message, message="<" * 500, metadata={"x": "&" * 5000})

        _, receiver = send(self.channel, long)

        for block in receiver.bodies[0]["blocks"][:-1]:
            assert len(block["text"]["text"]) <= 3000


class TestPagerDuty:
    def channel(self, url):
        return PagerDuty(name="pagerduty", url=url, routing_key=KEY, allow_private=True)

    def test_opens_an_incident_of_the_matter(self, message):
        answer, receiver = send(self.channel, message, (202, {}, b'{"status":"success"}'))

        (event,) = receiver.bodies
        payload = event["payload"]
        assert (answer.error, answer.status) == ("", 202)
        assert (event["routing_key"], event["event_action"]) == (KEY, "trigger")
        assert event["dedup_key"] == "i1"
        assert (payload["severity"], payload["source"]) == ("critical", "notevault")
        assert payload["summary"] == "Paid <too> little & late."
        assert payload["class"] == "payments.quarantined"
        assert payload["custom_details"]["what_to_do"] == "Look at it."
        assert payload["custom_details"]["request_id"] == "req_caller"

    def test_ends_that_incident(self, message):
        _, receiver = send(self.channel, replace(message, news=News.RESOLVED))

        assert receiver.bodies == [
            {"routing_key": KEY, "event_action": "resolve", "dedup_key": "i1"}
        ]

    def test_never_gives_its_key_away(self, message):
        said = f"routing key {KEY} is unknown\x00\r\n\x1b[31m".encode()

        answer, _ = send(self.channel, message, (400, {}, said))

        assert answer.error == "it answered 400: routing key [redacted] is unknown [31m"


class TestWebhook:
    def test_is_signed_as_standard_webhooks_has_it(self, message):
        _, receiver = send(webhook, message)

        ((_, headers, body),) = receiver.requests
        said = Verifier(SECRET).verify(body, headers)
        assert headers["webhook-id"] == "d1"
        assert said["type"] == "alert.raised"
        assert (said["data"]["id"], said["data"]["incident_id"]) == ("a1", "i1")
        assert (said["data"]["count"], said["data"]["since_last"]) == (3, 2)
        assert said["data"]["request_id"] == headers["X-Request-ID"] == "req_caller"

    def test_is_not_verified_with_another_secret_or_another_body(self, message):
        _, receiver = send(webhook, message)
        ((_, headers, body),) = receiver.requests

        for secret, text in ((SECRET.replace("Mf", "mF"), body), (SECRET, body + b" ")):
            with pytest.raises(WebhookVerificationError):
                Verifier(secret).verify(text, headers)

    def test_is_told_that_it_is_over(self, message):
        _, receiver = send(webhook, replace(message, news=News.RESOLVED))

        assert receiver.bodies[0]["type"] == "alert.resolved"

    def test_never_gives_its_path_away(self, message):
        answer, _ = send(webhook, message, (404, {}, b"no route /hook/secret-path"))

        assert "secret-path" not in answer.error
        assert answer.error.startswith("it answered 404: no route")


class TestAnAnswer:
    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_that_redirects_is_a_failure(self, message, status):
        answer, _ = send(webhook, message, (status, {"Location": "https://x.example"}, b""))

        assert answer.error == "it answers with a redirect, which is not followed"
        assert not answer.is_gone

    def test_410_means_never_again(self, message):
        answer, _ = send(webhook, message, (410, {}, b"gone"))

        assert (answer.is_gone, answer.error) == (True, "it answered 410: gone")

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("30", 30), ("0", 1), ("999999999999", 3600), ("soon", None), ("", None), ("-5", None)],
    )
    @pytest.mark.parametrize("status", [429, 503])
    def test_may_ask_for_a_pause(self, message, status, header, seconds):
        answer, _ = send(webhook, message, (status, {"Retry-After": header}, b""))

        assert answer.retry_after_s == seconds

    def test_may_ask_for_a_pause_until_a_date(self, message):
        header = {"Retry-After": "Wed, 01 Jan 2100 00:00:00 GMT"}

        answer, _ = send(webhook, message, (429, header, b""))

        assert answer.retry_after_s == 3600

    @pytest.mark.parametrize(("status", "is_sound"), [(200, True), (404, True), (500, False)])
    def test_says_whether_the_receiver_is_well(self, message, status, is_sound):
        answer, _ = send(webhook, message, (status, {}, b""))

        assert answer.is_sound is is_sound


class TestEmail:
    CHANNEL = Email(recipients=("ops@example.com", "boss@example.com"))

    def test_goes_to_every_address_with_what_to_do(self, message):
        answer = self.CHANNEL.send(message)

        (sent,) = mail.outbox
        assert answer.error == ""
        assert sent.to == ["ops@example.com", "boss@example.com"]
        assert sent.subject == "[CRITICAL] Paid <too> little & late."
        assert "What to do: Look at it." in sent.body
        assert "Request: req_caller" in sent.body
        assert sent.extra_headers["Message-ID"] == "<d1@notevault>"

    def test_that_the_server_refuses_is_a_failure_without_the_address(self, message, monkeypatch):
        def refuse(*_):
            raise smtplib.SMTPDataError(550, b"ops@example.com unknown")

        monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)

        answer = self.CHANNEL.send(message)

        assert answer.error.startswith("SMTPDataError")
        assert "ops@example.com" not in answer.error


class TestSendTest:
    def test_tells_of_each_channel_whether_it_took_it(self, settings, now):
        settings.ALERT_ALLOW_PRIVATE = True
        with sink() as well, sink() as ill, log_output() as output:
            ill.answer = (500, {}, b"")
            settings.SECURITY_WEBHOOK_URLS = [well.url, ill.url]

            told = channels.send_test(now=now)

        assert told == [("log", ""), ("webhook", ""), ("webhook-2", "it answered 500")]
        assert well.bodies[0]["data"]["kind"] == "alerts.test"
        assert [line["kind"] for line in output.events("alert")] == ["alerts.test"]
