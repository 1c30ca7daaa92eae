"""The check of an uploaded file, with a real child process."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from notes import pdf
from notes.pdf import PdfFacts, PdfReason, PdfRejected, inspect_pdf
from notes.tests import pdfs
from notevault.kit.errors import DomainError

Check = Callable[[bytes], PdfFacts]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def check(content: bytes) -> PdfFacts:
        path = tmp_path / "notes.pdf"
        path.write_bytes(content)
        return inspect_pdf(path)

    return check


def refusal(check: Check, content: bytes) -> PdfReason:
    with pytest.raises(PdfRejected) as caught:
        check(content)
    return caught.value.reason


def reportlab_pdf() -> bytes:
    """Bookmarks, a link inside, a link outside, a form field."""
    out = BytesIO()
    canvas = Canvas(out)
    canvas.bookmarkPage("JavaScript")
    canvas.addOutlineEntry("JavaScript", "JavaScript")
    canvas.drawString(72, 700, "Closures in JavaScript: /JS /Launch /EmbeddedFile")
    canvas.linkURL("https://example.com/", (72, 690, 200, 710))
    canvas.linkRect("", "JavaScript", (72, 650, 200, 670))
    canvas.acroForm.textfield(name="name", x=72, y=600)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


class TestAnOrdinaryPdfPasses:
    @pytest.mark.parametrize(
        ("content", "pages"),
        [
            pytest.param(pdfs.small_pdf(3), 3, id="plain"),
            pytest.param(pdfs.many_pages_pdf(500), 500, id="500 pages"),
            pytest.param(b"\r\n" * 400 + pdfs.small_pdf(1), 1, id="lines before the header"),
            pytest.param(pdfs.updated_pdf(), 1, id="saved in place"),
            pytest.param(pdfs.compact_pdf(pdfs.small_pdf(2)), 2, id="object streams"),
            pytest.param(pdfs.linearized_pdf(pdfs.small_pdf(2)), 2, id="linearized"),
            pytest.param(reportlab_pdf(), 1, id="links, bookmarks and a form"),
        ],
    )
    def test_with_its_pages_counted(self, check: Check, content: bytes, pages: int) -> None:
        assert check(content) == PdfFacts(pages=pages)

    @pytest.mark.parametrize(
        "catalog",
        [
            pytest.param(b"/OpenAction [3 0 R /Fit]", id="opens at a place"),
            pytest.param(b"/OpenAction << /S /GoTo /D [3 0 R /Fit] >>", id="goes to a place"),
            pytest.param(
                b"/Dests << /JavaScript [3 0 R /Fit] /JS [3 0 R /Fit] /AF [3 0 R /Fit] >>",
                id="places named like scripts",
            ),
            pytest.param(
                b"/Names << /EmbeddedFiles << /Names [] >> /JavaScript << /Names [] >> >>",
                id="empty name trees",
            ),
        ],
    )
    def test_with_harmless_entries_in_its_catalog(self, check: Check, catalog: bytes) -> None:
        assert check(pdfs.pdf_with(catalog=catalog)) == PdfFacts(pages=1)

    def test_whatever_its_file_is_called(self, tmp_path: Path) -> None:
        path = tmp_path / "-c; rm notes.exe"
        path.write_bytes(pdfs.small_pdf(1))

        assert inspect_pdf(path) == PdfFacts(pages=1)


class TestABadPdfIsRefused:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (pdfs.empty(), PdfReason.EMPTY),
            (pdfs.renamed_png(), PdfReason.NOT_A_PDF),
            (b"\n" * 1024 + pdfs.small_pdf(1), PdfReason.NOT_A_PDF),
            (b"%PDF-1.7\nand nothing else", PdfReason.DAMAGED),
            (pdfs.truncated_pdf(), PdfReason.DAMAGED),
            (pdfs.damaged_pdf(), PdfReason.DAMAGED),
            (pdfs.pageless_pdf(), PdfReason.NO_PAGES),
            (pdfs.many_pages_pdf(501), PdfReason.TOO_MANY_PAGES),
            (pdfs.encrypted_pdf(), PdfReason.ENCRYPTED),
            (pdfs.restricted_pdf(), PdfReason.ENCRYPTED),
        ],
    )
    def test_for_what_it_is(self, check: Check, content: bytes, reason: PdfReason) -> None:
        assert refusal(check, content) == reason

    def test_when_a_page_names_contents_that_are_no_stream(self, check: Check) -> None:
        content = pdfs.small_pdf(1).replace(b"/Contents 5 0 R", b"/Contents 1 0 R")

        assert refusal(check, content) == PdfReason.DAMAGED

    def test_when_a_page_is_too_large_to_draw(self, check: Check) -> None:
        content = pdfs.small_pdf(1).replace(b"595 842", b"9e9 842")

        assert refusal(check, content) == PdfReason.DAMAGED

    def test_when_the_text_of_a_page_does_not_unpack(self, check: Check) -> None:
        noise = pdfs.stream_object(b"\x78\xda" + b"\xff" * 50, b"/Filter /FlateDecode")

        assert refusal(check, pdfs.document([noise], pages=1)) == PdfReason.DAMAGED


class TestAPicture:
    @pytest.mark.parametrize(
        ("data", "entries"),
        [
            (b"\xff\xd8\xff\xd9", b"/Filter /DCTDecode"),
            (b"s8TkF~>", b"/Filter [/ASCII85Decode /DCTDecode] /DecodeParms [null << >>]"),
            (b"\x00\xff\x80", b"/Filter /RunLengthDecode"),
            (b"s8TkF~>", b"/Filter [/A85 /DCT] /DecodeParms << /ColorTransform 1 >>"),
        ],
    )
    def test_passes_in_its_own_codec(self, check: Check, data: bytes, entries: bytes) -> None:
        picture = pdfs.stream_object(data, b"/Subtype /Image /Width 1 /Height 1 " + entries)

        assert check(pdfs.pdf_with(picture)) == PdfFacts(pages=1)


SCRIPT = b"<< /S /JavaScript /JS (app.alert) >>"


class TestAScriptIsRefused:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(pdfs.pdf_with_javascript(), id="on opening"),
            pytest.param(pdfs.pdf_with_named_script(), id="in the name tree"),
            pytest.param(pdfs.pdf_with_open_action_launch(), id="a program on opening"),
            pytest.param(pdfs.pdf_with(SCRIPT, page=b"/AA << /O {0} 0 R >>"), id="on a page"),
            pytest.param(
                pdfs.pdf_with(page=b"/Annots [<< /Subtype /Link /A " + SCRIPT + b" >>]"),
                id="in a link",
            ),
            pytest.param(
                pdfs.pdf_with(catalog=b"/AcroForm << /Fields [<< /AA << /K %s >> >>] >>" % SCRIPT),
                id="in a field",
            ),
            pytest.param(pdfs.pdf_with(SCRIPT), id="in an object nothing refers to"),
            pytest.param(
                pdfs.pdf_with(b"<< /#53 /Java#53cript /J#53 (app.alert) >>"), id="spelt in hex"
            ),
            pytest.param(
                pdfs.pdf_with(b"<< /S {1} 0 R /F (calc.exe) >>", b"/Launch"), id="named elsewhere"
            ),
            pytest.param(
                pdfs.pdf_with(b"(app.alert)", b"<< /Next << /JS {0} 0 R >> >>"), id="held elsewhere"
            ),
            pytest.param(pdfs.pdf_with(b"[" * 90 + SCRIPT + b"]" * 90), id="deep in arrays"),
            pytest.param(
                pdfs.compact_pdf(pdfs.pdf_with_named_script()), id="inside an object stream"
            ),
            pytest.param(
                pdfs.pdf_with(catalog=rb"/OpenAction << /S /GoToR /F (\\\\evil\\share) >>"),
                id="a far file on opening",
            ),
            pytest.param(
                pdfs.pdf_with(
                    pdfs.stream_object(b"<xdp/>"), catalog=b"/AcroForm << /XFA {0} 0 R >>"
                ),
                id="an XFA form",
            ),
        ],
    )
    def test_wherever_it_is(self, check: Check, content: bytes) -> None:
        assert refusal(check, content) == PdfReason.SCRIPTS


EMBEDDED = pdfs.stream_object(b"MZ", b"/Type /EmbeddedFile")
SPECIFICATION = b"<< /Type /Filespec /F (a.exe) /EF << /F {0} 0 R >> >>"


class TestAnAttachmentIsRefused:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(pdfs.pdf_with_attachment(), id="in the name tree"),
            pytest.param(pdfs.pdf_with(EMBEDDED), id="that nothing refers to"),
            pytest.param(
                pdfs.pdf_with(pdfs.stream_object(b"MZ"), page=b"/AF [" + SPECIFICATION + b"]"),
                id="associated with a page",
            ),
            pytest.param(
                pdfs.pdf_with(page=b"/Annots [<< /Subtype /FileAttachment >>]"), id="as a note"
            ),
            pytest.param(pdfs.pdf_with(page=b"/Annots [<< /Subtype /RichMedia >>]"), id="as media"),
            pytest.param(
                pdfs.pdf_with(page=b"/Annots [<< /Subtype /Link /A << /S /GoToE >> >>]"),
                id="as a link's target",
            ),
        ],
    )
    def test_wherever_it_is(self, check: Check, content: bytes) -> None:
        assert refusal(check, content) == PdfReason.ATTACHMENTS


class TestAFileThatCostsTooMuchIsRefused:
    def test_when_it_is_nested_too_deeply(self, check: Check) -> None:
        assert refusal(check, pdfs.deeply_nested_pdf()) == PdfReason.TOO_COMPLEX

    def test_when_a_page_unpacks_to_a_gigabyte(self, check: Check) -> None:
        assert refusal(check, pdfs.decompression_bomb_pdf()) == PdfReason.TOO_COMPLEX

    @pytest.mark.parametrize(
        ("filters", "twice"),
        [(b"/Fl", False), (b"[/FlateDecode /DCTDecode]", False), (b"[/Fl /FlateDecode]", True)],
    )
    def test_however_it_is_packed(self, check: Check, filters: bytes, twice: bool) -> None:
        bomb = pdfs.decompression_bomb_pdf(filters=filters, twice=twice)

        assert refusal(check, bomb) == PdfReason.TOO_COMPLEX

    def test_when_a_few_nodes_stand_for_a_million_million_pages(self, check: Check) -> None:
        with pytest.raises(PdfRejected):
            check(pdfs.page_tree_bomb_pdf())

    def test_when_the_check_outlives_its_time(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "notes.pdf"
        path.write_bytes(pdfs.small_pdf())

        with pytest.raises(PdfRejected) as caught:
            inspect_pdf(path, timeout_s=0.001)

        assert caught.value.reason == PdfReason.TOO_COMPLEX
        assert "took more than 0.001 s" in caplog.text

    @pytest.mark.parametrize(
        "last_act",
        [
            "import os; os.abort()",
            "bytes(2 << 30)",
            "import os; os.write(os.open('left-behind', os.O_CREAT | os.O_WRONLY), b'x')",
            "while True: pass",
        ],
    )
    def test_when_its_process_dies(
        self, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_act: str
    ) -> None:
        limits = pdf.CHILD.read_text().partition("import pikepdf")[0].replace("CPU, 15", "CPU, 1")
        child = tmp_path / "child.py"
        child.write_text(limits + last_act)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(pdf, "COMMAND", (*pdf.COMMAND[:-1], str(child)))

        assert refusal(check, pdfs.small_pdf()) == PdfReason.TOO_COMPLEX


class TestARefusal:
    def test_tells_the_uploader_what_to_do(self) -> None:
        refusal = PdfRejected(PdfReason.ENCRYPTED)

        assert isinstance(refusal, DomainError)
        assert refusal.code == "pdf_rejected"
        assert refusal.params == {"reason": "encrypted"}
        assert str(refusal) == (
            "This PDF is encrypted. Save it without a password or restrictions."
        )

    def test_has_a_message_for_every_reason(self) -> None:
        assert set(pdf.MESSAGES) == set(PdfReason)

    def test_is_not_what_a_missing_file_gets(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            inspect_pdf(tmp_path / "gone.pdf")
