"""The check of an uploaded PDF, run as a process of its own by `notes.pdf`.

The file comes open on standard input; the answer leaves as one line of JSON, either
`{"pages": 12}` or `{"refused": "scripts"}`. It imports nothing of the house and first
takes away its own memory, time and right to write, so a hostile file costs one process.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

# The limits come before the parser. They are hard ones: nothing here can raise them again.
if __name__ == "__main__":
    for kind, most in (
        (resource.RLIMIT_CPU, 15),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, 1 << 30),
    ):
        if kind == resource.RLIMIT_AS and sys.platform == "darwin":
            continue  # macOS does not let it be lowered
        hard = resource.getrlimit(kind)[1]
        ceiling = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (ceiling, ceiling))

import pikepdf
from pikepdf.settings import set_qpdf_limits

MEGABYTE = 1 << 20
HEADER_WITHIN = 1024
MAX_PAGES = 500
MAX_OBJECTS = 250_000
MAX_INFLATED = 256 * MEGABYTE
MAX_DECODED = 128 * MEGABYTE  # by qpdf's filters, which hold the whole result in memory
MAX_PAGE_SIDE = 14_400  # points; the largest page Acrobat opens
STEP = MEGABYTE

SCRIPT_ACTIONS = {
    "/JavaScript",
    "/Launch",
    "/ImportData",
    "/SubmitForm",
    "/Rendition",
    "/RichMediaExecute",
}
EMBEDDING_ACTIONS = {"/GoToE"}
# What a file may do by itself when it is opened or a page is turned.
QUIET_ACTIONS = {"/GoTo", "/Named"}
MEDIA_ANNOTATIONS = {"/FileAttachment", "/RichMedia", "/3D", "/Movie", "/Sound", "/Screen"}
WATCHED_KEYS = {"/JS", "/JavaScript", "/XFA", "/OpenAction", "/AA", "/AF", "/EF", "/EmbeddedFiles"}
FILE_KEYS = {"/F", "/UF", "/DOS", "/Mac", "/Unix"}
REFUSED_NAMES = SCRIPT_ACTIONS | EMBEDDING_ACTIONS | MEDIA_ANNOTATIONS | {"/EmbeddedFile"}
SUSPECT = re.compile(
    b"(?:" + "|".join(sorted(map(re.escape, REFUSED_NAMES | WATCHED_KEYS))).encode() + rb")\b"
)
IMAGE_CODECS = {"/DCTDecode", "/DCT", "/CCITTFaxDecode", "/CCF", "/JPXDecode", "/JBIG2Decode"}
LZW = {"/LZWDecode", "/LZW"}
LIMIT_WARNINGS = ("parser-max-nesting", "memory limit")
# Loose habits of ordinary writers, which every reader forgives.
HARMLESS_WARNINGS = (
    "repairing",
    "setting",
    "overrid",
    "accepting",
    "with stray #",
    "carriage return only",
    "expected endobj",
    "doesn't point to the root",
)


class Refused(Exception):
    """The file is not taken; `reason` is one of `notes.pdf.PdfReason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def inspect(stream: BinaryIO) -> int:
    """Give the number of pages of a file that may be sold. Raises Refused."""
    check_magic(stream.read(HEADER_WITHIN))
    stream.seek(0)
    set_qpdf_limits(
        flate_max_memory=MAX_DECODED,
        run_length_max_memory=MAX_DECODED,
        png_max_memory=MAX_DECODED,
        tiff_max_memory=MAX_DECODED,
    )
    with open_strictly(stream) as pdf:
        if pdf.is_encrypted:
            raise Refused("encrypted")
        pages = check_pages(pdf)
        check_objects(pdf)
        check_warnings(pdf)
    return pages


def check_magic(head: bytes) -> None:
    if not head:
        raise Refused("empty")
    if b"%PDF-" not in head:
        raise Refused("not_a_pdf")


def open_strictly(stream: BinaryIO) -> pikepdf.Pdf:
    """Open without repair: what we read is then what every reader reads."""
    try:
        return pikepdf.open(
            stream,
            attempt_recovery=False,
            suppress_warnings=True,
            access_mode=pikepdf.AccessMode.mmap,
        )
    except pikepdf.PasswordError:
        raise Refused("encrypted") from None
    except pikepdf.PdfError as error:
        raise Refused("encrypted" if "encrypt" in str(error) else "damaged") from None


def check_pages(pdf: pikepdf.Pdf) -> int:
    try:
        count = len(pdf.pages)
    except pikepdf.PdfError:
        raise Refused("damaged") from None
    if count == 0:
        check_warnings(pdf)
        raise Refused("no_pages")
    if count > MAX_PAGES:
        raise Refused("too_many_pages")
    for page in pdf.pages:
        check_page(page)
    return count


def check_page(page: pikepdf.Page) -> None:
    """A page has a size a reader can show, and contents that are there when it names some."""
    contents = page.obj.get("/Contents")
    parts = contents if isinstance(contents, pikepdf.Array) else [contents]
    if contents is not None and not all(isinstance(part, pikepdf.Stream) for part in parts):
        raise Refused("damaged")
    try:
        left, bottom, right, top = (float(side) for side in page.mediabox)
    except (TypeError, ValueError):
        raise Refused("damaged") from None
    if not (0 < abs(right - left) <= MAX_PAGE_SIDE and 0 < abs(top - bottom) <= MAX_PAGE_SIDE):
        raise Refused("damaged")


def check_objects(pdf: pikepdf.Pdf) -> None:
    """Look at every object of the file, referred to or not."""
    if len(pdf.objects) > MAX_OBJECTS:
        raise Refused("too_complex")
    for item in chain(pdf.objects, [pdf.trailer]):
        if isinstance(item, pikepdf.Stream):
            check_structure(item.stream_dict)
            check_stream(item)
        elif isinstance(item, pikepdf.Dictionary | pikepdf.Array):
            check_structure(item)
        elif isinstance(item, pikepdf.Name) and str(item) in REFUSED_NAMES:
            raise Refused("scripts")  # `/S 9 0 R`, to hide the name from a plain look


def check_structure(container: pikepdf.Object) -> None:
    if SUSPECT.search(container.unparse(resolved=True)):
        for dictionary in dictionaries_in(container):
            check_scripts(dictionary)
            check_attachments(dictionary)


def dictionaries_in(container: pikepdf.Object) -> Iterator[pikepdf.Dictionary]:
    """The container's own dictionaries; what it refers to is an object by itself."""
    waiting = [container]
    while waiting:
        current = waiting.pop()
        if isinstance(current, pikepdf.Dictionary):
            yield current
        waiting += [
            child
            for child in children_of(current)
            if isinstance(child, pikepdf.Dictionary | pikepdf.Array) and not child.is_indirect
        ]


def children_of(container: pikepdf.Object) -> list[object]:
    if isinstance(container, pikepdf.Dictionary):
        return [value for _, value in container.items()]
    return list(container)


def check_scripts(dictionary: pikepdf.Dictionary) -> None:
    action = str(dictionary.get("/S"))
    triggers = dictionary.get("/AA")
    by_itself: list[object] = [dictionary.get("/OpenAction")]
    if isinstance(triggers, pikepdf.Dictionary):
        by_itself += children_of(triggers)
    if (
        action in SCRIPT_ACTIONS
        or isinstance(dictionary.get("/JS"), pikepdf.String | pikepdf.Stream)
        or isinstance(dictionary.get("/XFA"), pikepdf.Array | pikepdf.Stream)
        or is_filled_tree(dictionary.get("/JavaScript"))
        or any(map(is_loud, by_itself))
    ):
        raise Refused("scripts")


def check_attachments(dictionary: pikepdf.Dictionary) -> None:
    if (
        str(dictionary.get("/S")) in EMBEDDING_ACTIONS
        or str(dictionary.get("/Subtype")) in MEDIA_ANNOTATIONS
        or str(dictionary.get("/Type")) == "/EmbeddedFile"
        or names_a_file(dictionary.get("/EF"))
        or is_filled_tree(dictionary.get("/EmbeddedFiles"))
        or is_associated(dictionary.get("/AF"))
    ):
        raise Refused("attachments")


def is_loud(action: object) -> bool:
    """Whether an action that starts by itself does more than turn to a page."""
    if not isinstance(action, pikepdf.Dictionary):
        return False  # an array is a destination
    return str(action.get("/S")) not in QUIET_ACTIONS or "/Next" in action


def is_filled_tree(value: object) -> bool:
    """Whether this is a name tree with anything in it, and not a link target of that name."""
    if not isinstance(value, pikepdf.Dictionary):
        return False
    branches = (value.get("/Names"), value.get("/Kids"))
    return any(isinstance(branch, pikepdf.Array) and len(branch) > 0 for branch in branches)


def names_a_file(value: object) -> bool:
    return isinstance(value, pikepdf.Dictionary) and bool(FILE_KEYS & value.keys())


def is_associated(value: object) -> bool:
    """Whether an `/AF` holds file specifications; a link target may carry that name too."""
    specs = list(value) if isinstance(value, pikepdf.Array) else [value]
    return any(
        names_a_file(spec) or (isinstance(spec, pikepdf.Dictionary) and "/EF" in spec)
        for spec in specs
    )


def check_stream(stream: pikepdf.Stream) -> None:
    """Refuse a stream that unpacks to too much, or that does not unpack.

    A picture's own codec comes last and is left alone: a picture says its size.
    """
    filters = stream_filters(stream)
    if filters and filters[-1] in IMAGE_CODECS:
        filters.pop()
    if not IMAGE_CODECS.isdisjoint(filters):
        raise Refused("damaged")
    if filters == ["/FlateDecode"]:
        check_flate(stream.read_raw_bytes())
    elif filters:
        keep_filters(stream, filters)
        check_decoded(stream)


def keep_filters(stream: pikepdf.Stream, filters: list[str]) -> None:
    """Cut the stream's list of filters, here in memory, to these first ones."""
    stream.Filter = pikepdf.Array(map(pikepdf.Name, filters))
    if not LZW.issuperset(filters[-1:]) and "/DecodeParms" in stream:
        del stream.DecodeParms  # they shape pixels and may count the codec; LZW's matter


def stream_filters(stream: pikepdf.Stream) -> list[str]:
    named = stream.get("/Filter")
    if isinstance(named, pikepdf.Array):
        return [str(name) for name in named]
    return [] if named is None else [str(named)]


def check_flate(packed: bytes) -> None:
    """Unpack step by step and keep nothing, so that a bomb never fills the memory."""
    inflater = zlib.decompressobj()
    size, rest = 0, packed
    try:
        while rest and not inflater.eof:
            size += len(inflater.decompress(rest, STEP))
            rest = inflater.unconsumed_tail
            if size > MAX_INFLATED:
                raise Refused("too_complex")
    except zlib.error as error:
        if "data check" not in str(error):  # readers forgive a wrong checksum at the end
            raise Refused("damaged") from None


def check_decoded(stream: pikepdf.Stream) -> None:
    """Unpack by qpdf's own filters, under the limits set in `inspect`."""
    try:
        size = len(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized))
    except pikepdf.PdfError as error:
        raise Refused("too_complex" if is_limit(str(error)) else "damaged") from None
    if size > MAX_DECODED:
        raise Refused("too_complex")


def check_warnings(pdf: pikepdf.Pdf) -> None:
    """Refuse what the parser could only read by leaving something out."""
    warnings = [str(warning) for warning in pdf.get_warnings()]
    if any(map(is_limit, warnings)):
        raise Refused("too_complex")
    if not all(any(habit in warning for habit in HARMLESS_WARNINGS) for warning in warnings):
        raise Refused("damaged")


def is_limit(message: str) -> bool:
    return any(limit in message for limit in LIMIT_WARNINGS)


def answer() -> dict[str, int | str]:
    try:
        return {"pages": inspect(sys.stdin.buffer)}
    except Refused as refusal:
        return {"refused": refusal.reason}
    except MemoryError:
        return {"refused": "too_complex"}


if __name__ == "__main__":
    print(json.dumps(answer()))
