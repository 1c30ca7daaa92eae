"""The story of an order as a table in Django admin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from notevault.accounts.models import User
from notevault.kit import clock, money
from payments.timeline.happenings import Happening, Side
from payments.timeline.reading import staff_story


def story_as_html(order_id: UUID) -> SafeString:
    story = staff_story(order_id)
    actors = {one.actor_id for one in story.happenings if one.actor_id}
    names: Mapping[UUID, str] = dict(
        User.objects.filter(pk__in=actors).values_list("pk", "email") if actors else ()
    )
    figures = asdict(story.money).items()
    page = {
        "money": {name.removesuffix("_paise"): money.format_inr(n) for name, n in figures},
        "rows": [_row(one, names) for one in story.happenings],
        "downloads": story.downloads,
    }
    return render_to_string("admin/payments/story.html", page)


def _row(one: Happening, names: Mapping[UUID, str]) -> dict[str, Any]:
    moved = money.format_inr(one.amount_paise or 0)
    return {
        "at": one.at.astimezone(clock.INDIA).strftime("%d %b %Y %H:%M:%S"),
        "what": one.what.replace("_", " "),
        **{side.value: moved if one.side == side else "" for side in Side if side},
        "details": one.details,
        "by": names.get(one.actor_id, str(one.actor_id)) if one.actor_id else "",
    }
