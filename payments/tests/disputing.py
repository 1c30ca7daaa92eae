"""A sale that is disputed: its world in memory, and its books in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from payments import disputes, refunds
from payments.gateways.base import GatewayDispute, GatewayRefund
from payments.gateways.memory import MemoryGateway
from payments.ledger.balances import balance_paise
from payments.models import Dispute, Order, Payment
from payments.states import OWNED_ACCOUNTS, AccountKind


@dataclass
class Trouble:
    """One payment, the bank that looks into it, and what the gateway tells us."""

    gateway: MemoryGateway
    payment_id: str
    now: datetime

    def open(self, amount_paise: int | None = None) -> GatewayDispute:
        return self.gateway.dispute(self.payment_id, amount_paise=amount_paise)

    def tell(self, heard: GatewayDispute, phase: str = "created", *, late: bool = False) -> Any:
        """An event that says so, just now or long after."""
        return disputes.hear(heard=heard, phase=phase, is_fresh=not late, now=self.now)

    def decide(self, heard: GatewayDispute, phase: str, deducted_paise: int | None = None) -> Any:
        moved = self.gateway.move_dispute(heard.id, phase, deducted_paise=deducted_paise)
        self.tell(moved, phase)
        return moved

    def refund_by_hand(self, amount_paise: int, status: str = "processed") -> GatewayRefund:
        made = GatewayRefund(
            id=f"rfnd_{uuid4().hex[:14]}",
            payment_id=self.payment_id,
            amount_paise=amount_paise,
            currency="INR",
            status=status,
            receipt="",
        )
        refunds.take_in_refund(reply=made, source="test", now=self.now)
        return made

    @property
    def payment(self) -> Payment:
        return Payment.objects.get(gateway_payment_id=self.payment_id)

    @property
    def order(self) -> Order:
        return self.payment.order

    @property
    def dispute(self) -> Dispute:
        return Dispute.objects.get()


def books(*sellers: Any) -> dict[str, int]:
    """What is in each account that is not empty; the sellers' together."""
    balances = {
        kind.value: sum(balance_paise(kind=kind, owner_id=seller.pk) for seller in sellers)
        if kind in OWNED_ACCOUNTS
        else balance_paise(kind=kind)
        for kind in AccountKind
    }
    return {kind: paise for kind, paise in balances.items() if paise}
