"""Files for spreadsheets: no text of anybody's becomes a formula there."""

from __future__ import annotations

import csv
import io

import pytest

from notevault.kit.spreadsheets import csv_download, guarded, write_rows


class TestGuarded:
    @pytest.mark.parametrize(
        "text",
        [
            '=HYPERLINK("http://evil.example","Click")',
            "+1+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1:A9)",
            "\t=1+1",
            "\r=1+1",
            "  =1+1",
            "＝1+1",
        ],
    )
    def test_keeps_a_formula_from_running(self, text):
        assert guarded(text) == f"'{text}"

    @pytest.mark.parametrize("cell", ["A = B", "", "-12.50", "+7", "a@b.example", -1250, 0])
    def test_leaves_words_and_numbers_alone(self, cell):
        assert guarded(cell) == cell


class TestWriteRows:
    def test_keeps_commas_quotes_and_lines_in_their_cell(self):
        cells = ['Trees, "balanced"', "two\nlines", "राजनीति"]

        written = write_rows([cells]).decode()

        assert list(csv.reader(io.StringIO(written, newline=""))) == [cells]
        assert written.endswith("\r\n")


class TestCsvDownload:
    def test_takes_one_batch_at_a_time(self):
        taken: list[int] = []

        def batches():
            for number in range(3):
                taken.append(number)
                yield [[number, "x"]]

        chunks = iter(csv_download("x.csv", header=["n", "text"], batches=batches()))

        assert (next(chunks), taken) == (b"\xef\xbb\xbfn,text\r\n", [])
        assert (next(chunks), taken) == (b"0,x\r\n", [0])
        assert b"".join(chunks) == b"1,x\r\n2,x\r\n"

    def test_is_saved_under_its_name(self):
        response = csv_download("ledger.csv", header=["n"], batches=[])

        assert response["Content-Disposition"] == 'attachment; filename="ledger.csv"'
        assert response["Content-Type"] == "text/csv; charset=utf-8; header=present"
