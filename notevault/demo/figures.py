"""Curves and diagrams, drawn straight on a canvas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

from reportlab.lib.colors import Color, HexColor, white
from reportlab.pdfgen.canvas import Canvas

from notevault.demo.problem import plain

INK = HexColor("#1f2937")
FAINT = HexColor("#d1d5db")
PAPER = HexColor("#f8fafc")
BLEED = 30
SAMPLES = 60
FINE_SAMPLES = {"am": 210, "spike": 120, "sinc": 120, "square": 150, "saw": 150, "steps": 150}

Curve = Callable[[float], float]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, width, height."""


def _sinc(t: float) -> float:
    u = 12 * (t - 0.5)
    return 0.85 * (math.sin(u * 2) / (u * 2)) ** 2 if abs(u) > 1e-6 else 0.85


def _well(t: float) -> float:
    r = 0.16 + t * 0.9
    return 0.42 + 0.028 / r**2 - 0.17 / r


def _spike(t: float) -> float:
    rise = 0.85 * math.exp(-(((t - 0.35) / 0.055) ** 2))
    return 0.22 + rise - 0.12 * math.exp(-(((t - 0.52) / 0.09) ** 2))


# x and y both run from 0 to 1. A shape of two curves is drawn as two.
CURVES: dict[str, tuple[Curve, ...]] = {
    "hump": (lambda t: 0.1 + 3.1 * t * (1 - t),),
    "valley": (lambda t: 0.15 + 2.6 * (t - 0.45) ** 2,),
    "rise": (lambda t: 0.08 + 0.85 * t**2.6,),
    "log": (lambda t: 0.08 + 0.8 * math.log1p(9 * t) / math.log(10),),
    "decay": (lambda t: 0.08 + 0.82 * math.exp(-3.2 * t),),
    "saturate": (lambda t: 0.05 + 0.95 * t / (0.18 + t),),
    "sigmoid": (lambda t: 0.07 + 0.82 / (1 + math.exp(-13 * (t - 0.5))),),
    "bell": (lambda t: 0.06 + 0.84 * math.exp(-(((t - 0.5) / 0.17) ** 2)),),
    "sine": (lambda t: 0.5 + 0.38 * math.sin(4 * math.pi * t),),
    "damped": (lambda t: 0.5 + 0.42 * math.exp(-2.6 * t) * math.cos(9 * math.pi * t),),
    "step": (lambda t: 0.6 - 0.58 * math.exp(-5 * t) * math.cos(5 * math.pi * t),),
    "am": (lambda t: 0.5 + (0.2 + 0.18 * math.sin(4 * math.pi * t)) * math.sin(52 * math.pi * t),),
    "sinc": (lambda t: 0.06 + _sinc(t),),
    "well": (_well,),
    "spike": (_spike,),
    "pulse": (lambda t: 0.06 + 9.2 * t * math.exp(-5 * t) * 0.5,),
    "band": (
        lambda t: 0.1 + 0.2 * (1 - math.cos(math.pi * t)),
        lambda t: 0.93 - 0.16 * (1 - math.cos(math.pi * t)),
    ),
    "cross": (lambda t: 0.88 - 0.74 * t, lambda t: 0.12 + 0.74 * t),
    "triangle": (lambda t: 0.08 + 1.5 * min(t, 1 - t),),
    "saw": (lambda t: 0.15 + 0.65 * ((3.6 * t) % 1),),
    "square": (lambda t: 0.75 if (6 * t) % 2 < 1 else 0.15,),
    "steps": (lambda t: 0.1 + 0.2 * math.floor(4.4 * t),),
}
DOTS: dict[str, Curve] = {
    "converge": lambda t: 0.55 - 0.42 * math.cos(19 * t * math.pi) * math.exp(-3 * t),
    "scatter": lambda t: 0.15 + 0.65 * t + 0.11 * math.sin(97 * t) + 0.07 * math.cos(41 * t),
}


