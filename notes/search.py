"""Search of the catalogue: words by full text, slips of the pen by trigrams, and letters that
have changed places by full text again: they leave too few trigrams.

Two expression indexes of Note carry it (`note_words`, `note_trigrams`); no column has to be
kept in step. A phrase costs a second parse of each text that has its words, and a word that
many share a row for each, so what one search may cost is bounded: in rows and in time.

Call the lists, and read what they give, inside of `searching()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.search import (
    SearchQuery,
    SearchRank,
    SearchVector,
    TrigramWordSimilarity,
)
from django.db import connection, transaction
from django.db.models import FloatField, Func, IntegerField, QuerySet, TextField
from django.db.models.functions import Cast, Round

from notes import selectors
from notes.models import SEARCH_CONFIG, SEARCHED_TEXT, SEARCHED_WORDS, Note
from notes.selectors import Rows
from notevault.kit.pagination import Often, Sort

BY_RELEVANCE = Sort("relevance")
# Of a word that most of the catalogue has, so many notes are looked at, and the best sold of
# them ranked; nobody pages further.
MOST_SEEN = 1000
MOST_RANKED = 200
# In the first letters only: each swap is one more query in the same search.
MOST_SWAPS = 40
MOST_SUGGESTIONS = 8
# The share of trigrams that one wrong letter in a word of seven leaves; PostgreSQL's own 0.6 is
# for words of eleven.
LEAST_NEARNESS = 0.45
LONGEST_MS = 1500


@contextmanager
def searching() -> Iterator[None]:
    """Forgives misspelling, and not much time. For one transaction, so that it holds behind
    pgbouncer and ends with it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true),"
            " set_config('statement_timeout', %s, true)",
            [str(LEAST_NEARNESS), str(LONGEST_MS)],
        )
        yield


def ways(*, q: str, **filters: Any) -> Iterator[Often]:
    """Published notes that `q` finds, one way after the other: the next is for when nothing was
    found. Each row has a `relevance`, an integer from 0 up.

    `q` is read like a search engine's: words, "a phrase", -without. Where no note has the words,
    they may be misspelt: then those are found whose title, course or university is spelt nearly
    so, and all that has the words with two letters in each other's place. `filters` are those of
    `list_published`.
    """
    yield Often(found_by_words, {"q": q, **filters})
    if _may_be_misspelt(q):
        yield Often(found_nearly, {"q": q, "swapped": " or ".join(_swapped(q)), **filters})


def found_by_words(*, q: Any, **filters: Any) -> Rows:
    return _ranked(_best_sold(_with_words(selectors.published(**filters), q)), q)


def found_nearly(*, q: Any, swapped: Any, **filters: Any) -> Rows:
    on_sale = selectors.published(**filters)
    by_spelling = _best_sold(_similar(on_sale, q))
    return _ranked(by_spelling.union(_best_sold(_with_words(on_sale, swapped))), q)


def _ranked(hits: Rows, q: Any) -> Rows:
    found = selectors.rows_of(Note.objects.filter(pk__in=hits))
    ranked: Rows = found.annotate(relevance=_relevance(q))
    return ranked


def list_suggestions(q: str) -> list[str]:
    """At most eight titles of notes on sale that begin like `q` or hold it, the nearest first."""
    if not _has_letters(q):
        return []
    some = _similar(Note.objects.published(), q).values("pk")[:MOST_RANKED]
    nearest = (
        Note.objects.filter(pk__in=some)
        .alias(nearness=TrigramWordSimilarity(q, "title"))
        .filter(nearness__gte=LEAST_NEARNESS)
        .order_by("-nearness", "-sales_count", "-id")
    )
    titles: dict[str, str] = {}
    for title in nearest.values_list("title", flat=True)[: 4 * MOST_SUGGESTIONS]:
        titles.setdefault(title.casefold(), title)
    return list(titles.values())[:MOST_SUGGESTIONS]


def _with_words(notes: QuerySet[Note], q: Any) -> QuerySet[Note]:
    """None for a query that only leaves words out: no index knows what is not there."""
    needs = Func(_query(q), function="querytree", output_field=TextField())
    asked = notes.alias(words=SEARCHED_WORDS, needs=needs)
    return asked.filter(words=_query(q)).exclude(needs="T")


def _similar(notes: QuerySet[Note], q: Any) -> QuerySet[Note]:
    return notes.alias(text=SEARCHED_TEXT).filter(text__trigram_word_similar=q)


def _swapped(q: str) -> Iterator[str]:
    """`q` with two letters beside each other swapped, each such pair of its beginning once."""
    for at in range(min(len(q) - 1, MOST_SWAPS)):
        first, second = q[at], q[at + 1]
        if first.isalpha() and second.isalpha() and first != second:
            yield q[:at] + second + first + q[at + 2 :]


def _best_sold(notes: QuerySet[Note]) -> Rows:
    """Those seen first are taken in no order: along an index, PostgreSQL would parse every text
    that it passes whenever it takes a rare word for a common one."""
    seen = Note.objects.filter(pk__in=notes.values("pk")[:MOST_SEEN])
    return seen.order_by("-sales_count", "-id").values("pk")[:MOST_RANKED]


def _may_be_misspelt(q: str) -> bool:
    """Who quotes a phrase or leaves a word out has spelt what he wants."""
    return _has_letters(q) and '"' not in q and " -" not in f" {q}"


def _has_letters(q: str) -> bool:
    """Without, there are no trigrams, and the index would give every row."""
    return any(letter.isalnum() for letter in q)


def _query(q: Any) -> SearchQuery:
    return SearchQuery(q, config=SEARCH_CONFIG, search_type="websearch")


def _relevance(q: Any) -> Cast:
    """Words in the title count most, then nearness to the spelling; an integer, so that a
    cursor can name it exactly."""
    in_title = SearchRank(SearchVector("title", weight="A", config=SEARCH_CONFIG), _query(q))
    nearness = TrigramWordSimilarity(q, SEARCHED_TEXT)
    score = Cast(in_title, FloatField()) + Cast(nearness, FloatField())
    return Cast(Round(score * 1000), IntegerField())
