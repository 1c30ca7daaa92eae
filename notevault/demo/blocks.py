"""What a page of notes is built of: blocks that know their height before they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from reportlab.lib.colors import Color, white
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from notevault.demo.figures import (
    FAINT,
    INK,
    PAPER,
    draw_axes,
    draw_curve,
    draw_flow,
    draw_points,
    tint,
)

GAP = 11.0
"""Space below every block."""


@dataclass(frozen=True)
class Look:
    """How one note is set: its colour and its typeface."""

    colour: Color
    roman: str = "Times-Roman"
    bold: str = "Times-Bold"
    italic: str = "Times-Italic"
    size: float = 11
    leading: float = 15


class Block(Protocol):
    def height(self, width: float, look: Look) -> float: ...

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None: ...


@lru_cache(maxsize=20_000)
def word_width(word: str, font: str, size: float) -> float:
    return float(stringWidth(word, font, size))


@lru_cache(maxsize=4_000)
def wrap(text: str, font: str, size: float, width: float) -> tuple[str, ...]:
    space = word_width(" ", font, size)
    lines: list[str] = []
    line: list[str] = []
    room = width
    for word in text.split(" "):
        wide = word_width(word, font, size)
        if line and wide > room:
            lines.append(" ".join(line))
            line, room = [], width
        line.append(word)
        room -= wide + space
    return (*lines, " ".join(line))


def draw_lines(
    canvas: Canvas, lines: Sequence[str], *, x: float, baseline: float, leading: float
) -> None:
    text = canvas.beginText(x, baseline)
    text.setLeading(leading)
    for line in lines:
        text.textLine(line)
    canvas.drawText(text)


@dataclass(frozen=True)
class Heading:
    text: str

    def height(self, width: float, look: Look) -> float:
        return 17 + 15 * (len(wrap(self.text, "Helvetica-Bold", 12.5, width)) - 1)

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        canvas.setFillColor(look.colour)
        canvas.setFont("Helvetica-Bold", 12.5)
        lines = wrap(self.text, "Helvetica-Bold", 12.5, width)
        draw_lines(canvas, lines, x=x, baseline=top - 11, leading=15)


@dataclass(frozen=True)
class Paragraph:
    text: str

    def height(self, width: float, look: Look) -> float:
        return look.leading * len(wrap(self.text, look.roman, look.size, width))

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        canvas.setFillColor(INK)
        canvas.setFont(look.roman, look.size)
        lines = wrap(self.text, look.roman, look.size, width)
        draw_lines(canvas, lines, x=x, baseline=top - look.size, leading=look.leading)


@dataclass(frozen=True)
class Listing:
    """Items behind bullets, or behind numbers when `numbered`."""

    items: tuple[str, ...]
    numbered: bool = False

    def height(self, width: float, look: Look) -> float:
        return sum(Paragraph(item).height(width - 20, look) + 3 for item in self.items)

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        for number, item in enumerate(self.items, start=1):
            canvas.setFillColor(look.colour)
            if self.numbered:
                canvas.setFont("Helvetica-Bold", 9.5)
                canvas.drawRightString(x + 14, top - look.size, f"{number}.")
            else:
                canvas.circle(x + 9, top - look.size + 3.4, 2, stroke=0, fill=1)
            paragraph = Paragraph(item)
            paragraph.draw(canvas, x + 20, top, width - 20, look)
            top -= paragraph.height(width - 20, look) + 3


@dataclass(frozen=True)
class Callout:
    """A tinted box with a label and a rule in the note's colour."""

    label: str
    text: str

    def height(self, width: float, look: Look) -> float:
        return Paragraph(self.text).height(width - 28, look) + 31

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        high = self.height(width, look)
        canvas.setFillColor(tint(look.colour, 0.07))
        canvas.rect(x, top - high, width, high, stroke=0, fill=1)
        canvas.setFillColor(look.colour)
        canvas.rect(x, top - high, 3, high, stroke=0, fill=1)
        canvas.setFont("Helvetica-Bold", 9.5)
        canvas.drawString(x + 14, top - 15, self.label)
        Paragraph(self.text).draw(canvas, x + 14, top - 21, width - 28, look)


@dataclass(frozen=True)
class Formulas:
    lines: tuple[str, ...]

    def height(self, width: float, look: Look) -> float:
        return 18 * len(self.lines) + 12

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        high = self.height(width, look)
        canvas.setStrokeColor(tint(look.colour, 0.5))
        canvas.setFillColor(PAPER)
        canvas.setLineWidth(0.7)
        canvas.roundRect(x + 24, top - high, width - 48, high, 4, stroke=1, fill=1)
        canvas.setFillColor(INK)
        canvas.setFont("Times-Italic", 12)
        for index, line in enumerate(self.lines):
            canvas.drawCentredString(x + width / 2, top - 19 - 18 * index, line)