def tint(colour: Color, share: float) -> Color:
    """The colour thinned with white; `share` of 1 is the colour itself."""
    return Color(*(1 - share * (1 - part) for part in (colour.red, colour.green, colour.blue)))


def draw_axes(canvas: Canvas, *, box: Box, labels: tuple[str, str]) -> None:
    """A grid, two arrows and their labels."""
    left, bottom, width, height = box
    canvas.setStrokeColor(FAINT)
    canvas.setLineWidth(0.4)
    for part in (0.25, 0.5, 0.75, 1):
        canvas.line(left, bottom + part * height, left + width, bottom + part * height)
        canvas.line(left + part * width, bottom, left + part * width, bottom + height)
    canvas.setStrokeColor(INK)
    canvas.setFillColor(INK)
    canvas.setLineWidth(0.9)
    canvas.line(left, bottom, left + width + 10, bottom)
    canvas.line(left, bottom, left, bottom + height + 10)
    _arrow_head(canvas, (left + width + 12, bottom))
    _arrow_head(canvas, (left, bottom + height + 12), up=True)
    canvas.setFont("Helvetica", 8)
    canvas.drawRightString(left + width + 10, bottom - 22, labels[0])
    canvas.drawString(left + 7, bottom + height + 5, labels[1])


def draw_curve(canvas: Canvas, *, shape: str, box: Box, colour: Color) -> None:
    """Draw a shape of CURVES or DOTS; its path is kept once in the file, however often used."""
    left, bottom, width, height = box
    name = f"{shape}-{width:.0f}-{height:.0f}"
    if not canvas.hasForm(name):
        canvas.beginForm(name, -BLEED, -BLEED, width + BLEED, height + BLEED)
        _draw_shape(canvas, shape, (0, 0, width, height), colour)
        canvas.endForm()
    canvas.saveState()
    canvas.translate(left, bottom)
    canvas.doForm(name)
    canvas.restoreState()


def _draw_shape(canvas: Canvas, shape: str, box: Box, colour: Color) -> None:
    canvas.setStrokeColor(colour)
    canvas.setFillColor(colour)
    canvas.setLineWidth(1.6)
    if shape == "circle":
        _draw_unit_circle(canvas, box, colour)
    elif shape in DOTS:
        for x, y in _placed(_sampled(DOTS[shape], 26), box):
            canvas.circle(x, y, 2, stroke=0, fill=1)
    else:
        samples = FINE_SAMPLES.get(shape, SAMPLES)
        for index, curve in enumerate(CURVES[shape]):
            canvas.setDash(*(([4, 3], 0) if index else ([], 0)))
            _draw_line(canvas, _placed(_sampled(curve, samples), box))


def draw_points(canvas: Canvas, *, points: Sequence[Point], box: Box, colour: Color) -> None:
    """Computed points with a line through them, and their values along the axes."""
    low, high = _bounds([y for _, y in points])
    first, last = points[0][0], points[-1][0]
    scaled = [
        (0.06 + 0.88 * (x - first) / (last - first), 0.04 + 0.88 * (y - low) / (high - low))
        for x, y in points
    ]
    placed = _placed(scaled, box)
    canvas.setStrokeColor(colour)
    canvas.setFillColor(colour)
    canvas.setLineWidth(1.3)
    _draw_line(canvas, placed)
    for x, y in placed:
        canvas.circle(x, y, 2.4, stroke=0, fill=1)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 7.5)
    for (x, _), (value, _) in zip(placed[::2], points[::2], strict=True):
        canvas.drawCentredString(x, box[1] - 10, plain(value))
    for (_, y), (_, value) in ((placed[0], points[0]), (placed[-1], points[-1])):
        canvas.drawRightString(box[0] - 4, y - 2.5, plain(value))


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """What the axis of y spans: from zero, unless that would press all values together."""
    low, high = min(values), max(values)
    if low == high:
        return low - 1, high + 1
    if low > high / 2 or high < low / 2:
        margin = (high - low) / 2
        return low - margin, high
    return min(low, 0), max(high, 0)


