"""Who sends a request, as far as the network tells."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle


@dataclass(frozen=True)
class Caller:
    """`ip_address` is empty where the request does not say it in a form that is one."""

    ip_address: str | None
    user_agent: str


NOBODY = Caller(None, "")


def caller_of(request: Request) -> Caller:
    """By the same address that throttles count: the trusted proxies' word for it."""
    agent = request.headers.get("User-Agent", "").replace("\x00", "")
    return Caller(_address(BaseThrottle().get_ident(request)), agent)


def _address(text: str | None) -> str | None:
    try:
        return str(ipaddress.ip_address((text or "").strip()))
    except ValueError:
        return None
