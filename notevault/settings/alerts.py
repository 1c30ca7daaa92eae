"""Where alerts go: what could never work is refused at the start, not at three in the morning."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from notevault.kit import addresses

CHANNELS = ("slack", "pagerduty", "webhook", "email")
SEVERITIES = ("critical", "high", "warning")
PREFIX = "whsec_"
LEAST_SECRET_BYTES = 24


def webhook_urls(text: str, *, allow_private: bool, routing_key: str) -> list[str]:
    """The URLs of SECURITY_WEBHOOK_URL, comma separated. No refusal repeats one: they are
    secrets."""
    urls = [url for part in text.split(",") if (url := part.strip())]
    for position, url in enumerate(urls, start=1):
        which = f"SECURITY_WEBHOOK_URL: address {position}"
        parts = _split(url, which)
        if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
            raise ImproperlyConfigured(
                f"{which} must begin with https://; http needs ALERT_ALLOW_PRIVATE=true"
            )
        if parts.username or parts.password or parts.fragment:
            raise ImproperlyConfigured(f"{which} must hold no user, password or fragment")
        host = str(parts.hostname)
        if addresses.is_literal(host) and not (allow_private or addresses.is_public(host)):
            raise ImproperlyConfigured(
                f"{which} is in a private network; ALERT_ALLOW_PRIVATE=true allows that"
            )
        if host.endswith(".pagerduty.com") and not routing_key:
            raise ImproperlyConfigured(f"{which} is PagerDuty's, and needs PAGERDUTY_ROUTING_KEY")
    if len(urls) != len(set(urls)):
        raise ImproperlyConfigured("SECURITY_WEBHOOK_URL names an address twice")
    return urls


def _split(url: str, which: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0 and url.isascii() and url.isprintable()
    except ValueError:
        is_whole = False
    if not is_whole or " " in url:
        raise ImproperlyConfigured(f"{which} is none, such as https://alerts.example.com/notevault")
    return parts


def routing_key(text: str) -> str:
    key = text.strip()
    if key and not re.fullmatch(r"[A-Za-z0-9]{32}", key):
        raise ImproperlyConfigured(
            "PAGERDUTY_ROUTING_KEY must be an Events API v2 integration's 32 letters and digits"
        )
    return key


def webhook_secret(text: str, *, derived_from: str) -> str:
    """The secret that signs generic webhooks; unset, one derived from another secret."""
    if not text.strip():
        key = hashlib.sha256(f"alerts:{derived_from}".encode()).digest()
        return PREFIX + base64.b64encode(key).decode()
    given = text.strip().removeprefix(PREFIX)
    try:
        length = len(base64.b64decode(given, validate=True))
    except binascii.Error:
        length = 0
    if length < LEAST_SECRET_BYTES:
        raise ImproperlyConfigured(
            f"ALERT_WEBHOOK_SECRET must be base64 of at least {LEAST_SECRET_BYTES} bytes: "
            "`openssl rand -base64 32` makes one"
        )
    return PREFIX + given


def emails(given: Iterable[str]) -> list[str]:
    found = [text for part in given if (text := part.strip())]
    for text in found:
        try:
            validate_email(text)
        except ValidationError:
            raise ImproperlyConfigured(f"ALERT_EMAILS: {text!r} is no e-mail address") from None
    return found


def least_severities(given: Mapping[str, str]) -> dict[str, str]:
    """`pagerduty=high,email=critical`: less than that is not sent there."""
    for channel, severity in given.items():
        if channel not in CHANNELS or severity not in SEVERITIES:
            raise ImproperlyConfigured(
                f"ALERT_LEAST_SEVERITY: {channel}={severity} is none, such as pagerduty=high"
            )
    return dict(given)
