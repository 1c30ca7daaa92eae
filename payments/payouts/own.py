"""Nobody pays out money to oneself: staff may be sellers too."""

from __future__ import annotations

from uuid import UUID

from notevault.kit.errors import DomainError
from payments.models import Payout


class OwnPayout(DomainError):
    code = "own_payout"
    message = "You cannot decide on a payout of your own."


def is_own(payout: Payout, actor_id: UUID | None) -> bool:
    return actor_id is not None and payout.seller_id == actor_id


def refuse_own(payout: Payout, actor_id: UUID) -> None:
    """Raises OwnPayout."""
    if is_own(payout, actor_id):
        raise OwnPayout
