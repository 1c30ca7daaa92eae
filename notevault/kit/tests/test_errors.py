"""Refusals and the catalogue of their codes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.urls import get_resolver

from notevault.kit.errors import DomainError
from notevault.kit.problems import CATALOGUE


class SeatTaken(DomainError):
    code = "not_found"
    message = "This seat is taken."


def every_refusal(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """All but those that are only a common base."""
    for refusal in base.__subclasses__():
        if hasattr(refusal, "code") or not refusal.__subclasses__():
            yield refusal
        yield from every_refusal(refusal)


class TestDomainError:
    def test_says_its_message_unless_told_otherwise(self):
        assert SeatTaken().detail == "This seat is taken."
        assert SeatTaken("Row 4 is full.").detail == "Row 4 is full."
        assert str(SeatTaken("Row 4 is full.")) == "Row 4 is full."

    def test_carries_what_the_caller_may_see(self):
        refusal = SeatTaken(retry_after=3, seat="4b", row=4)

        assert (refusal.retry_after, refusal.params) == (3, {"seat": "4b", "row": 4})

    def test_can_be_told_from_others_by_its_type(self):
        with pytest.raises(DomainError):
            raise SeatTaken


class TestCatalogue:
    def test_knows_the_code_of_every_refusal_of_every_app(self):
        assert get_resolver().url_patterns  # every view is imported now

        unknown = {r.__qualname__: r.code for r in every_refusal() if r.code not in CATALOGUE}

        assert unknown == {}
        assert len(list(every_refusal())) > 20

    @pytest.mark.parametrize("code", sorted(CATALOGUE))
    def test_gives_each_code_a_status_a_title_and_a_truthful_retry(self, code):
        known = CATALOGUE[code]

        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        assert 400 <= known.status <= 599
        assert known.title.strip()
        assert not known.title.endswith(".")
        # The same call may succeed later only after 429, errors of our side, and its twin.
        is_in_flight = code == "idempotency_key_in_use"
        assert known.retryable <= (known.status == 429 or known.status >= 500 or is_in_flight)


class TestErrorPage:
    def test_has_the_anchor_that_each_problem_links_to(self, client):
        response = client.get("/api/errors/")

        page = response.content.decode()
        assert response.status_code == 200
        assert [code for code in CATALOGUE if f'<tr id="{code}">' not in page] == []
