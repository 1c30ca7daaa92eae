"""What the API server refuses, as it says so to kubectl."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    def __init__(self, code: int, message: str, *, reason: str = "Invalid") -> None:
        super().__init__(message)
        self.code, self.message, self.reason = code, message, reason

    def status(self) -> dict[str, Any]:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
