"""Approved payouts become a file for the bank."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db.models import QuerySet

from notevault.kit.errors import DomainError
from ops.transactions import use_case
from payments import locks
from payments.models import Payout, PayoutBatch
from payments.payouts.bank_files import write_batch
from payments.payouts.own import OwnPayout, is_own
from payments.states import PayoutFormat, PayoutState

log = structlog.get_logger("notevault.payouts")


class NothingToExport(DomainError):
    code = "nothing_to_export"
    message = "None of these payouts is approved."


class MixedFormats(DomainError):
    code = "mixed_payout_formats"
    message = "UPI and bank payouts go into files of their own. Choose one kind of them."


def list_approved(file_format: PayoutFormat) -> QuerySet[Any, Any]:
    approved = Payout.objects.filter(state=PayoutState.APPROVED).order_by("created_at")
    to_bank = {"upi_id": ""}
    if file_format == PayoutFormat.BANK:
        return approved.filter(**to_bank)
    return approved.exclude(**to_bank)


@use_case
def make_batch(
    *, payout_ids: Collection[UUID], actor_id: UUID | None, now: datetime
) -> PayoutBatch:
    """Put the approved ones of these payouts into one file, and call them exported.

    The others, and the actor's own, are left as they are. Raises NothingToExport, OwnPayout
    when only own ones could be exported, and MixedFormats when both UPI ids and bank accounts
    are among them; then nothing was exported. A payout is in one file at a time, whoever
    exports with us.
    """
    approved = [row for row in locks.lock_payouts(payout_ids) if row.state == PayoutState.APPROVED]
    payouts = [row for row in approved if not is_own(row, actor_id)]
    formats = {payout.format for payout in payouts}
    if not payouts:
        raise OwnPayout if approved else NothingToExport
    if len(formats) > 1:
        raise MixedFormats
    batch = _write(payouts, formats.pop(), actor_id, now)
    for payout in payouts:
        payout.batch, payout.exported_at = batch, now
    Payout.move_locked(
        [(payout, f"in {batch.file_name}") for payout in payouts],
        PayoutState.EXPORTED,
        now=now,
        actor_id=actor_id,
        changed=["batch", "exported_at"],
    )
    log.info("payout_batch.made", batch_id=str(batch.pk), count=batch.count)
    return batch


def _write(
    payouts: list[Payout], file_format: PayoutFormat, actor_id: UUID | None, now: datetime
) -> PayoutBatch:
    return PayoutBatch.objects.create(
        format=file_format,
        made_by_id=actor_id,
        made_at=now,
        count=len(payouts),
        sum_paise=sum(payout.amount_paise for payout in payouts),
        content=write_batch(payouts, file_format=file_format),
    )
