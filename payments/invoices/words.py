"""An amount in words, as people in India count: lakh and crore."""

from __future__ import annotations

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GROUPS = ((10_000_000, "crore"), (100_000, "lakh"), (1_000, "thousand"), (100, "hundred"))


def rupees_in_words(amount_paise: int) -> str:
    """`Rupees one lakh five and fifty paise only`."""
    rupees, paise = divmod(amount_paise, 100)
    tail = f" and {_in_words(paise)} paise" if paise else ""
    return f"Rupees {_in_words(rupees)}{tail} only"


def _in_words(number: int) -> str:
    for size, name in _GROUPS:
        if number >= size:
            head, rest = divmod(number, size)
            return f"{_in_words(head)} {name}" + (f" {_in_words(rest)}" if rest else "")
    if number < len(_SMALL):
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[rest]}" if rest else "")
