"""What the doctor says of the gateway: its keys, its secrets, its clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from django.conf import settings

from notevault.kit import clock
from ops.doctor.finding import Finding, Level, Visit, fail, judge, ok, warn
from payments.health import key_mode

MOST_SKEW_S = 60  # of an hour of a Date header in whole seconds; webhooks may be 5 min off
ASK_S = 5


def examine(visit: Visit) -> Iterator[Finding]:
    yield _mode(visit)
    yield _webhook_secret()
    yield _previous_secret()
    if visit.online:
        yield _clock()


def _mode(visit: Visit) -> Finding:
    mode = key_mode()
    wanted = "live" if visit.is_production else "test"
    if not mode:
        return fail(
            "RAZORPAY_KEY_ID is no key of Razorpay's.",
            f"Set it to the id that the dashboard shows in {wanted} mode: rzp_{wanted}_…",
        )
    return judge(
        mode == wanted,
        # With a test key production sells for play money; development must not touch real money.
        level=Level.FAIL,
        well=f"The key is of {mode} mode, as these settings want.",
        ill=f"The key is of {mode} mode, and these settings want {wanted}.",
        remedy=f"Set RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET to a pair of {wanted} mode.",
    )


def _webhook_secret() -> Finding:
    secret = settings.RAZORPAY_WEBHOOK_SECRET
    if secret and secret == settings.RAZORPAY_KEY_SECRET:
        return fail(
            "RAZORPAY_WEBHOOK_SECRET is the key's secret: Razorpay signs webhooks with another.",
            "Set it to the secret that was typed in at Settings → Webhooks of the dashboard.",
        )
    return judge(
        bool(secret),
        level=Level.FAIL,
        well="Webhooks are verified with a secret of their own.",
        ill="RAZORPAY_WEBHOOK_SECRET is not set: every event is refused.",
        remedy="Set it to the secret that was typed in at Settings → Webhooks of the dashboard.",
    )


def _previous_secret() -> Finding:
    previous = settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS
    if not previous:
        return ok("No webhook secret is being rotated.")
    taken = (settings.RAZORPAY_WEBHOOK_SECRET, settings.RAZORPAY_KEY_SECRET)
    if previous in taken:
        return fail(
            "RAZORPAY_WEBHOOK_SECRET_PREVIOUS equals the current one, or the key's secret.",
            "Set it to the one that was valid before, or leave it out.",
        )
    return warn(
        "A webhook secret is being rotated: the previous one is still accepted.",
        "Once 16 days are over, in which events may be replayed, unset "
        "RAZORPAY_WEBHOOK_SECRET_PREVIOUS.",
    )


def _clock() -> Finding:
    asked_at = clock.now()
    try:
        reply = requests.head(settings.RAZORPAY_BASE_URL, timeout=ASK_S, allow_redirects=False)
    except requests.RequestException as error:
        return fail(
            f"The gateway cannot be reached: {type(error).__name__}",
            "Let this machine open connections to RAZORPAY_BASE_URL, port 443.",
        )
    there = _date_of(reply)
    if there is None:
        return warn("The gateway told no time.", "Compare this clock with another by hand.")
    skew_s = (asked_at - there).total_seconds()
    return judge(
        abs(skew_s) <= MOST_SKEW_S,
        level=Level.FAIL,
        well="This clock agrees with the gateway's.",
        ill=f"This clock is {skew_s:+.0f} s off the gateway's: webhooks would be refused.",
        remedy="Let this machine follow NTP: timedatectl set-ntp true, or chronyd.",
    )


def _date_of(reply: requests.Response) -> datetime | None:
    try:
        told = parsedate_to_datetime(reply.headers.get("Date", ""))
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
