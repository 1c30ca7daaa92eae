"""Search of the catalogue: words by full text, slips of the pen by trigrams, and letters that
have changed places by full text again: they leave too few trigrams.

Two expression indexes of Note carry it (`note_words`, `note_trigrams`); no column has to be
kept in step. Read what the lists give inside of `forgiving()`.
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
from django.db.models import F, FloatField, IntegerField, QuerySet
from django.db.models.functions import Cast, Round

from notes import selectors
from notes.models import SEARCH_CONFIG, SEARCHED_TEXT, SEARCHED_WORDS, Note
from notes.selectors import Rows
from notevault.kit.pagination import Sort

BY_RELEVANCE = Sort("relevance")
# Of a word that half of the catalogue has, the best sold are ranked; nobody pages further.
MOST_RANKED = 500
# With this many notes that hold the very words, nobody looks for others spelt nearly so.
PLENTY = 20
MOST_SUGGESTIONS = 8
# The share of trigrams that one wrong letter in a word of seven leaves; PostgreSQL's own 0.6 is
# for words of eleven.
LEAST_NEARNESS = 0.45


@contextmanager
def forgiving() -> Iterator[None]:
    """For one transaction, so that it holds behind pgbouncer and ends with it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)",
            [str(LEAST_NEARNESS)],
        )
        yield


def list_found(*, q: str, **filters: Any) -> Rows:
    """Published notes that `q` finds, as rows with `relevance`, an integer from 0 up.

    `q` is read like a search engine's: words, "a phrase", -without. A word that is misspelt
    finds titles, courses and universities too, and one with two letters in each other's place
    all that the right one finds, unless the words found plenty. `filters` are those of
    `list_published`.
    """
    on_sale = selectors.published(**filters)
    with_words = on_sale.alias(words=SEARCHED_WORDS)
    by_words = with_words.filter(words=_query(q))
    hits = _best_sold(by_words)
    if not _is_exact(q) and not by_words[PLENTY - 1 : PLENTY].exists():
        by_swap = with_words.filter(words=_query(" or ".join(_swapped(q))))
        hits = hits.union(_best_sold(_similar(on_sale, q)), _best_sold(by_swap))
    found = selectors.rows_of(Note.objects.filter(pk__in=hits))
    ranked: Rows = found.annotate(relevance=_relevance(q))
    return ranked


def list_suggestions(q: str) -> list[str]:
    """At most eight titles of notes on sale that begin like `q` or hold it, the nearest first."""
    similar = (
        _similar(Note.objects.published(), q)
        .alias(nearness=TrigramWordSimilarity(q, "title"))
        .order_by("-nearness", "-sales_count", "-id")
    )
    titles: dict[str, str] = {}
    for title in similar.values_list("title", flat=True)[: 4 * MOST_SUGGESTIONS]:
        titles.setdefault(title.casefold(), title)
    return list(titles.values())[:MOST_SUGGESTIONS]


def _similar(notes: QuerySet[Note], q: str) -> QuerySet[Note]:
    return notes.alias(text=SEARCHED_TEXT).filter(text__trigram_word_similar=q)


def _swapped(q: str) -> Iterator[str]:
    """`q` with two letters beside each other swapped, each such pair once."""
    for at in range(len(q) - 1):
        first, second = q[at : at + 2]
        if first.isalpha() and second.isalpha() and first != second:
            yield q[:at] + second + first + q[at + 2 :]


def _best_sold(notes: QuerySet[Note]) -> Rows:
    """By no index: on the way along one, PostgreSQL would parse every text that it passes
    whenever it takes a rare word for a common one."""
    return notes.order_by((F("sales_count") + 0).desc()).values("pk")[:MOST_RANKED]


def _is_exact(q: str) -> bool:
    """Who quotes a phrase or leaves a word out has spelt what he wants."""
    return '"' in q or " -" in f" {q}"


def _query(q: str) -> SearchQuery:
    return SearchQuery(q, config=SEARCH_CONFIG, search_type="websearch")


def _relevance(q: str) -> Cast:
    """Words in the title count most, then nearness to the spelling; an integer, so that a
    cursor can name it exactly."""
    in_title = SearchRank(SearchVector("title", weight="A", config=SEARCH_CONFIG), _query(q))
    nearness = TrigramWordSimilarity(q, SEARCHED_TEXT)
    score = Cast(in_title, FloatField()) + Cast(nearness, FloatField())
    return Cast(Round(score * 1000), IntegerField())
