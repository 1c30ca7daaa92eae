"""Who supplies, as invoices state it: a mistake here would be printed on every one."""

from __future__ import annotations

import re

from django.core.exceptions import ImproperlyConfigured

from notevault.kit.places import PLACES, is_gstin


def refuse_impossible(*, state: str, gstin: str, sac: str) -> None:
    """Raise ImproperlyConfigured for what no tax office has given out. The GSTIN may be blank."""
    if state not in PLACES:
        raise ImproperlyConfigured(f"GST_STATE: {state!r} is not a state's two letters, such as KA")
    if gstin and not is_gstin(gstin, place=PLACES[state]):
        raise ImproperlyConfigured(f"GSTIN: {gstin!r} is not a GSTIN of {PLACES[state].name}")
    if not re.fullmatch(r"99[0-9]{4}", sac):
        raise ImproperlyConfigured(f"GST_SAC: {sac!r} is not a service code such as 998599")
