"""Where alerts go, by the environment, and what the service does not start with."""

from __future__ import annotations

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured

from notevault.settings import alerts
from notevault.tests.test_settings import GOOD, start

KEY = "0123456789abcdef0123456789abcdef"


def urls(text, *, allow_private=False, routing_key=""):
    return alerts.webhook_urls(text, allow_private=allow_private, routing_key=routing_key)


class TestWebhookUrl:
    def test_may_be_several(self):
        assert urls(" https://a.example/x , https://b.example:8443/y?z=1,") == [
            "https://a.example/x",
            "https://b.example:8443/y?z=1",
        ]

    def test_may_be_none(self):
        assert urls("") == []

    @pytest.mark.parametrize(
        ("text", "because"),
        [
            ("hooks.slack.com/secretsecret", "none, such as"),
            ("https:///secretsecret", "none, such as"),
            ("https://a.example:port/secretsecret", "none, such as"),
            ("https://a.example:0/secretsecret", "none, such as"),
            ("https://a.example/secret secretsecret", "none, such as"),
            ("https://a.example/secretsecret\r\nX-A: b", "none, such as"),
            ("http://a.example/secretsecret", "https://"),
            ("ftp://a.example/secretsecret", "https://"),
            ("https://nina:secretsecret@a.example/", "no user"),
            ("https://a.example/#secretsecret", "no user"),
            ("https://10.0.0.7/secretsecret", "ALERT_ALLOW_PRIVATE"),
            ("https://[::1]/secretsecret", "ALERT_ALLOW_PRIVATE"),
            ("https://events.pagerduty.com/secretsecret", "PAGERDUTY_ROUTING_KEY"),
            ("https://a.example/secretsecret,https://a.example/secretsecret", "twice"),
        ],
    )
    def test_is_refused_in_a_sentence_that_does_not_repeat_it(self, text, because):
        with pytest.raises(ImproperlyConfigured, match=because) as refusal:
            urls(text)

        assert str(refusal.value).startswith("SECURITY_WEBHOOK_URL")
        assert "secretsecret" not in str(refusal.value)

    def test_may_be_http_and_private_where_that_is_allowed(self):
        assert urls("http://10.0.0.7:8080/x", allow_private=True) == ["http://10.0.0.7:8080/x"]

    def test_may_be_pagerduty_s_with_its_key(self):
        url = "https://events.pagerduty.com/v2/enqueue"

        assert urls(url, routing_key=KEY) == [url]


class TestOtherSettings:
    @pytest.mark.parametrize("text", ["short", KEY + "0", KEY[:-1] + "-"])
    def test_refuse_a_routing_key_that_is_none(self, text):
        with pytest.raises(ImproperlyConfigured, match="PAGERDUTY_ROUTING_KEY") as refusal:
            alerts.routing_key(text)

        assert text not in str(refusal.value)

    @pytest.mark.parametrize("text", ["whsec_", "not base64 at all!", "c2hvcnQ="])
    def test_refuse_a_secret_that_is_none(self, text):
        with pytest.raises(ImproperlyConfigured, match="ALERT_WEBHOOK_SECRET"):
            alerts.webhook_secret(text, derived_from="x")

    @pytest.mark.parametrize("prefix", ["", "whsec_"])
    def test_take_a_secret_with_or_without_its_prefix(self, prefix):
        secret = base64.b64encode(b"k" * 32).decode()

        assert alerts.webhook_secret(prefix + secret, derived_from="x") == f"whsec_{secret}"

    def test_derive_a_secret_so_that_nothing_leaves_unsigned(self):
        derived = alerts.webhook_secret("", derived_from="x")

        assert len(base64.b64decode(derived.removeprefix("whsec_"))) == 32
        assert derived != alerts.webhook_secret("", derived_from="y")

    def test_refuse_an_address_that_is_none(self):
        assert alerts.emails([" ops@example.com", ""]) == ["ops@example.com"]
        with pytest.raises(ImproperlyConfigured, match="ALERT_EMAILS: 'ops'"):
            alerts.emails(["ops"])

    @pytest.mark.parametrize("given", [{"sms": "high"}, {"slack": "loud"}])
    def test_refuse_a_severity_or_channel_that_is_none(self, given):
        assert alerts.least_severities({"slack": "high"}) == {"slack": "high"}
        with pytest.raises(ImproperlyConfigured, match="ALERT_LEAST_SEVERITY"):
            alerts.least_severities(given)


class TestProduction:
    def test_starts_with_all_of_them(self):
        result = start(
            "from alerts import channels; print([c.name for c in channels.configured()])",
            **GOOD,
            SECURITY_WEBHOOK_URL="https://hooks.slack.com/services/a/b/c,https://a.example/x",
            PAGERDUTY_ROUTING_KEY=KEY,
            ALERT_EMAILS="ops@example.com",
            ALERT_LEAST_SEVERITY="pagerduty=high,email=critical",
        )

        assert result.stderr == ""
        assert result.stdout == "['log', 'slack', 'webhook', 'pagerduty', 'email']\n"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"SECURITY_WEBHOOK_URL": "http://a.example"}, "SECURITY_WEBHOOK_URL"),
            ({"ALERT_LEAST_SEVERITY": "slack=loud"}, "ALERT_LEAST_SEVERITY"),
            ({"ALERT_EMAILS": "ops@example.com", "EMAIL_URL": ""}, "set EMAIL_URL too"),
        ],
    )
    def test_says_what_is_wrong_and_does_not_start(self, changes, message):
        result = start(**{**GOOD, **changes})

        assert result.returncode == 1
        assert message in result.stderr.strip().splitlines()[-1]
