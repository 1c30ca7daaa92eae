"""The files between staff and the bank: what we hand in, and how its answer is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from notevault.kit.errors import DomainError
from notevault.kit.money import plain_rupees
from notevault.kit.spreadsheets import write_rows
from payments.models import Payout
from payments.states import PayoutFormat

REMARKS = "NoteVault payout"
BANK_HEADER = ("beneficiary_name", "account_number", "ifsc", "amount", "reference", "remarks")
UPI_HEADER = ("upi_id", "amount", "reference", "remarks")

MAX_BYTES = 256 * 1024
MAX_ROWS = 2000
# A payout is named by the reference that the bank was told, or by its id.
_NAMES = ("reference", "payout_id", "payout id")


class AnswerFileRefused(DomainError):
    code = "answer_file_refused"


@dataclass(frozen=True)
class Answer:
    """One line of the bank's answer, as it stands in the file, without spaces around."""

    line: int
    name: str
    status: str
    utr: str = ""
    reason: str = ""


def write_batch(payouts: Sequence[Payout], *, file_format: PayoutFormat) -> str:
    is_upi = file_format == PayoutFormat.UPI
    header = UPI_HEADER if is_upi else BANK_HEADER
    rows = [_upi_row(payout) if is_upi else _bank_row(payout) for payout in payouts]
    return write_rows([header, *rows]).decode()


def _bank_row(payout: Payout) -> Sequence[str]:
    return (payout.holder_name, payout.account_number, payout.ifsc, *_money(payout))


def _upi_row(payout: Payout) -> Sequence[str]:
    return (payout.upi_id, *_money(payout))


def _money(payout: Payout) -> Sequence[str]:
    return (plain_rupees(payout.amount_paise), payout.reference, REMARKS)


def read_answers(content: bytes) -> list[Answer]:
    """The lines of a CSV with the columns reference (or payout_id), status, utr and reason.

    Other columns are passed over, so that the file we handed in may be filled in and come
    back. Raises AnswerFileRefused for one that is too large or is no such file.
    """
    if len(content) > MAX_BYTES:
        raise AnswerFileRefused(f"The file is larger than {MAX_BYTES // 1024} KiB.")
    rows = _rows(content)
    columns = _columns(rows[0] if rows else [])
    answers = [
        Answer(line, **_cells(row, columns))
        for line, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]
    if not answers:
        raise AnswerFileRefused("The file has no lines under its header.")
    if len(answers) > MAX_ROWS:
        raise AnswerFileRefused(f"The file has more than {MAX_ROWS} lines: split it.")
    return answers


def _rows(content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnswerFileRefused("The file is not CSV in UTF-8.") from error
    if "\0" in text:
        raise AnswerFileRefused("The file is not CSV: it holds bytes that are no text.")
    return rows


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Where each field of an answer stands."""
    places = {cell.strip().lower(): place for place, cell in enumerate(header)}
    name = next((name for name in _NAMES if name in places), "reference")
    missing = [column for column in (name, "utr", "status") if column not in places]
    if missing:
        raise AnswerFileRefused(f"The first line names no column {_any_of(missing)}.")
    columns = {"name": places[name], "utr": places["utr"], "status": places["status"]}
    return columns | ({"reason": places["reason"]} if "reason" in places else {})


def _any_of(names: Sequence[str]) -> str:
    *some, last = names
    return f"{', '.join(some)} or {last}" if some else last


def _cells(row: Sequence[str], columns: dict[str, int]) -> dict[str, str]:
    """An apostrophe in front only kept a spreadsheet from taking the cell for something else."""
    cells = {
        field: row[place].strip().removeprefix("'") if place < len(row) else ""
        for field, place in columns.items()
    }
    return cells | {
        "utr": cells["utr"].upper(),
        "status": cells["status"].lower(),
    }
