"""Who an order is billed to: what its buyer gave at checkout, now or the last time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import UUID

from payments.models import Order
from payments.states import OPEN_ORDER


@dataclass(frozen=True)
class Billing:
    """A name and a state's two letters. Both blank for a buyer who has never given any: the
    account's name and the supplier's state then stand on the invoice."""

    billing_name: str = ""
    billing_state: str = ""

    def columns(self) -> dict[str, str]:
        return asdict(self)


def remembered(buyer_id: UUID) -> Billing:
    """What the buyer gave the last time."""
    given = Order.objects.filter(buyer_id=buyer_id).exclude(billing_state="")
    last = given.order_by("-created_at", "-pk").values("billing_name", "billing_state").first()
    return Billing(**last) if last else Billing()


def restate(order_id: UUID, billing: Billing) -> None:
    """Bill an order to somebody else, unless it is paid or over by now."""
    still_open = Order.objects.filter(pk=order_id, state__in=OPEN_ORDER)
    still_open.update(**billing.columns())
