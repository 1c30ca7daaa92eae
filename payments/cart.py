"""What a cart costs its buyer, and whether it can be bought at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from notes.models import Note
from notes.selectors import NoteNotFound, owned_notes
from notes.states import NoteState
from notevault.kit.errors import DomainError
from payments import coupons, pricing
from payments.models import Coupon


class NoteNotForSale(DomainError):
    code = "note_not_for_sale"
    message = "This note is not for sale any more."


class OwnNote(DomainError):
    code = "own_note"
    message = "You cannot buy your own note."


class NoteAlreadyOwned(DomainError):
    code = "note_already_owned"
    message = "You own this note already. It is in your library."


@dataclass(frozen=True)
class PricedCart:
    notes: list[Note]
    quote: pricing.Quote
    coupon: Coupon | None


def quote_cart(
    *, buyer_id: UUID, note_ids: Sequence[UUID], coupon_code: str | None = None, now: datetime
) -> PricedCart:
    """What `start_checkout` would ask for this cart, and with the same refusals.

    A coupon that would take nothing off is refused, so that no use of it is lost.
    """
    notes = _buyable(buyer_id, sorted(set(note_ids)))
    priced = [(note.price_paise, note.page_count) for note in notes]
    if coupon_code is None:
        return PricedCart(notes, pricing.quote(priced), None)
    coupon = coupons.get_coupon(code=coupon_code, buyer_id=buyer_id, now=now)
    quote = pricing.quote(priced, coupons.rebate_for(notes, coupon))
    if not quote.coupon_discount_paise:
        raise coupons.CouponNotForTheseNotes
    return PricedCart(notes, quote, coupon)


def _buyable(buyer_id: UUID, cart: list[UUID]) -> list[Note]:
    found = {note.pk: note for note in Note.objects.filter(pk__in=cart)}
    owned = owned_notes(buyer_id=buyer_id, note_ids=cart)
    for note_id in cart:
        note = found.get(note_id)
        if note is None or note.published_at is None:
            raise NoteNotFound(note_id=str(note_id))
        if note_id in owned:
            raise NoteAlreadyOwned(note_id=str(note_id))
        if note.state != NoteState.PUBLISHED:
            raise NoteNotForSale(note_id=str(note_id))
        if note.seller_id == buyer_id:
            raise OwnNote(note_id=str(note_id))
    return [found[note_id] for note_id in cart]
