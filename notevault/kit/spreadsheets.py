"""CSV files that people open in a spreadsheet: streamed, and no cell of them is a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

Cell = str | int
# Without it Excel takes UTF-8 for the machine's old code page, and Hindi for noise.
BOM = b"\xef\xbb\xbf"
# What Excel, LibreOffice and Sheets begin a formula with, and the wide forms of it.
_FORMULA = tuple("=+-@＝＋－＠")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def csv_download(
    filename: str, *, header: Sequence[str], batches: Iterable[Sequence[Sequence[Cell]]]
) -> StreamingHttpResponse:
    """A file to save; of its rows no more than one batch is in memory."""
    return StreamingHttpResponse(
        _chunks(header, batches),
        content_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def _chunks(header: Sequence[str], batches: Iterable[Sequence[Sequence[Cell]]]) -> Iterator[bytes]:
    yield BOM + write_rows([header])
    for rows in batches:
        yield write_rows(rows)


def write_rows(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Lines of RFC 4180, guarded."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def guarded(cell: Cell) -> Cell:
    """A text that a spreadsheet would run gets an apostrophe before it; numbers stay."""
    if isinstance(cell, int) or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) else cell