@dataclass(frozen=True)
class Table:
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    row_height: float = 19

    def height(self, width: float, look: Look) -> float:
        return self.row_height * (len(self.rows) + 1) + 18

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Oblique", 9)
        canvas.drawString(x, top - 9, self.caption)
        top -= 16
        starts = self._column_starts(width)
        for index, row in enumerate((self.head, *self.rows)):
            bottom = top - self.row_height * (index + 1)
            self._draw_ground(canvas, index, x, bottom, width, look)
            canvas.setFont("Helvetica-Bold" if index == 0 else "Helvetica", 9)
            canvas.setFillColor(white if index == 0 else INK)
            for start, cell in zip(starts, row, strict=True):
                canvas.drawString(x + start + 8, bottom + 6, cell)
        canvas.setStrokeColor(look.colour)
        canvas.setLineWidth(0.8)
        bottom = top - self.row_height * (len(self.rows) + 1)
        canvas.line(x, bottom, x + width, bottom)

    def _draw_ground(
        self, canvas: Canvas, index: int, x: float, bottom: float, width: float, look: Look
    ) -> None:
        shades = (white, tint(look.colour, 0.06))
        canvas.setFillColor(look.colour if index == 0 else shades[index % 2])
        canvas.rect(x, bottom, width, self.row_height, stroke=0, fill=1)

    def _column_starts(self, width: float) -> list[float]:
        """Columns share the width in proportion to their widest cell."""
        columns = zip(self.head, *self.rows, strict=True)
        needs = [max(word_width(cell, "Helvetica-Bold", 9) for cell in cells) for cells in columns]
        scale = (width - 16 * len(needs)) / sum(needs)
        starts = [0.0]
        for need in needs[:-1]:
            starts.append(starts[-1] + need * scale + 16)
        return starts


@dataclass(frozen=True)
class Plot:
    caption: str
    labels: tuple[str, str]
    shape: str = ""
    points: tuple[tuple[float, float], ...] = ()
    plot_height: float = 130

    def height(self, width: float, look: Look) -> float:
        return self.plot_height + 58

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        box = (x + width * 0.16, top - self.plot_height - 18, width * 0.66, self.plot_height)
        draw_axes(canvas, box=box, labels=self.labels)
        if self.points:
            draw_points(canvas, points=self.points, box=box, colour=look.colour)
        else:
            draw_curve(canvas, shape=self.shape, box=box, colour=look.colour)
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Oblique", 9)
        canvas.drawCentredString(x + width / 2, top - self.plot_height - 53, self.caption)


@dataclass(frozen=True)
class Flow:
    caption: str
    steps: tuple[str, ...]

    def height(self, width: float, look: Look) -> float:
        return 66

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        draw_flow(canvas, steps=self.steps, left=x, top=top, width=width, colour=look.colour)
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Oblique", 9)
        canvas.drawCentredString(x + width / 2, top - 62, self.caption)


@dataclass(frozen=True)
class Worked:
    """A problem, its working and its answer."""

    label: str
    ask: str
    working: str
    answer: str

    def height(self, width: float, look: Look) -> float:
        return Paragraph(self.ask).height(width, look) + 54

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        canvas.setFillColor(look.colour)
        canvas.setFont("Helvetica-Bold", 10)
        canvas.drawString(x, top - 10, self.label)
        asked = Paragraph(self.ask)
        asked.draw(canvas, x, top - 14, width, look)
        top -= 14 + asked.height(width, look)
        canvas.setStrokeColor(FAINT)
        canvas.setLineWidth(0.8)
        canvas.line(x + 14, top - 4, x + 14, top - 36)
        canvas.setFillColor(INK)
        canvas.setFont("Times-Italic", look.size)
        canvas.drawString(x + 24, top - 15, self.working)
        canvas.setFont(look.bold, look.size)
        canvas.drawString(x + 24, top - 32, f"Answer: {self.answer}")


@dataclass(frozen=True)
class Stack:
    """Blocks that stay together on a page, such as a heading and what it heads."""

    parts: tuple[Block, ...]
    gap: float = 5

    def height(self, width: float, look: Look) -> float:
        heights = (part.height(width, look) for part in self.parts)
        return sum(heights) + self.gap * (len(self.parts) - 1)

    def draw(self, canvas: Canvas, x: float, top: float, width: float, look: Look) -> None:
        for part in self.parts:
            part.draw(canvas, x, top, width, look)
            top -= part.height(width, look) + self.gap
