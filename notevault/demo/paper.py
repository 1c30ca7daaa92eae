"""Sets a note of the demo as a PDF: cover, contents, chapters."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from random import Random

from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from notevault.demo.blocks import (
    GAP,
    Block,
    Callout,
    Heading,
    Look,
    Paragraph,
    Stack,
    Table,
    Worked,
    draw_lines,
    word_width,
    wrap,
)
from notevault.demo.cover import DESIGNS, MUTED, draw_cover
from notevault.demo.figures import FAINT, INK
from notevault.demo.note import DemoNote
from notevault.demo.people import seller_name
from notevault.demo.subjects import Subject, Topic, load_subject
from notevault.demo.writer import Chapter, Writer

WIDTH, HEIGHT = A4
LEFT, RIGHT = 64.0, float(WIDTH) - 60
TOP, BOTTOM = float(HEIGHT) - 74, 66.0
rl_config.useA85 = 0  # streams as plain bytes: half the time, and a fifth less space

FRONT_PAGES = 2
MAX_CHAPTERS = 31
LOOKAHEAD = 6
TYPEFACES = (
    ("Times-Roman", "Times-Bold", "Times-Italic", 11.0, 15.0),
    ("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", 10.0, 14.5),
)
OUTSIDE_LATIN = {"₹": "Rs. ", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}


@dataclass(frozen=True)
class PlacedChapter:
    chapter: Chapter
    first_page: int
    pages: int


def render_pdf(note: DemoNote) -> bytes:
    """The note as a PDF of exactly `note.pages` pages; the same bytes each time."""
    rng = Random(f"{note.title}/{note.seller_email}/{note.pages}")
    subject = load_subject(note.category_slug)
    topic = topic_of(note, subject)
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
    look = Look(HexColor(subject.colour), *rng.choice(TYPEFACES))
    _describe(canvas, note)
    _draw_front(canvas, note, subject=subject, topic=topic, look=look, design=rng.choice(DESIGNS))
    chapters = plan_chapters(subject, topic, title=note.title, pages=note.pages - FRONT_PAGES)
    if note.pages >= FRONT_PAGES:
        _draw_contents(canvas, note, chapters, subject=subject, look=look)
    writer = Writer(subject, rng, in_hindi=note.language == "hi")
    for placed in chapters:
        _draw_chapter(canvas, note, placed, writer=writer, look=look)
    canvas.save()
    return out.getvalue()


def topic_of(note: DemoNote, subject: Subject) -> Topic:
    """The topic the title speaks of, or the subject's first."""
    named = (topic for topic in subject.topics if topic.title in note.title)
    return next(named, subject.topics[0])


