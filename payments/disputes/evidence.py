"""The answer to a bank, drafted from what we know: a text that staff read, correct and send.

It holds nothing that the buyer's bank may not see: no keys, no tokens, no other buyer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from notes.models import DownloadEvent, NoteAccess
from notevault.kit import money
from notevault.kit.clock import indian_time
from payments.models import Dispute, Order, OrderItem, Payment

POLICY = (
    "Notes are digital goods. They are in the buyer's library the moment the payment is captured.",
    "A buyer may ask for a refund within 7 days of the purchase, once for each note.",
    "It is approved at once when the file is broken, or within 24 hours if the note was not "
    "downloaded; otherwise our staff decide.",
    "A refund that is approved goes back by the way in which the buyer paid.",
)


@dataclass(frozen=True)
class Section:
    """Sentences, and a table below them where there are rows."""

    title: str
    sentences: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Evidence:
    title: str
    sections: Sequence[Section]

    def as_markdown(self) -> str:
        blocks = [f"# {_plain(self.title)}"]
        for section in self.sections:
            blocks.append(f"## {_plain(section.title)}")
            if section.sentences:
                blocks.append("\n".join(f"- {_plain(text)}" for text in section.sentences))
            if section.rows:
                blocks.append("\n".join(_table(section)))
        return "\n\n".join(blocks) + "\n"

    def as_text(self) -> str:
        """For a form that takes no Markdown: a row is a line of its columns."""
        blocks = [_line(self.title)]
        for section in self.sections:
            lines = [section.title.upper(), *section.sentences]
            for row in section.rows:
                pairs = zip(section.columns, row, strict=True)
                lines.append("; ".join(f"{column}: {cell}" for column, cell in pairs))
            blocks.append("\n".join(_line(line) for line in lines))
        return "\n\n".join(blocks) + "\n"


def draft_evidence(*, dispute_id: UUID, now: datetime) -> Evidence:
    """All that speaks for us in one dispute. Raises Dispute.DoesNotExist."""
    found = Dispute.objects.select_related("payment__order__buyer")
    dispute = found.get(pk=dispute_id)
    payment, order = dispute.payment, dispute.payment.order
    items = list(order.items.order_by("pk"))
    accesses = _accesses(items)
    return Evidence(
        f"Evidence for dispute {dispute.gateway_dispute_id}",
        [
            _about(dispute, now),
            _purchase(order, items),
            _buyer(order),
            _payment(payment),
            _delivery(accesses),
            _downloads(accesses),
            Section("Our refund policy", POLICY),
            _refunds(payment),
        ],
    )


def _about(dispute: Dispute, now: datetime) -> Section:
    return Section(
        "The dispute",
        [
            f"Payment {dispute.payment.gateway_payment_id}, disputed for "
            f"{money.format_inr(dispute.amount_paise)} on {indian_time(dispute.created_at)}.",
            f"Reason given: {dispute.reason_code or 'none'}. Phase: {dispute.phase or 'none'}.",
            f"To be answered by {_time(dispute.respond_by)}.",
            f"Drafted on {indian_time(now)}.",
        ],
    )


def _purchase(order: Order, items: Sequence[OrderItem]) -> Section:
    # Orders keep the name that their invoice is made out to, once billing asks for one.
    billed_to = getattr(order, "billing_name", "")
    sentences = [
        f"Order {order.pk}, placed on {indian_time(order.created_at)}, paid on "
        f"{_time(order.paid_at)}, {money.format_inr(order.total_paise)} in all."
    ]
    if billed_to:
        sentences.append(f"Billed to {billed_to}.")
    rows = [
        (item.title, money.format_inr(item.price_paise), money.format_inr(item.paid_paise))
        for item in items
    ]
    return Section("What was bought", sentences, ("Note", "Price", "Paid"), rows)


def _buyer(order: Order) -> Section:
    buyer = order.buyer
    earlier = Order.objects.filter(buyer=buyer, paid_at__lt=order.paid_at or order.created_at)
    age = (order.created_at - buyer.date_joined).days
    return Section(
        "Who bought it",
        [
            f"{buyer.name} <{buyer.email}>, with an account since "
            f"{indian_time(buyer.date_joined)}: {max(0, age)} days before this order.",
            f"Orders paid before this one: {earlier.count()}.",
        ],
    )


def _payment(payment: Payment) -> Section:
    return Section(
        "How it was paid",
        [
            f"{money.format_inr(payment.amount_paise)} by {payment.method or 'unknown method'}, "
            f"captured on {_time(payment.captured_at)}.",
            f"Payment {payment.gateway_payment_id} of order {payment.order.gateway_order_id} "
            "at the gateway.",
        ],
    )


def _accesses(items: Sequence[OrderItem]) -> list[NoteAccess]:
    granted = NoteAccess.objects.filter(reference__in=[item.pk for item in items])
    return list(granted.select_related("note__published_file").order_by("granted_at", "pk"))


def _delivery(accesses: Sequence[NoteAccess]) -> Section:
    rows = []
    for access in accesses:
        file = access.note.published_file
        rows.append(
            (
                access.note.title,
                indian_time(access.granted_at),
                indian_time(access.revoked_at) if access.revoked_at else "no",
                str(file.page_count) if file else "",
                f"{file.size_bytes} bytes" if file else "",
                file.sha256 if file else "",
            )
        )
    columns = ("Note", "In the library since", "Taken back", "Pages", "Size", "SHA-256 of the PDF")
    return Section("What was delivered", _unless(rows, "Nothing was delivered."), columns, rows)


def _downloads(accesses: Sequence[NoteAccess]) -> Section:
    events = DownloadEvent.objects.filter(access__in=[access.pk for access in accesses])
    titles = {access.pk: access.note.title for access in accesses}
    rows = [
        (indian_time(event.at), titles[event.access_id], event.ip_address or "", event.user_agent)
        for event in events.order_by("at", "pk")
    ]
    columns = ("When", "Note", "IP address", "Program")
    return Section(
        "Downloads by the buyer, signed in",
        _unless(rows, "No download was asked for."),
        columns,
        rows,
    )


def _refunds(payment: Payment) -> Section:
    rows = [
        (
            indian_time(refund.created_at),
            money.format_inr(refund.amount_paise),
            refund.state,
            refund.gateway_refund_id or "",
        )
        for refund in payment.refunds.order_by("created_at", "pk")
    ]
    columns = ("Asked for", "Amount", "State", "At the gateway")
    return Section("Refunds of this payment", _unless(rows, "There is none."), columns, rows)


def _unless(rows: Sequence[object], sentence: str) -> list[str]:
    return [] if rows else [sentence]


def _time(moment: datetime | None) -> str:
    return indian_time(moment) if moment else "no date given"


def _table(section: Section) -> list[str]:
    lines = [section.columns, ["---"] * len(section.columns), *section.rows]
    return [f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines]


def _plain(text: str) -> str:
    """One line without Markdown of its own: titles and programs' names are other people's."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in _line(text))


def _line(text: str) -> str:
    return " ".join(text.split())
