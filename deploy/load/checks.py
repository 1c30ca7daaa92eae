"""Whether an answer is what was asked for: its content, not its status alone.

Each function raises WrongAnswer in a few words without ids, so that equal faults count
together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from itertools import pairwise
from operator import ge, le
from typing import Any

Body = dict[str, Any]

# Which way each sort of the catalogue goes.
SORTS = {
    "newest": ("published_at", ge),
    "popular": ("sales_count", ge),
    "price_low": ("price_paise", le),
    "price_high": ("price_paise", ge),
}
# In which the forms of an English word differ, as a search takes them for the same.
LETTERS_OF_AN_ENDING = 3
SEARCHED = ("title", "description", "university", "course")
PROBLEM = "application/problem+json"


class WrongAnswer(Exception):
    """Something came back that a visitor cannot use."""


def body_of(status: int, content_type: str, content: bytes) -> Body:
    """The JSON object of a success; a problem document is a failure, whatever its status."""
    if status == 0:
        raise WrongAnswer("no answer")
    try:
        body = json.loads(content)
    except ValueError:
        raise WrongAnswer(f"{status}, and its body is no JSON") from None
    if not isinstance(body, dict):
        raise WrongAnswer(f"{status}, and its body is no object")
    if content_type.startswith(PROBLEM) or not 200 <= status < 300:
        raise WrongAnswer(f"{status} {body.get('code', '')}".strip())
    return body


def page(body: Body, *, limit: int, sort: str, seen: Collection[str] = ()) -> list[Body]:
    """Its notes: some, no more than asked for, in order, and none of the page before."""
    notes = body.get("items")
    if not isinstance(notes, list) or "next_cursor" not in body:
        raise WrongAnswer("this is no page")
    if len(notes) > limit:
        raise WrongAnswer("a page has more notes than asked for")
    if not all(note.get("id") and note.get("title") for note in notes):
        raise WrongAnswer("a note without its id or title")
    field, is_in_order = SORTS[sort]
    keys = [note[field] for note in notes]
    if not all(is_in_order(*pair) for pair in pairwise(keys)):
        raise WrongAnswer(f"a page is not in the order {sort}")
    # Sales move a note from one page of the most sold to another.
    if sort != "popular" and {note["id"] for note in notes} & set(seen):
        raise WrongAnswer("a note of the page before comes again")
    return notes


def hits(notes: list[Body], wanted: Mapping[str, Any], *, words: str = "") -> None:
    """There is one at least, each passes the filters, and the nearest has every word or another
    form of it: who asks for physics may find what is physical."""
    if not notes:
        raise WrongAnswer("nothing found of what is there")
    for note in notes:
        for name, value in wanted.items():
            if not _fits(note, name, value):
                raise WrongAnswer(f"a hit has another {name} than was searched for")
    text = " ".join(str(notes[0][name]) for name in SEARCHED).casefold()
    stems = (word[: max(3, len(word) - LETTERS_OF_AN_ENDING)] for word in words.casefold().split())
    if not all(stem in text for stem in stems):
        raise WrongAnswer(f"for {words!r} the nearest hit is {notes[0]['title']!r}")


def _fits(note: Body, name: str, value: Any) -> bool:
    if name == "min_price":
        return bool(note["price_paise"] >= value)
    if name == "max_price":
        return bool(note["price_paise"] <= value)
    return str(note[name]).casefold() == str(value).casefold()


def detail(body: Body, known: Body) -> None:
    for name in ("id", "title", "price_paise", "category"):
        if body.get(name) != known[name]:
            raise WrongAnswer(f"the note's {name} is not that of the list")


def signed_in(body: Body, email: str) -> None:
    if not body.get("access") or not body.get("refresh"):
        raise WrongAnswer("a sign-in without tokens")
    if body.get("user", {}).get("email") != email:
        raise WrongAnswer("somebody else was signed in")


def order(body: Body, note: Body) -> None:
    """To be paid, for this note, at its price."""
    if [line["note_id"] for line in body["items"]] != [note["id"]]:
        raise WrongAnswer("the order is for another cart")
    if body["total_paise"] != note["price_paise"]:
        raise WrongAnswer("the order asks for another price")
    if body["next_action"] != "pay" or not (body["checkout"] or {}).get("gateway_order_id"):
        raise WrongAnswer("a new order cannot be paid")


def outcome(body: Body, order_id: str) -> bool:
    """True once the note can be read, False while the answer is to ask again."""
    if body["id"] != order_id:
        raise WrongAnswer("this is another order")
    action = body["next_action"]
    if action == "download" and body["state"] == "paid":
        return True
    if action in ("pay", "wait"):
        return False
    raise WrongAnswer(f"a paid order is {body['state']}, and says {action}")


def in_library(body: Body, note_id: str) -> None:
    if note_id not in {item["note_id"] for item in body["items"]}:
        raise WrongAnswer("a bought note is not in its buyer's library")


def file(status: int, content_type: str, content: bytes, *, sha256: str = "") -> None:
    """A whole PDF and, where its digest is known, the one that was sold."""
    if status != 200 or content_type != "application/pdf":
        body_of(status, content_type, content)
        raise WrongAnswer(f"{status} {content_type} is no file")
    if not content.startswith(b"%PDF-") or b"%%EOF" not in content[-1024:]:
        raise WrongAnswer("the file is no whole PDF")
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise WrongAnswer("the file is not that of the note")
