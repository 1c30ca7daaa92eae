"""The first page of a note, in one of three designs."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from notevault.demo.blocks import Look, draw_lines, wrap
from notevault.demo.figures import INK, draw_curve, draw_flow, tint
from notevault.demo.subjects import Subject, Topic

WIDTH, HEIGHT = A4
LEFT, RIGHT = 64.0, WIDTH - 64.0
MUTED = HexColor("#64748b")
DESIGNS = ("band", "stripe", "frame")


def draw_cover(
    canvas: Canvas,
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    subject: Subject,
    topic: Topic,
    look: Look,
    design: str,
) -> None:
    """`facts` are pairs such as ("University", "Anna University")."""
    on_colour = design == "band"
    _draw_ground(canvas, design, look.colour)
    left = LEFT + (12 if design == "stripe" else 0)
    canvas.setFillColor(tint(look.colour, 0.25) if on_colour else look.colour)
    canvas.setFont("Helvetica-Bold", 11)
    canvas.drawString(left, HEIGHT - 104, subject.name.upper())
    canvas.setFillColor(white if on_colour else INK)
    bottom = _draw_title(canvas, title, left=left)
    canvas.setStrokeColor(white if on_colour else look.colour)
    canvas.setLineWidth(2)
    canvas.line(left, bottom - 16, left + 56, bottom - 16)
    _draw_emblem(canvas, topic, look)
    _draw_facts(canvas, facts, left=left)


def _draw_ground(canvas: Canvas, design: str, colour: Color) -> None:
    canvas.setFillColor(colour)
    if design == "band":
        canvas.rect(0, HEIGHT - 330, WIDTH, 330, stroke=0, fill=1)
        canvas.setFillColor(tint(colour, 0.75))
        canvas.rect(0, HEIGHT - 338, WIDTH, 8, stroke=0, fill=1)
    elif design == "stripe":
        canvas.rect(0, 0, 42, HEIGHT, stroke=0, fill=1)
        canvas.setFillColor(tint(colour, 0.08))
        canvas.rect(42, HEIGHT - 330, WIDTH - 42, 330, stroke=0, fill=1)
    else:
        canvas.setStrokeColor(colour)
        canvas.setLineWidth(2.5)
        canvas.rect(32, 32, WIDTH - 64, HEIGHT - 64, stroke=1, fill=0)
        canvas.setLineWidth(0.6)
        canvas.rect(38, 38, WIDTH - 76, HEIGHT - 76, stroke=1, fill=0)


def _draw_title(canvas: Canvas, title: str, *, left: float) -> float:
    """Set the title in the largest size that takes at most four lines; give its last baseline."""
    for size in (32, 28, 24, 20, 16):
        lines = wrap(title, "Helvetica-Bold", size, RIGHT - left)
        if len(lines) <= 4:
            break
    canvas.setFont("Helvetica-Bold", size)
    first = float(HEIGHT) - 130 - size * 0.4
    draw_lines(canvas, lines, x=left, baseline=first, leading=size * 1.2)
    return first - size * 1.2 * (len(lines) - 1)


def _draw_emblem(canvas: Canvas, topic: Topic, look: Look) -> None:
    """The topic's curve, or its steps where it has none."""
    if topic.plot is None:
        width = RIGHT - LEFT - 30
        draw_flow(
            canvas, steps=topic.steps, left=LEFT + 15, top=440, width=width, colour=look.colour
        )
        return
    box = (LEFT + 60, 348.0, RIGHT - LEFT - 120, 120.0)
    canvas.setStrokeColor(tint(look.colour, 0.35))
    canvas.setLineWidth(0.8)
    canvas.line(box[0], box[1], box[0] + box[2], box[1])
    canvas.line(box[0], box[1], box[0], box[1] + box[3])
    draw_curve(canvas, shape=topic.plot[2], box=box, colour=tint(look.colour, 0.7))
    canvas.setFillColor(MUTED)
    canvas.setFont("Helvetica-Oblique", 9)
    canvas.drawCentredString(box[0] + box[2] / 2, box[1] - 16, topic.plot[0])


def _draw_facts(canvas: Canvas, facts: Sequence[tuple[str, str]], *, left: float) -> None:
    baseline = 258.0
    for label, value in facts:
        canvas.setFillColor(MUTED)
        canvas.setFont("Helvetica", 9)
        canvas.drawString(left, baseline, label)
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Bold", 12)
        lines = wrap(value, "Helvetica-Bold", 12, RIGHT - left - 90)
        draw_lines(canvas, lines, x=left + 90, baseline=baseline, leading=15)
        baseline -= 26 + 15 * (len(lines) - 1)
