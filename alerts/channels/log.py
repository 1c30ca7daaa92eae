"""The channel that is always on: one line, on which a collector of logs can act."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from alerts.channels.port import Answer, Channel, Message

log = structlog.get_logger("notevault.alert")


@dataclass(frozen=True, kw_only=True)
class Log(Channel):
    name: str = "log"

    is_remote = False

    @property
    def address(self) -> str:
        return ""

    def send(self, message: Message) -> Answer:
        facts = message.as_json()
        alert_id, raised_by = facts.pop("id"), facts.pop("request_id")
        log.error(
            "alert_resolved" if message.is_resolved else "alert",
            alert_id=alert_id,
            raised_by=raised_by,
            delivery_id=message.delivery_id,
            **facts,
        )
        return Answer()
