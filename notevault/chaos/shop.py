"""NoteVault's API as one buyer's client sees it: patient, and writing down every answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import requests

from notevault.chaos.records import BROKEN, SILENT, Records

GIVE_UP_S = 30.0
LONGEST_PAUSE_S = 3.0
# Longer than any promise, so that silence is seen and ends.
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))

    @property
    def asks_to_retry(self) -> bool:
        return self.status == 503 or (self.status == 409 and bool(self.body.get("retryable")))


NOTHING = Answer(0, {})


class Shop:
    """`stop` ends all patience: the simulation is over."""

    def __init__(self, *, url: str, records: Records, stop: threading.Event) -> None:
        self.url = f"{url}/api/v1"
        self.records = records
        self.stop = stop
        self._session = requests.Session()

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str,
        body: Any = None,
        key: str = "",
        wait_s: int = 0,
        patience_s: float = GIVE_UP_S,
    ) -> Answer:
        """Ask again, with the same key, after a broken connection and when told to."""
        headers = {"Authorization": f"Bearer {token}"}
        if key:
            headers["Idempotency-Key"] = key
        give_up_at = time.monotonic() + patience_s
        pause = 0.2
        while True:
            answer = self._try(method, path, headers, body, wait_s)
            is_over = self.stop.is_set() or time.monotonic() > give_up_at
            if is_over or not (answer is NOTHING or answer.asks_to_retry):
                return answer
            self.stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _try(
        self, method: str, path: str, headers: dict[str, str], body: Any, wait_s: int
    ) -> Answer:
        what = f"{method} {_without_ids(path)}"
        query = {"wait": wait_s} if wait_s else None
        started = time.monotonic()
        try:
            reply = self._session.request(
                method,
                f"{self.url}{path}",
                json=body,
                headers=headers,
                params=query,
                timeout=TIMEOUT_S + wait_s,
            )
        except requests.RequestException as error:
            why = SILENT if isinstance(error, requests.Timeout) else BROKEN
            self.records.note_no_answer(what, why=why, seconds=time.monotonic() - started - wait_s)
            return NOTHING
        seconds = time.monotonic() - started - wait_s
        answer = Answer(reply.status_code, _json(reply))
        self.records.note_answer(what, status=answer.status, code=answer.code, seconds=seconds)
        return answer


def _json(reply: requests.Response) -> dict[str, Any]:
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _without_ids(path: str) -> str:
    return "/".join("…" if len(part) == 36 else part for part in path.split("/"))
