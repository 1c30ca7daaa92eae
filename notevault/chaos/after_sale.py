"""The referee on what buyers take back: by request, and by their banks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from notevault.chaos.findings import Finding, Harm
from notevault.chaos.state import OurDispute, OurRefund, OurRequest, State
from payments.gateways.base import GatewayDispute
from payments.refund_requests.rules import ALONE_UP_TO_PAISE
from payments.states import LIVE_DISPUTE, RequestState

UNDECIDED = (RequestState.REQUESTED, RequestState.ENDORSED)
GRANTED = (RequestState.APPROVED, RequestState.COMPLETED, RequestState.FAILED)
DECIDED = ("won", "lost", "closed")


def requests(state: State) -> Iterator[Finding]:
    """Each that was approved ends in exactly one refund at the gateway, or is back with the
    staff; one that was not, in none. What is dear needs two people."""
    made: dict[object, list[int]] = {}
    amounts = {r.id: r.amount_paise for r in state.gateway_refunds if r.status != "failed"}
    for refund in state.refunds:
        if refund.request_id and refund.gateway_refund_id in amounts:
            made.setdefault(refund.request_id, []).append(amounts[refund.gateway_refund_id])
    for request in state.requests:
        yield from _outcome(request, made.get(request.id, []))
        is_dear = request.amount_paise > ALONE_UP_TO_PAISE
        if is_dear and request.state in GRANTED and len(request.approvers) < 2:
            yield Finding(
                Harm.DOUBLED, f"dear refund {request.id} approved by one alone", request.order_id
            )


def _outcome(request: OurRequest, made: list[int]) -> Iterator[Finding]:
    what = f"refund request {request.id} is {request.state} with {len(made)} refunds"
    if request.state in UNDECIDED or request.state == RequestState.APPROVED:
        yield Finding(Harm.STUCK, what, request.order_id)
    elif request.state == RequestState.COMPLETED and not made:
        yield Finding(Harm.LOST, what, request.order_id)
    elif len(made) > (request.state == RequestState.COMPLETED):
        yield Finding(Harm.DOUBLED, what, request.order_id)
    elif sum(made) > request.amount_paise:
        yield Finding(
            Harm.DOUBLED, f"{what} of {sum(made)} for {request.amount_paise}", request.order_id
        )


def disputes(state: State) -> Iterator[Finding]:
    """Each is known on both sides, and decided here as it is decided there."""
    ours = {dispute.id: dispute for dispute in state.disputes}
    theirs = {dispute.id: dispute for dispute in state.gateway_disputes}
    for dispute in state.gateway_disputes:
        payment = state.payment_by_id.get(dispute.payment_id)
        for harm, what in _dispute(dispute, ours.get(dispute.id)):
            order_id = payment.order_id if payment else None
            yield Finding(harm, f"dispute {dispute.id} {what}", order_id)
    for unknown in ours.keys() - theirs.keys():
        yield Finding(Harm.LOST, f"dispute {unknown} is not known at the gateway")


def _dispute(theirs: GatewayDispute, ours: OurDispute | None) -> Iterator[tuple[Harm, str]]:
    if ours is None:
        yield Harm.LOST, "is not known here"
    elif theirs.status not in DECIDED:
        yield Harm.STUCK, f"is {theirs.status} for ever"
        if ours.state not in LIVE_DISPUTE:
            yield Harm.LOST, f"is {ours.state} here and goes on there"
    elif ours.state in LIVE_DISPUTE:
        yield Harm.STUCK, f"is {theirs.status} there, {ours.state} here"
    elif ours.state != theirs.status:
        yield Harm.LOST, f"is {theirs.status} there, {ours.state} here"
    elif ours.deducted_paise != theirs.deducted_paise:
        yield Harm.LOST, f"took {theirs.deducted_paise}, and {ours.deducted_paise} here"


def disputed_refunds(state: State) -> Iterator[Finding]:
    """Nothing was given back by us that a dispute we knew of might take, and took.

    What was owed before we heard of it, and what somebody gives back in the dashboard, is
    no fault of ours.
    """
    for payment_id, refunds in state.refunds_of.items():
        since = _lost_since(state, payment_id)
        made = {r.receipt: r.amount_paise for r in state.gateway_refunds_of.get(payment_id, [])}
        ours = [refund for refund in refunds if refund.key in made]
        taken = sum(made[refund.key] for refund in ours) + state.lost_paise_of[payment_id]
        is_late = since and any(_owed_since(refund, refunds) > since for refund in ours)
        if is_late and taken > state.captured_paise_of[payment_id]:
            order_id = state.payment_by_id[payment_id].order_id
            yield Finding(
                Harm.DOUBLED, f"{payment_id} was refunded in a dispute that was lost", order_id
            )


def _lost_since(state: State, payment_id: str) -> str:
    """When we first heard of a dispute that the payment lost; empty for none."""
    lost = {dispute.id for dispute in state.gateway_disputes if dispute.deducted_paise}
    heard = [d.key for d in state.disputes if d.id in lost and d.payment_id == payment_id]
    return min(heard, default="")


def _owed_since(refund: OurRefund, refunds: Iterable[OurRefund]) -> str:
    """A refund that gave way to another is owed on in its place."""
    one = (refund.why, refund.request_id)
    return min(other.key for other in refunds if (other.why, other.request_id) == one)


RULES: tuple[Callable[[State], Iterator[Finding]], ...] = (requests, disputes, disputed_refunds)
