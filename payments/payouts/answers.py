"""What the bank says of the payouts that it was handed: paid with a UTR, or failed.

Each line of its answer is judged by itself. One that cannot be right is refused with a
sentence and the others go on; one that is known already changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import Q, TextChoices

from ops.transactions import use_case
from payments import locks, mails
from payments.ledger.posting import post
from payments.models import Payout
from payments.payouts import postings
from payments.payouts.bank_files import Answer
from payments.payouts.own import OwnPayout, is_own
from payments.states import PayoutState

BATCH = 200
_REFERENCE = re.compile(r"(NV[0-9A-F]{12})([0-9]{2,5})")
# 12 digits of UPI and IMPS, 16 characters of NEFT, 22 of RTGS.
_UTR = re.compile(r"[A-Z0-9]{10,22}")
NO_REASON = "The bank gave no reason."

log = structlog.get_logger("notevault.payouts")


class Result(TextChoices):
    PAID = "paid"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class Verdict:
    answer: Answer
    result: Result
    sentence: str
    payout: Payout | None = None


Verdicts = list[Verdict]
Known = Mapping[str, Payout]


def preview_answers(answers: Sequence[Answer], *, actor_id: UUID | None) -> Verdicts:
    """What `apply_answers` would do now; changes nothing."""
    known = _find(answers)
    return _judge(answers, known, _doubled(answers, known), actor_id)


def apply_answers(answers: Sequence[Answer], *, actor_id: UUID | None, now: datetime) -> Verdicts:
    """Do what the bank says, a batch in a transaction, and say what became of each line."""
    known = _find(answers)
    ids = {name: payout.pk for name, payout in known.items()}
    doubled = _doubled(answers, known)
    verdicts: Verdicts = []
    for start in range(0, len(answers), BATCH):
        some = answers[start : start + BATCH]
        verdicts += _apply(some, ids=ids, doubled=doubled, actor_id=actor_id, now=now)
    counts = Counter(str(verdict.result) for verdict in verdicts)
    log.info("payouts.answered", actor_id=str(actor_id), **counts)
    return verdicts


@use_case
def _apply(
    answers: Sequence[Answer],
    *,
    ids: Mapping[str, UUID],
    doubled: set[str],
    actor_id: UUID | None,
    now: datetime,
) -> Verdicts:
    """The payouts are locked, and judged as they are then."""
    locks.lock_utrs()
    names = {answer.name: ids[answer.name] for answer in answers if answer.name in ids}
    rows = {payout.pk: payout for payout in locks.lock_payouts(set(names.values()))}
    known = {name: rows[payout_id] for name, payout_id in names.items()}
    verdicts = _judge(answers, known, doubled, actor_id)
    _fail(_chosen(verdicts, Result.FAILED), actor_id=actor_id, now=now)
    _pay(_chosen(verdicts, Result.PAID), actor_id=actor_id, now=now)
    return verdicts


Chosen = list[tuple[Payout, Answer]]


def _chosen(verdicts: Verdicts, result: Result) -> Chosen:
    return [(v.payout, v.answer) for v in verdicts if v.payout and v.result == result]


def _pay(chosen: Chosen, *, actor_id: UUID | None, now: datetime) -> None:
    for payout, answer in chosen:
        payout.utr, payout.paid_at = answer.utr, now
    Payout.move_locked(
        [(payout, f"UTR {answer.utr}") for payout, answer in chosen],
        PayoutState.PAID,
        now=now,
        actor_id=actor_id,
        changed=["utr", "paid_at"],
    )
    post([postings.paid(payout) for payout, _ in chosen], now=now)
    if chosen:
        mails.tell_of_paid([payout.pk for payout, _ in chosen])


def _fail(chosen: Chosen, *, actor_id: UUID | None, now: datetime) -> None:
    for payout, answer in chosen:
        payout.refused_why = _reason(answer)
    Payout.move_locked(
        [(payout, payout.refused_why) for payout, _ in chosen],
        PayoutState.FAILED,
        now=now,
        actor_id=actor_id,
        changed=["refused_why"],
    )


def _reason(answer: Answer) -> str:
    return answer.reason[:500] or NO_REASON


def _find(answers: Iterable[Answer]) -> dict[str, Payout]:
    """The payouts by the names that the file has for them, in one query."""
    codes = {answer.name: code for answer in answers if (code := code_of(answer.name))}
    ids = {answer.name: pk for answer in answers if (pk := _id(answer.name))}
    found = Payout.objects.filter(Q(code__in=codes.values()) | Q(pk__in=ids.values()))
    by_code = {payout.code: payout for payout in found}
    by_id = {payout.pk: payout for payout in by_code.values()}
    named = [(name, by_code.get(code)) for name, code in codes.items()]
    named += [(name, by_id.get(pk)) for name, pk in ids.items()]
    return {name: payout for name, payout in named if payout}


def code_of(name: str) -> str:
    """Of the payout that a reference of any attempt names; empty for what is none."""
    match = _REFERENCE.fullmatch(name.upper())
    return match[1] if match else ""


def _id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _doubled(answers: Iterable[Answer], known: Known) -> set[str]:
    """Names and UTRs that stand in the file more than once: nobody knows which is meant."""
    rows = list(answers)
    payouts = Counter(known[row.name].pk for row in rows if row.name in known)
    utrs = Counter(row.utr for row in rows if row.status == PayoutState.PAID)
    names = {name for name, payout in known.items() if payouts[payout.pk] > 1}
    return names | {utr for utr, count in utrs.items() if count > 1}


def _judge(
    answers: Sequence[Answer], known: Known, doubled: set[str], actor_id: UUID | None
) -> Verdicts:
    utrs = {answer.utr for answer in answers if _UTR.fullmatch(answer.utr)}
    taken = dict(Payout.objects.filter(utr__in=utrs).values_list("utr", "pk"))
    return [
        _verdict(answer, known.get(answer.name), doubled, taken, actor_id) for answer in answers
    ]


def _verdict(
    answer: Answer,
    payout: Payout | None,
    doubled: set[str],
    taken: Mapping[str, UUID],
    actor_id: UUID | None,
) -> Verdict:
    if payout is None:
        return Verdict(answer, Result.REFUSED, "There is no such payout.")
    if is_own(payout, actor_id):
        return Verdict(answer, Result.REFUSED, OwnPayout.message)
    refusal = _unclear(answer, payout, doubled)
    if refusal:
        return Verdict(answer, Result.REFUSED, refusal)
    return _JUDGES[answer.status](answer, payout, taken)


def _unclear(answer: Answer, payout: Payout, doubled: set[str]) -> str:
    """Why this line says nothing certain of its payout; empty when it does."""
    if answer.status not in _JUDGES:
        return f"The status is {answer.status or 'empty'}, not paid or failed."
    if answer.name in doubled:
        return "This payout stands in the file more than once."
    if answer.status == PayoutState.PAID and answer.utr in doubled:
        return f"The UTR {answer.utr} stands in the file more than once."
    if payout.attempt > 1 and _id(answer.name):
        return "This payout was sent more than once: name it by its reference."
    if code_of(answer.name) and answer.name.upper() != payout.reference:
        return f"This is of an attempt that was given up; the last is {payout.reference}."
    return ""


def _of_paid(answer: Answer, payout: Payout, taken: Mapping[str, UUID]) -> Verdict:
    if not _UTR.fullmatch(answer.utr):
        sentence = "A UTR has 10 to 22 letters and digits."
        return Verdict(answer, Result.REFUSED, sentence, payout)
    if payout.state == PayoutState.PAID and payout.utr == answer.utr:
        return Verdict(answer, Result.UNCHANGED, "It was paid before.", payout)
    if answer.utr in taken and taken[answer.utr] != payout.pk:
        sentence = f"The UTR {answer.utr} belongs to another payout."
        return Verdict(answer, Result.REFUSED, sentence, payout)
    if payout.state != PayoutState.EXPORTED:
        return _wrong_state(answer, payout)
    return Verdict(answer, Result.PAID, f"Paid with UTR {answer.utr}.", payout)


def _of_failed(answer: Answer, payout: Payout, taken: Mapping[str, UUID]) -> Verdict:
    if payout.state == PayoutState.FAILED:
        return Verdict(answer, Result.UNCHANGED, "It had failed before.", payout)
    if payout.state != PayoutState.EXPORTED:
        return _wrong_state(answer, payout)
    return Verdict(answer, Result.FAILED, f"Failed: {_reason(answer)}", payout)


def _wrong_state(answer: Answer, payout: Payout) -> Verdict:
    sentence = f"It is {payout.state}; only an exported payout can be {answer.status}."
    return Verdict(answer, Result.REFUSED, sentence, payout)


_JUDGES: dict[str, Callable[[Answer, Payout, Mapping[str, UUID]], Verdict]] = {
    "paid": _of_paid,
    "failed": _of_failed,
}
