"""What the doctor says of the gateway."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
import requests
import responses

from notevault.kit import clock
from ops.doctor.finding import Level, Visit
from payments import doctor


@pytest.fixture
def production(now):
    return Visit(now=now, is_production=True)


@pytest.fixture(autouse=True)
def whole(settings):
    settings.RAZORPAY_KEY_ID = "rzp_live_Q2hlY2tPbmx5MTIz"
    settings.RAZORPAY_KEY_SECRET = "b6Jq0mTz4VnKx8Lw2RcYdE5h"
    settings.RAZORPAY_WEBHOOK_SECRET = "Gk3pWm9sXv7bNq1tZy5cRf8j"
    settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS = ""
    settings.RAZORPAY_BASE_URL = "https://api.razorpay.com"
    return settings


def ill(findings):
    found = [finding for finding in findings if finding.level != Level.OK]
    assert all(finding.remedy for finding in found)
    return [(finding.level.value, finding.what) for finding in found]


class TestKeys:
    def test_of_live_mode_are_well_in_production(self, production):
        assert ill(doctor.examine(production)) == []

    @pytest.mark.parametrize(
        ("key", "is_production", "said"),
        [
            ("rzp_test_1", True, "The key is of test mode, and these settings want live."),
            ("rzp_live_1", False, "The key is of live mode, and these settings want test."),
            ("key", True, "RAZORPAY_KEY_ID is no key of Razorpay's."),
        ],
    )
    def test_of_another_mode_fail(self, whole, now, key, is_production, said):
        whole.RAZORPAY_KEY_ID = key

        findings = doctor.examine(Visit(now=now, is_production=is_production))

        assert ill(findings) == [("fail", said)]


class TestWebhookSecrets:
    def test_that_are_missing_fail(self, whole, production):
        whole.RAZORPAY_WEBHOOK_SECRET = ""

        assert "every event is refused" in ill(doctor.examine(production))[0][1]

    def test_that_are_the_key_s_fail(self, whole, production):
        whole.RAZORPAY_WEBHOOK_SECRET = whole.RAZORPAY_KEY_SECRET

        assert "is the key's secret" in ill(doctor.examine(production))[0][1]

    @pytest.mark.parametrize("other", ["RAZORPAY_WEBHOOK_SECRET", "RAZORPAY_KEY_SECRET"])
    def test_of_before_are_others(self, whole, production, other):
        whole.RAZORPAY_WEBHOOK_SECRET_PREVIOUS = getattr(whole, other)

        [(level, what)] = ill(doctor.examine(production))

        assert level == "fail"
        assert what.startswith("RAZORPAY_WEBHOOK_SECRET_PREVIOUS equals")

    def test_of_before_are_not_kept_for_ever(self, whole, production):
        whole.RAZORPAY_WEBHOOK_SECRET_PREVIOUS = "Kk3pWm9sXv7bNq1tZy5cRf8j"

        assert [level for level, _ in ill(doctor.examine(production))] == ["warn"]


class TestClock:
    @pytest.fixture
    def online(self, now):
        return Visit(now=now, is_production=True, online=True)

    def answer(self, **options):
        responses.head("https://api.razorpay.com/", **options)

    @responses.activate
    def test_is_compared_with_the_gateway_s(self, online):
        self.answer(status=404, headers={"Date": format_datetime(clock.now(), usegmt=True)})

        assert ill(doctor.examine(online)) == []

    @responses.activate
    def test_that_is_off_fails(self, online):
        there = clock.now() - timedelta(minutes=10)
        self.answer(headers={"Date": format_datetime(there, usegmt=True)})

        [(level, what)] = ill(doctor.examine(online))

        assert level == "fail"
        assert what.startswith("This clock is +60")

    @responses.activate
    @pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
    def test_is_not_judged_by_nonsense(self, online, headers):
        self.answer(headers=headers)

        assert ill(doctor.examine(online)) == [("warn", "The gateway told no time.")]

    @responses.activate
    def test_cannot_be_compared_without_a_gateway(self, online):
        self.answer(body=requests.ConnectionError("refused"))

        assert ill(doctor.examine(online)) == [
            ("fail", "The gateway cannot be reached: ConnectionError")
        ]

    @responses.activate
    def test_is_not_asked_for_unless_it_is_wanted(self, production):
        assert ill(doctor.examine(production)) == []
        assert len(responses.calls) == 0