def draw_flow(
    canvas: Canvas, *, steps: Sequence[str], left: float, top: float, width: float, colour: Color
) -> None:
    """Boxes in a row with arrows between them; 52 points high."""
    gap = 18.0
    each = (width - gap * (len(steps) - 1)) / len(steps)
    for index, step in enumerate(steps):
        x = left + index * (each + gap)
        canvas.setStrokeColor(colour)
        canvas.setFillColor(tint(colour, 0.1))
        canvas.setLineWidth(1)
        canvas.roundRect(x, top - 46, each, 40, 5, stroke=1, fill=1)
        canvas.setFillColor(colour)
        canvas.circle(x + 9, top - 6, 7, stroke=0, fill=1)
        canvas.setFillColor(white)
        canvas.setFont("Helvetica-Bold", 8)
        canvas.drawCentredString(x + 9, top - 8.8, str(index + 1))
        _draw_label(canvas, step, x + each / 2, top - 26, each - 10)
        if index:
            canvas.setStrokeColor(INK)
            canvas.setFillColor(INK)
            canvas.line(x - gap + 3, top - 26, x - 6, top - 26)
            _arrow_head(canvas, (x - 3, top - 26))


def _draw_label(canvas: Canvas, text: str, centre: float, middle: float, width: float) -> None:
    """One or two centred lines, in the largest size that fits."""
    words = text.split()
    size = 8.5
    lines = [text]
    if canvas.stringWidth(text, "Helvetica", size) > width and len(words) > 1:
        cut = min(
            range(1, len(words)),
            key=lambda at: max(len(" ".join(words[:at])), len(" ".join(words[at:]))),
        )
        lines = [" ".join(words[:cut]), " ".join(words[cut:])]
    widest = max(canvas.stringWidth(line, "Helvetica", size) for line in lines)
    size = min(size, size * width / widest)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", size)
    for index, line in enumerate(lines):
        canvas.drawCentredString(centre, middle - 3 + (len(lines) - 1) * 5 - index * 10, line)


def _draw_unit_circle(canvas: Canvas, box: Box, colour: Color) -> None:
    left, bottom, width, height = box
    x, y, radius = left + width / 2, bottom + height / 2, height * 0.4
    canvas.setFillColor(tint(colour, 0.12))
    canvas.circle(x, y, radius, stroke=1, fill=1)
    canvas.setLineWidth(0.8)
    canvas.line(x - radius - 12, y, x + radius + 12, y)
    canvas.line(x, y - radius - 6, x, y + radius + 6)
    tip = (x + radius * math.cos(0.7), y + radius * math.sin(0.7))
    canvas.line(x, y, *tip)
    canvas.setFillColor(colour)
    canvas.circle(*tip, 2.6, stroke=0, fill=1)
    canvas.setFont("Helvetica-Oblique", 8)
    canvas.drawString(tip[0] + 6, tip[1] + 2, "z = r (cos t + i sin t)")


def _arrow_head(canvas: Canvas, tip: Point, *, up: bool = False) -> None:
    x, y = tip
    path = canvas.beginPath()
    path.moveTo(x, y)
    for back, aside in ((-6, 2.4), (-6, -2.4)):
        path.lineTo(*((x + aside, y + back) if up else (x + back, y + aside)))
    path.close()
    canvas.drawPath(path, stroke=0, fill=1)


def _draw_line(canvas: Canvas, points: Sequence[Point]) -> None:
    path = canvas.beginPath()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    canvas.drawPath(path, stroke=1, fill=0)


@cache
def _sampled(curve: Curve, count: int) -> tuple[Point, ...]:
    return tuple((i / (count - 1), curve(i / (count - 1))) for i in range(count))


def _placed(points: Sequence[Point], box: Box) -> list[Point]:
    left, bottom, width, height = box
    return [(left + x * width, bottom + min(max(y, 0), 1) * height) for x, y in points]
