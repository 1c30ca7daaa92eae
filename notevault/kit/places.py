"""The states and union territories of India, as tax law and addresses name them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """`code` are the two letters of ISO 3166-2:IN, `number` the two digits of GST."""

    code: str
    name: str
    number: str

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"


PLACES = {
    code: Place(code, name, number)
    for number, code, name in (
        ("01", "JK", "Jammu and Kashmir"),
        ("02", "HP", "Himachal Pradesh"),
        ("03", "PB", "Punjab"),
        ("04", "CH", "Chandigarh"),
        ("05", "UK", "Uttarakhand"),
        ("06", "HR", "Haryana"),
        ("07", "DL", "Delhi"),
        ("08", "RJ", "Rajasthan"),
        ("09", "UP", "Uttar Pradesh"),
        ("10", "BR", "Bihar"),
        ("11", "SK", "Sikkim"),
        ("12", "AR", "Arunachal Pradesh"),
        ("13", "NL", "Nagaland"),
        ("14", "MN", "Manipur"),
        ("15", "MZ", "Mizoram"),
        ("16", "TR", "Tripura"),
        ("17", "ML", "Meghalaya"),
        ("18", "AS", "Assam"),
        ("19", "WB", "West Bengal"),
        ("20", "JH", "Jharkhand"),
        ("21", "OD", "Odisha"),
        ("22", "CG", "Chhattisgarh"),
        ("23", "MP", "Madhya Pradesh"),
        ("24", "GJ", "Gujarat"),
        ("26", "DH", "Dadra and Nagar Haveli and Daman and Diu"),
        ("27", "MH", "Maharashtra"),
        ("29", "KA", "Karnataka"),
        ("30", "GA", "Goa"),
        ("31", "LD", "Lakshadweep"),
        ("32", "KL", "Kerala"),
        ("33", "TN", "Tamil Nadu"),
        ("34", "PY", "Puducherry"),
        ("35", "AN", "Andaman and Nicobar Islands"),
        ("36", "TS", "Telangana"),
        ("37", "AP", "Andhra Pradesh"),
        ("38", "LA", "Ladakh"),
    )
}

_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def is_gstin(text: str, *, place: Place) -> bool:
    """True for a well-formed registration number of that state, its check digit included."""
    return (
        _GSTIN.fullmatch(text) is not None
        and text[:2] == place.number
        and text[-1] == _check_digit(text[:-1])
    )


def _check_digit(text: str) -> str:
    """Weights 1 and 2 in turn, digit sums in base 36, and what is missing to a multiple."""
    total = 0
    for position, letter in enumerate(text):
        product = _DIGITS.index(letter) * (1 + position % 2)
        total += product // 36 + product % 36
    return _DIGITS[-total % 36]
