"""One note of the demo's catalogue, before it is a row or a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoNote:
    title: str
    description: str
    category_slug: str
    seller_email: str
    university: str
    course: str
    semester: int
    """1 to 8."""
    language: str
    """ISO 639-1; a note in "hi" is in English and gives its key terms in Hindi as well."""
    price_paise: int
    pages: int
