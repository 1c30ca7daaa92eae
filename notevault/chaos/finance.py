"""The staff who pay the sellers, and the time that must pass before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from uuid import UUID

from procrastinate import exceptions
from procrastinate.contrib.django import app

from notevault.chaos.banks import PayingBank
from notevault.chaos.staff import patiently, refused
from notevault.kit import clock
from payments import escrow, payouts
from payments.models import Dispute, OrderItem, Payout, PayoutBatch
from payments.states import LIVE_DISPUTE, PayoutFormat, PayoutState

OLD_LINES = 0.4
REJECTED = 0.1
OLD_ANSWERS = 0.1
MOST_ATTEMPTS = 3
# What the worker does once an hour, or nearly.
HOURLY = (
    "payments.tasks.release_escrow",
    "payments.tasks.sweep_pending_refunds",
    "payments.tasks.find_unheard_disputes",
    "payments.tasks.sweep_open_disputes",
)


class Finance:
    def __init__(self, *, staff: tuple[UUID, UUID], bank: PayingBank, dice: Random) -> None:
        self._actor = staff[1]
        self._bank = bank
        self._dice = dice

    def look(self) -> None:
        """A week passes for some lines and an hour for all; then the payouts go on."""
        patiently(self._age_lines)
        patiently(_pass_an_hour)
        patiently(lambda: list(escrow.release_due(now=clock.now(), limit=3)))
        for payout in patiently(lambda: list(Payout.objects.exclude(state__in=OVER))):
            self._decide(payout)
        for file_format in PayoutFormat:
            self._export(file_format)
        for batch in patiently(self._files_to_ask_for):
            self._ask_bank(batch)

    def _files_to_ask_for(self) -> list[PayoutBatch]:
        """Those with payouts that nobody has heard of, and now and then an old one."""
        files = list(PayoutBatch.objects.order_by("made_at"))
        open_payouts = Payout.objects.filter(state=PayoutState.EXPORTED)
        waiting = set(open_payouts.values_list("batch_id", flat=True))
        return [
            batch for batch in files if batch.pk in waiting or self._dice.random() < OLD_ANSWERS
        ]

    def _age_lines(self) -> None:
        now = clock.now()
        young = OrderItem.objects.filter(release_at__gt=now, released_at=None)
        ids = [pk for pk in young.values_list("pk", flat=True) if self._dice.random() < OLD_LINES]
        OrderItem.objects.filter(pk__in=ids).update(release_at=now - timedelta(seconds=1))

    def _decide(self, payout: Payout) -> None:
        """Each by what it was when it was read: somebody may have been quicker."""
        is_rejected = self._dice.random() < REJECTED
        match payout.state:
            case PayoutState.REQUESTED | PayoutState.APPROVED if is_rejected:
                self._reject(payout)
            case PayoutState.REQUESTED:
                self._do(payouts.approve_payout, payout)
            case PayoutState.FAILED if payout.attempt >= MOST_ATTEMPTS:
                self._reject(payout)
            case PayoutState.FAILED:
                self._do(payouts.retry_payout, payout)

    def _do(self, decision: Callable[..., Payout], payout: Payout) -> None:
        refused(partial(decision, payout_id=payout.pk, actor_id=self._actor, now=clock.now()))

    def _reject(self, payout: Payout) -> None:
        self._do(partial(payouts.reject_payout, why="not to this account"), payout)

    def _export(self, file_format: PayoutFormat) -> None:
        approved = payouts.list_approved(file_format).values_list("pk", flat=True)
        ids = patiently(lambda: list(approved))
        if ids:
            make = partial(
                payouts.make_batch, payout_ids=ids, actor_id=self._actor, now=clock.now()
            )
            refused(make)

    def _ask_bank(self, batch: PayoutBatch) -> None:
        """Each file is handed in once, and its answer imported again and again."""
        if not self._bank.has(batch.pk):
            self._bank.take(batch.pk, batch.content)
            return
        answers = payouts.read_answers(self._bank.answer(batch.pk))
        apply = partial(payouts.apply_answers, answers, actor_id=self._actor, now=clock.now())
        patiently(apply)


OVER = (PayoutState.PAID, PayoutState.REJECTED, PayoutState.EXPORTED)


def _pass_an_hour() -> None:
    """The worker's own jobs: so a kill may meet them."""
    Dispute.objects.filter(state__in=LIVE_DISPUTE).update(ask_at=clock.now())
    for name in HOURLY:
        try:
            app.tasks[name].defer(timestamp=0)
        except exceptions.AlreadyEnqueued:
            continue
