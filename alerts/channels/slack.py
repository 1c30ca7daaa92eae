"""A Slack incoming webhook. Its URL is its secret."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from alerts.channels.port import Message
from alerts.channels.posting import PostingChannel

# Slack refuses a longer section.
LONGEST_SECTION = 2900
ICONS = {"critical": ":rotating_light:", "high": ":warning:", "warning": ":information_source:"}


@dataclass(frozen=True, kw_only=True)
class Slack(PostingChannel):
    def payload(self, message: Message) -> dict[str, object]:
        icon = ":white_check_mark:" if message.is_resolved else ICONS[message.severity]
        details = orjson.dumps(message.metadata, option=orjson.OPT_INDENT_2).decode()
        sections = [f"{icon} *{escape(message.title)}*"]
        if not message.is_resolved:
            sections.append(f"*What to do:* {escape(message.what_to_do)}")
            sections.append(f"```{escape(details)[: LONGEST_SECTION - 6]}```")
        small = [
            f"`{escape(message.kind)}`",
            escape(message.how_often),
            f"request `{escape(message.request_id)}`" if message.request_id else "",
            f"delivery `{message.delivery_id}`",
            f"<{message.url}|in admin>",
        ]
        return {
            "text": escape(message.title),
            "blocks": [
                *({"type": "section", "text": _markdown(text)} for text in sections),
                {"type": "context", "elements": [_markdown(" · ".join(filter(None, small)))]},
            ],
        }


def escape(text: str) -> str:
    """Slack's three control characters, so that no text becomes a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text[:LONGEST_SECTION]}
