"""The payment gateway behind one port."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from payments.gateways.base import Gateway


@cache
def get_gateway() -> Gateway:
    """The gateway that settings chose; one object for the process, safe in threads."""
    gateway: Gateway = import_string(settings.PAYMENT_GATEWAY)()
    return gateway
