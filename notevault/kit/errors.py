"""The one base of every refusal that a caller is expected to meet."""

from __future__ import annotations

from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal with a stable code; `notevault.kit.http` gives it its HTTP status.

    `message` is a sentence for the person who made the call. `params` are shown to the
    caller beside it (an order id, a limit), so they hold nothing secret. `retry_after`
    is in seconds.
    """

    code: ClassVar[str]
    message: ClassVar[str] = ""

    def __init__(self, message: str = "", *, retry_after: int | None = None, **params: Any) -> None:
        self.detail = message or self.message
        self.retry_after = retry_after
        self.params = params
        super().__init__(self.detail)
