"""PDFs for tests: a good one, and one for each way in which a file can be bad.

Most are written object by object, so that a test holds exactly the bytes it is about.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO

import pikepdf

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def small_pdf(pages: int = 3, text: str = "Notes on the second law") -> bytes:
    """A4 pages in Helvetica, each with `text` (Latin-1) and its number."""
    contents = [
        stream_object(f"BT /F1 24 Tf 72 760 Td ({text}, page {page}) Tj ET".encode("latin-1"))
        for page in range(1, pages + 1)
    ]
    return document(contents, pages=pages)


def many_pages_pdf(pages: int = 501) -> bytes:
    """Many pages that share one content stream."""
    return document([stream_object(b"BT /F1 24 Tf 72 760 Td (One of many) Tj ET")], pages=pages)


def empty() -> bytes:
    return b""


def renamed_png() -> bytes:
    """A picture of one pixel, to be uploaded as `notes.pdf`."""
    return PNG


def truncated_pdf() -> bytes:
    """The first two thirds of a good file."""
    whole = small_pdf()
    return whole[: len(whole) * 2 // 3]


def damaged_pdf() -> bytes:
    """Whole at both ends, with a hole in the middle."""
    whole = bytearray(small_pdf())
    middle = whole.index(b"4 0 obj")
    whole[middle : middle + 40] = bytes(40)
    return bytes(whole)


def pageless_pdf() -> bytes:
    return document([], pages=0)


def encrypted_pdf() -> bytes:
    """Asks for a password when it is opened."""
    return _encrypt(user="open-sesame", owner="owner")


def restricted_pdf() -> bytes:
    """Opens without a password, yet is encrypted: an owner has forbidden printing."""
    return _encrypt(user="", owner="owner")


def pdf_with_javascript() -> bytes:
    """A script that runs when the file is opened."""
    return pdf_with(catalog=b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>")


def pdf_with_named_script() -> bytes:
    """A document-level script, in the catalog's name tree."""
    return pdf_with(
        b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>",
        catalog=b"/Names << /JavaScript << /Names [(start) {0} 0 R] >> >>",
    )


def pdf_with_open_action_launch() -> bytes:
    return pdf_with(catalog=b"/OpenAction << /S /Launch /F (calc.exe) >>")


def pdf_with_attachment() -> bytes:
    """A file in the catalog's name tree, as a reader's "attach file" makes it."""
    with pikepdf.open(BytesIO(small_pdf())) as pdf:
        pdf.attachments["answers.exe"] = b"MZ"
        return _saved(pdf)


def pdf_with(*objects: bytes, catalog: bytes = b"", page: bytes = b"") -> bytes:
    """A page, these objects, and more entries for the catalog or the page.

    In the entries and the objects, `{0}` is the number of the first object, `{1}` of the second.
    """
    first = 6

    def numbered(source: bytes) -> bytes:
        for index in range(len(objects)):
            source = source.replace(b"{%d}" % index, b"%d" % (first + index))
        return source

    return assemble(
        [
            b"<< /Type /Catalog /Pages 2 0 R " + numbered(catalog) + b" >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> " + numbered(page) + b" >>",
            stream_object(b"BT /F1 24 Tf 72 760 Td (A page) Tj ET"),
            FONT,
            *map(numbered, objects),
        ]
    )


def deeply_nested_pdf(depth: int = 100_000) -> bytes:
    """An array inside an array, and so on: it overflows the stack of a careless parser."""
    return pdf_with(b"[" * depth + b"]" * depth)


@cache
def decompression_bomb_pdf(*, filters: bytes = b"/FlateDecode", twice: bool = False) -> bytes:
    """A page of about 1 MB on disk, whose content unpacks to 1 GB; packed twice, of 3 KB."""
    bomb = _packed_zeros(1 << 30)
    return document(
        [stream_object(zlib.compress(bomb) if twice else bomb, b"/Filter " + filters)], pages=1
    )


def page_tree_bomb_pdf(*, levels: int = 12, width: int = 10) -> bytes:
    """A page tree in which every node lists the next one ten times: 10^12 pages."""
    nodes = [
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (width ** (levels - level), b"%d 0 R " % (level + 3) * width)
        for level in range(levels)
    ]
    page = b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] >>" % (levels + 1)
    return assemble([b"<< /Type /Catalog /Pages 2 0 R >>", *nodes, page])


def updated_pdf() -> bytes:
    """Saved again in place, as word processors do: the page and an xref follow the old end."""
    old = small_pdf(pages=1)
    page = b"4 0 obj\n" + _page(number=5) + b"\nendobj\n"
    at = len(old)
    startxref = old[old.rindex(b"startxref") :].split()[1]
    return (
        old
        + page
        + b"xref\n4 1\n%010d 00000 n \n" % at
        + b"trailer\n<< /Size 6 /Root 1 0 R /Prev %s >>\n" % startxref
        + b"startxref\n%d\n%%%%EOF\n" % (at + len(page))
    )


def compact_pdf(source: bytes) -> bytes:
    """The same file with its objects in object streams, as PDF 1.5 writers do."""
    with pikepdf.open(BytesIO(source)) as pdf:
        return _saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def linearized_pdf(source: bytes) -> bytes:
    with pikepdf.open(BytesIO(source)) as pdf:
        return _saved(pdf, linearize=True)


def document(contents: Sequence[bytes], *, pages: int) -> bytes:
    """`pages` pages; each has its own content, or all share the only one."""
    kids = range(4, 4 + pages)
    first_content = 4 + pages
    nodes = [
        _page(number=first_content + (index if len(contents) > 1 else 0)) for index in range(pages)
    ]
    tree = b"<< /Type /Pages /Count %d /Kids [%s] >>"
    return assemble(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            tree % (pages, b" ".join(b"%d 0 R" % kid for kid in kids)),
            FONT,
            *nodes,
            *contents,
        ]
    )


def stream_object(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def assemble(objects: Sequence[bytes]) -> bytes:
    """A file of these objects, numbered from 1; the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, source in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, source)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def _page(*, number: int) -> bytes:
    return (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>" % number
    )


def _encrypt(*, user: str, owner: str) -> bytes:
    with pikepdf.open(BytesIO(small_pdf())) as pdf:
        return _saved(
            pdf,
            encryption=pikepdf.Encryption(
                user=user, owner=owner, allow=pikepdf.Permissions(print_highres=False)
            ),
        )


def _saved(pdf: pikepdf.Pdf, **options: object) -> bytes:
    out = BytesIO()
    save: Callable[..., None] = pdf.save
    save(out, **options)
    return out.getvalue()


def _packed_zeros(size: int) -> bytes:
    """`size` zeros (whole megabytes) in zlib's format, at the price of packing one megabyte."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65521) << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + block * (size >> 20) + b"\x03\x00" + checksum.to_bytes(4, "big")
