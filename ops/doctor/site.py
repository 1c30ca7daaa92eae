"""How the site is reached, and what Django itself would say of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core import checks

from ops.doctor.finding import Finding, Level, Visit, judge, ok

INDIA = timedelta(hours=5, minutes=30)
ANYBODY = "*"


def examine(visit: Visit) -> Iterator[Finding]:
    yield judge(
        not settings.DEBUG,
        level=Level.WARN,
        well="DEBUG is off.",
        ill="These are the settings of development: DEBUG is on.",
        remedy="For production, DJANGO_SETTINGS_MODULE=notevault.settings.production and "
        "DEBUG=false.",
    )
    yield judge(
        bool(settings.ALLOWED_HOSTS) and ANYBODY not in settings.ALLOWED_HOSTS,
        level=visit.grave,
        well=f"Hosts that are served: {', '.join(settings.ALLOWED_HOSTS)}.",
        ill="ALLOWED_HOSTS lets any host name in: links in mails can be forged.",
        remedy="Set ALLOWED_HOSTS to the names that are served, comma separated.",
    )
    for name in ("FRONTEND_URL", "PUBLIC_API_URL"):
        yield _https(visit, name, getattr(settings, name))
    yield _time_zone(visit.now)
    yield from _django(visit)


def _https(visit: Visit, name: str, url: str) -> Finding:
    return judge(
        urlsplit(url).scheme == "https",
        level=visit.grave,
        well=f"{name} is {url}.",
        ill=f"{name} is {url}: not https, and links in mails and invoices lead there.",
        remedy=f"Set {name} to its address with https://.",
    )


def _time_zone(now: datetime) -> Finding:
    """Days of business are Indian days, so their time zone has to be known here."""
    try:
        offset = ZoneInfo(settings.TIME_ZONE).utcoffset(now.replace(tzinfo=None))
    except ZoneInfoNotFoundError:
        return Finding(
            Level.FAIL,
            f"This machine does not know the time zone {settings.TIME_ZONE}.",
            "Install the system package tzdata, or the Python package of that name.",
        )
    return judge(
        settings.USE_TZ and offset == INDIA,
        level=Level.FAIL,
        well=f"Times are stored in UTC and shown in {settings.TIME_ZONE}.",
        ill=f"TIME_ZONE is {settings.TIME_ZONE}: invoices and GST periods are Indian days.",
        remedy="Set TIME_ZONE = 'Asia/Kolkata' and USE_TZ = True in the settings.",
    )


def _django(visit: Visit) -> Iterator[Finding]:
    said = checks.run_checks(include_deployment_checks=visit.is_production)
    for message in said:
        level = Level.FAIL if message.level >= checks.ERROR else Level.WARN
        yield Finding(level, f"{message.msg} ({message.id})", message.hint or "See Django's docs.")
    if not said:
        yield ok("Django's own checks find nothing.")
