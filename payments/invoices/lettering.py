"""The typeface of documents, and what becomes of letters that it lacks.

Bitstream Vera comes with reportlab and is free to embed. It has Latin letters only and is
older than the rupee sign, so other scripts are written in Latin, letter by letter, by the
names that Unicode gives them, and amounts are headed `Rs.`
"""

from __future__ import annotations

import unicodedata
from functools import cache

from reportlab.pdfbase.pdfmetrics import getFont, registerFont, registerFontFamily
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "Vera", "VeraBd"
UNKNOWN = "?"
_INDIC = (
    "DEVANAGARI",
    "BENGALI",
    "GURMUKHI",
    "GUJARATI",
    "ORIYA",
    "TAMIL",
    "TELUGU",
    "KANNADA",
    "MALAYALAM",
)
# A consonant of an Indic script is read with an `a`, unless one of these follows it.
_SILENCING = ("VOWEL SIGN", "VIRAMA")
_SIGNS = {
    "ANUSVARA": "n",
    "CANDRABINDU": "n",
    "TIPPI": "n",
    "VISARGA": "h",
    "NUKTA": "",
    "VIRAMA": "",
    "ADDAK": "",
    "DANDA": ".",
}
# Unicode doubles what people write once.
_AS_WRITTEN = {"TT": "t", "DD": "d", "NN": "n", "SS": "sh", "LLL": "zh", "LL": "l", "RR": "r"}


@cache
def use_typeface() -> None:
    for name in (REGULAR, BOLD):
        registerFont(TTFont(name, f"{name}.ttf"))
    registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)


def in_latin(text: str) -> str:
    """The text in letters that the typeface has; a `?` for what cannot be told in them."""
    use_typeface()
    written = ""
    for letter in unicodedata.normalize("NFC", text).replace("₹", "Rs. "):
        if _has(letter):
            written += letter
            continue
        name = unicodedata.name(letter, "")
        if name.startswith(_INDIC) and any(sign in name for sign in _SILENCING):
            written = written.removesuffix("a")
        written += _sound(letter, name)
    return written


def _has(letter: str) -> bool:
    return letter.isprintable() and ord(letter) in getFont(REGULAR).face.charToGlyph


def _sound(letter: str, name: str) -> str:
    if letter.isspace():
        return " "
    if unicodedata.category(letter) == "Cf":  # joins letters or turns their direction
        return ""
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if name.startswith(_INDIC):
        return _indic_sound(name.split()[-1])
    plain = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in plain if _has(part)) or UNKNOWN


def _indic_sound(name: str) -> str:
    if name in _SIGNS:
        return _SIGNS[name]
    if not name.isalpha() or len(name) > 4:
        return UNKNOWN
    for doubled, once in _AS_WRITTEN.items():
        if name.startswith(doubled):
            return once + name.removeprefix(doubled).lower()
    return name.lower()
