"""What the gateway answers when it refuses a request."""

from typing import Any


class RazorpayError(Exception):
    """A refusal in Razorpay's words, with the HTTP status that carries it."""

    def __init__(
        self,
        description: str,
        *,
        status: int = 400,
        code: str = "BAD_REQUEST_ERROR",
        field: str | None = None,
        source: str = "business",
        step: str = "payment_initiation",
        reason: str = "input_validation_failed",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.status = status
        self.code = code
        self.field = field
        self.source = source
        self.step = step
        self.reason = reason
        self.metadata = metadata or {}

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "code": self.code,
                "description": self.description,
                "field": self.field,
                "source": self.source,
                "step": self.step,
                "reason": self.reason,
                "metadata": self.metadata,
            }
        }


def unrelated_to_payment(
    description: str, *, status: int, code: str = "BAD_REQUEST_ERROR"
) -> RazorpayError:
    """A refusal whose source, step and reason Razorpay gives as NA."""
    return RazorpayError(description, status=status, code=code, source="NA", step="NA", reason="NA")


def server_failed() -> RazorpayError:
    return unrelated_to_payment(
        "The server encountered an error. The incident has been reported to admins.",
        status=500,
        code="SERVER_ERROR",
    )


def unknown_id() -> RazorpayError:
    return RazorpayError("The id provided does not exist")