def plan_chapters(subject: Subject, topic: Topic, *, title: str, pages: int) -> list[PlacedChapter]:
    """Share the pages out: the section the title names, the topic's others, the subject's
    other topics, and exam questions at the end."""
    if pages < 1:
        return []
    count = _chapter_count(pages)
    chapters = sorted(_sections(subject, topic), key=lambda chapter: chapter.title not in title)
    chapters = chapters[:count]
    if count > 1:
        chapters[-1] = Chapter("Exam questions and practice", topic, 0, is_exam=True)
    placed = []
    for index, chapter in enumerate(chapters):
        first, last = (pages * step // len(chapters) for step in (index, index + 1))
        placed.append(PlacedChapter(chapter, FRONT_PAGES + 1 + first, last - first))
    return placed


def _chapter_count(pages: int) -> int:
    """Up to 30 pages a note keeps to its own topic, whose sections and exam make six chapters."""
    if pages <= 30:
        return min(6, max(1, round(pages / 1.6)))
    return min(MAX_CHAPTERS, 6 + (pages - 30) // 4)


def _sections(subject: Subject, topic: Topic) -> list[Chapter]:
    """Every section of the subject, from this topic on."""
    start = subject.topics.index(topic)
    return [
        Chapter(section, each, position)
        for each in (*subject.topics[start:], *subject.topics[:start])
        for position, section in enumerate(each.sections)
    ]


def latin(text: str) -> str:
    """The text in the characters that the standard fonts have."""
    for foreign, own in OUTSIDE_LATIN.items():
        text = text.replace(foreign, own)
    return text.encode("latin-1", errors="replace").decode("latin-1")


def _describe(canvas: Canvas, note: DemoNote) -> None:
    canvas.setTitle(latin(note.title))
    canvas.setAuthor(latin(seller_name(note.seller_email)))
    canvas.setSubject(latin(f"{note.course}, semester {note.semester}, {note.university}"))
    canvas.setCreator("NoteVault demo")


def _draw_front(
    canvas: Canvas, note: DemoNote, *, subject: Subject, topic: Topic, look: Look, design: str
) -> None:
    facts = (
        ("University", latin(note.university)),
        ("Course", latin(note.course)),
        ("Semester", str(note.semester)),
        ("Notes by", latin(seller_name(note.seller_email))),
        ("Pages", str(note.pages)),
    )
    title = latin(note.title)
    draw_cover(
        canvas, title=title, facts=facts, subject=subject, topic=topic, look=look, design=design
    )
    canvas.showPage()


def _draw_contents(
    canvas: Canvas, note: DemoNote, chapters: list[PlacedChapter], *, subject: Subject, look: Look
) -> None:
    _draw_frame(canvas, note, "Contents", number=2)
    top = _draw_title(canvas, "Contents", look)
    shown: Topic | None = None
    for number, placed in enumerate(chapters, start=1):
        if placed.chapter.topic is not shown:
            shown = placed.chapter.topic
            canvas.setFont("Helvetica-Bold", 10)
            canvas.setFillColor(look.colour)
            own = shown.title in note.title
            canvas.drawString(LEFT, top - 11, shown.title if own else f"Related: {shown.title}")
            top -= 17
        _draw_entry(canvas, number, placed, baseline=top - 11)
        top -= 16
    _fill(canvas, iter(_front_matter(note, subject)), top=top - 18, look=look)
    canvas.showPage()


def _front_matter(note: DemoNote, subject: Subject) -> list[Block]:
    grids = [Table(grid.caption, grid.head, grid.rows) for grid in subject.grids]
    return [Callout("About these notes", latin(note.description)), *grids]


def _draw_entry(canvas: Canvas, number: int, placed: PlacedChapter, *, baseline: float) -> None:
    name = f"{number}.  {placed.chapter.title}"
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 10)
    canvas.drawString(LEFT + 12, baseline, name)
    canvas.drawRightString(RIGHT, baseline, str(placed.first_page))
    canvas.setStrokeColor(MUTED)
    canvas.setLineWidth(0.5)
    canvas.setDash([0.6, 3], 0)
    start = LEFT + 18 + word_width(name, "Helvetica", 10)
    canvas.line(start, baseline + 1.5, RIGHT - 24, baseline + 1.5)
    canvas.setDash([], 0)
    area = (LEFT, baseline - 4, RIGHT, baseline + 11)
    canvas.linkAbsolute("", _mark(placed), area, Border="[0 0 0]")


def _draw_chapter(
    canvas: Canvas, note: DemoNote, placed: PlacedChapter, *, writer: Writer, look: Look
) -> None:
    canvas.bookmarkPage(_mark(placed))
    canvas.addOutlineEntry(placed.chapter.title, _mark(placed))
    blocks = writer.write(placed.chapter)
    for page in range(placed.pages):
        number = placed.first_page + page
        _draw_frame(canvas, note, placed.chapter.topic.title, number=number)
        top = TOP if page else _draw_title(canvas, placed.chapter.title, look)
        blocks, top = _fill(canvas, blocks, top=top, look=look)
        aside = writer.aside()
        if aside.height(RIGHT - LEFT, look) <= top - BOTTOM:
            aside.draw(canvas, LEFT, top, RIGHT - LEFT, look)
        canvas.showPage()


def _fill(
    canvas: Canvas, blocks: Iterator[Block], *, top: float, look: Look
) -> tuple[Iterator[Block], float]:
    """Draw blocks down to the bottom margin; give those still to draw, and where it ended.

    A block that does not fit, or looks like one above it, lets one of the next few go first.
    """
    width = RIGHT - LEFT
    waiting: deque[Block] = deque()
    seen: set[str] = set()
    while True:
        waiting.extend(islice(blocks, LOOKAHEAD - len(waiting)))
        room = top - BOTTOM
        fresh = (block for block in waiting if _family(block) not in seen)
        block = next((block for block in fresh if block.height(width, look) <= room), None)
        if block is None:
            return _before(waiting, blocks), top
        waiting.remove(block)
        seen.add(_family(block))
        block.draw(canvas, LEFT, top, width, look)
        top -= block.height(width, look) + GAP


def _family(block: Block) -> str:
    """What a page holds at most one of."""
    match block:
        case Table(caption=name) | Callout(label=name) | Stack(parts=(Heading(text=name), *_)):
            return name
        case Worked(ask=name) | Paragraph(text=name):
            return name
        case _:
            return type(block).__name__


def _before(first: deque[Block], rest: Iterator[Block]) -> Iterator[Block]:
    yield from first
    yield from rest


def _draw_frame(canvas: Canvas, note: DemoNote, section: str, *, number: int) -> None:
    """The running head and the foot of a page."""
    title = latin(note.title)
    head = title if len(title) <= 70 else f"{title[:67]}..."
    canvas.setFillColor(MUTED)
    canvas.setFont("Helvetica", 8)
    canvas.drawString(LEFT, HEIGHT - 46, head)
    canvas.drawRightString(RIGHT, HEIGHT - 46, section)
    canvas.drawString(LEFT, 38, latin(seller_name(note.seller_email)))
    canvas.drawRightString(RIGHT, 38, f"{number} / {note.pages}")
    canvas.setStrokeColor(FAINT)
    canvas.setLineWidth(0.6)
    canvas.line(LEFT, HEIGHT - 53, RIGHT, HEIGHT - 53)
    canvas.line(LEFT, 51, RIGHT, 51)


def _draw_title(canvas: Canvas, text: str, look: Look) -> float:
    """The heading of a chapter; gives the top of what follows."""
    lines = wrap(text, "Helvetica-Bold", 21, RIGHT - LEFT)
    canvas.setFillColor(look.colour)
    canvas.setFont("Helvetica-Bold", 21)
    draw_lines(canvas, lines, x=LEFT, baseline=TOP - 20, leading=26)
    bottom = TOP - 20 - 26 * (len(lines) - 1)
    canvas.setStrokeColor(look.colour)
    canvas.setLineWidth(1.4)
    canvas.line(LEFT, bottom - 10, LEFT + 40, bottom - 10)
    return bottom - 26


def _mark(placed: PlacedChapter) -> str:
    return f"page-{placed.first_page}"
