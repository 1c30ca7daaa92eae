"""What a visitor does in one visit, by the names of plan.MIX.

A visit ends at the first wrong answer, which is counted as a fault of its row. What else ends
one is counted as a fault of no row.
"""

from __future__ import annotations

import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from deploy.load import checks
from deploy.load.checks import Body, WrongAnswer

T = TypeVar("T")
Sleep = Callable[[float], None]
# What locust calls for everything that was measured: kind, row, milliseconds, fault.
Tell = Callable[[str, str, float, str], None]

API = "/api/v1"
LIMIT = 20
# The share of those who look at a list and go on to its next page, again and again.
TURN_PAGE = 0.4
MISSPELT = 0.1
# Shorter ones are looked over by a search, such as "with" and "for".
LETTERS_OF_A_WORD = 6
NOBODYS_WORDS = {"against", "because", "before", "between", "during", "further", "through"}
MOST_NOTES_KNOWN = 1000
WAIT_S = 20
OUTCOME_WITHIN_S = 30.0
EXPIRES_SOON_S = 60.0
ACCESS_LASTS_S = 14 * 60.0
UPI = {"method": "upi", "vpa": "success@razorpay"}
# The rows that are no answers of the web server.
PAY, FLOW = "buy: pay at the sandbox", "buy: from payment to library"


class NothingToDownload(Exception):
    """A visitor came to download and has nothing: a gap in what the run was given."""


@dataclass
class Person:
    """Who visits. Without an e-mail address it is nobody; without a token one signs in first."""

    email: str = ""
    password: str = ""
    access: str = ""
    refresh: str = ""
    expires_at: float = 0.0
    address: str = ""
    """Under which an ingress would have seen it; empty where a real one does."""
    owned: dict[str, int] = field(default_factory=dict)
    """Notes it may read, and how many downloads of each are left."""


@dataclass
class Street:
    """What all visitors share."""

    sandbox_url: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the files, by note, where they are known."""
    notes: OrderedDict[str, Body] = field(default_factory=OrderedDict)
    """Those seen in lists lately."""
    orders: set[str] = field(default_factory=set)
    paid: set[str] = field(default_factory=set)

    def remember(self, notes: list[Body]) -> None:
        for note in notes:
            self.notes[note["id"]] = note
            self.notes.move_to_end(note["id"])
        while len(self.notes) > MOST_NOTES_KNOWN:
            self.notes.popitem(last=False)


def words_of(title: str) -> list[str]:
    """Those that somebody would search for, or the title itself."""
    words = set(re.findall(rf"[A-Za-z]{{{LETTERS_OF_A_WORD},}}", title))
    return sorted(word for word in words if word.lower() not in NOBODYS_WORDS) or [title[:100]]


def misspell(words: str, dice: random.Random) -> str:
    """Two neighbours changed places, neither of them a first letter."""
    places = [at for at in range(1, len(words) - 1) if words[at - 1 : at + 2].isalpha()]
    if not places:
        return words
    at = dice.choice(places)
    return words[:at] + words[at + 1] + words[at] + words[at + 2 :]


class Visitor:
    """`client` is locust's, or any that has `request` with `catch_response`."""

    def __init__(
        self, *, client: Any, person: Person, street: Street, sleep: Sleep, tell: Tell
    ) -> None:
        self.client, self.person, self.street = client, person, street
        self.sleep, self.tell = sleep, tell
        self.dice = random.Random()  # noqa: S311 nothing is secret
        self.query: dict[str, Any] = {}
        self.page: list[Body] = []
        self.cursor: str | None = None

    # Anybody

    def browse(self) -> None:
        """The first page of a list, or the next one of the list that was looked at last."""
        if not self.cursor or self.dice.random() > TURN_PAGE:
            self.query = {"sort": self.dice.choice(list(checks.SORTS)), "limit": LIMIT}
            self.page, self.cursor = [], None
        seen = [note["id"] for note in self.page]
        query = {**self.query, **({"cursor": self.cursor} if self.cursor else {})}
        body = self._get(
            f"{API}/notes?{urlencode(query)}",
            row="browse",
            check=lambda body: self._page(body, self.query["sort"], seen),
        )
        self.page, self.cursor = body["items"], body["next_cursor"]

    def _page(self, body: Body, sort: str, seen: list[str]) -> None:
        notes = checks.page(body, limit=LIMIT, sort=sort, seen=seen)
        if not notes:
            raise WrongAnswer("an empty page")
        self.street.remember(notes)

    def search(self) -> None:
        """For words of a title that is on sale, of ten times once misspelt."""
        note = self._some_note()
        words = words_of(note["title"])
        asked = " ".join(self.dice.sample(words, min(len(words), self.dice.choice((1, 1, 2)))))
        is_misspelt = self.dice.random() < MISSPELT
        typed = misspell(asked, self.dice) if is_misspelt else asked
        wanted = self.dice.choice(
            ({}, {"category": note["category"]}, {"max_price": note["price_paise"]})
        )

        def check(body: Body) -> None:
            checks.hits(body["items"], wanted, words="" if is_misspelt else asked)
            self.street.remember(body["items"])

        query = urlencode({"q": typed, **wanted, "limit": LIMIT})
        self._get(f"{API}/search?{query}", row="search", check=check)

    def detail(self) -> None:
        note = self._some_note()
        check = lambda body: checks.detail(body, note)  # noqa: E731
        self._get(f"{API}/notes/{note['id']}", row="detail", check=check)

    def _some_note(self) -> Body:
        if not self.street.notes:
            self.browse()
        return self.dice.choice(list(self.street.notes.values()))

    # Those who have an account

    def sign_in(self) -> None:
        who = self.person
        body = self._post(
            f"{API}/auth/login",
            {"email": who.email, "password": who.password},
            row="sign-in",
            check=lambda body: checks.signed_in(body, who.email),
        )
        self._hold(body)

    def buy(self) -> None:
        """Order, pay at the sandbox, wait for what its webhook brings about, find the note."""
        self._be_signed_in()
        note = self._note_to_buy()
        order = self._post(
            f"{API}/orders",
            {"note_ids": [note["id"]]},
            row="buy: order",
            check=lambda body: checks.order(body, note),
            key=str(uuid4()),
        )
        self.street.orders.add(order["id"])
        begun = time.perf_counter()
        self._pay(order["gateway_order_id"])
        self._wait_for_outcome(order["id"], begun + OUTCOME_WITHIN_S)
        self.street.paid.add(order["id"])
        self._get(
            f"{API}/library?limit=100",
            row="buy: library",
            check=lambda body: checks.in_library(body, note["id"]),
            is_own=True,
        )
        self.tell("FLOW", FLOW, (time.perf_counter() - begun) * 1000, "")
        self.person.owned[note["id"]] = 20

    def _note_to_buy(self) -> Body:
        """A dearer note than nothing that the visitor does not have."""
        while True:
            self._some_note()
            wanted = [
                note
                for note in self.street.notes.values()
                if note["price_paise"] and note["id"] not in self.person.owned
            ]
            if wanted:
                return self.dice.choice(wanted)
            self.browse()

    def _pay(self, gateway_order_id: str) -> None:
        def check(body: Body) -> None:
            if not body.get("razorpay_payment_id"):
                raise WrongAnswer("the sandbox took no payment")

        url = f"{self.street.sandbox_url}/checkout/{gateway_order_id}/pay"
        self._post(url, UPI, row=PAY, check=check)

    def _wait_for_outcome(self, order_id: str, until: float) -> None:
        """As the API asks for it: again after Retry-After, while there is no outcome."""
        is_done = False

        def check(body: Body) -> None:
            nonlocal is_done
            is_done = checks.outcome(body, order_id)

        path = f"{API}/orders/{order_id}?wait={WAIT_S}"
        while not is_done:
            self._get(path, row="buy: wait for the outcome", check=check, is_own=True)
            if not is_done and time.perf_counter() > until:
                late = f"no outcome within {OUTCOME_WITHIN_S:.0f} s"
                self.tell("FLOW", FLOW, OUTCOME_WITHIN_S * 1000, late)
                raise WrongAnswer(late)
            if not is_done:
                self.sleep(2.0)

    def download(self) -> None:
        """The link, and the file behind it."""
        self._be_signed_in()
        note_id = self._note_to_read()

        def check(body: Body) -> None:
            if not str(body.get("url", "")).startswith("http") or body["downloads_left"] < 0:
                raise WrongAnswer("a download link that leads nowhere")

        path = f"{API}/library/{note_id}/download"
        link = self._post(path, None, row="download: link", check=check, is_own=True)
        self.person.owned[note_id] = link["downloads_left"]
        digest = self.street.digests.get(note_id, "")
        self._request(
            "GET",
            link["url"],
            row="download: file",
            read=lambda status, kind, content: checks.file(status, kind, content, sha256=digest),
        )

    def _note_to_read(self) -> str:
        if not any(self.person.owned.values()):
            body = self._get(
                f"{API}/library?limit=100", row="library", check=lambda body: body, is_own=True
            )
            for item in body["items"]:
                self.person.owned[item["note_id"]] = 20 - item["downloads"]
        left = [note_id for note_id, count in self.person.owned.items() if count]
        if not left:
            raise NothingToDownload("every copy of this buyer's is used up, or there was none")
        return self.dice.choice(left)

    def _be_signed_in(self) -> None:
        who = self.person
        if who.expires_at - time.time() > EXPIRES_SOON_S:
            return
        if not who.refresh:
            self.sign_in()
            return
        body = self._post(
            f"{API}/auth/refresh",
            {"refresh": who.refresh},
            row="refresh",
            check=lambda body: body["access"],
        )
        self._hold(body)

    def _hold(self, tokens: Body) -> None:
        self.person.access, self.person.refresh = tokens["access"], tokens["refresh"]
        self.person.expires_at = time.time() + min(ACCESS_LASTS_S, float(tokens["expires_in"]))

    # The wire

    def _get(
        self, path: str, *, row: str, check: Callable[[Body], Any], is_own: bool = False
    ) -> Body:
        return self._request("GET", path, row=row, read=_checked(check), is_own=is_own)

    def _post(
        self,
        path: str,
        body: Body | None,
        *,
        row: str,
        check: Callable[[Body], Any],
        key: str = "",
        is_own: bool = False,
    ) -> Body:
        is_own = is_own or bool(key)
        return self._request(
            "POST", path, row=row, read=_checked(check), body=body, key=key, is_own=is_own
        )

    def _request(
        self,
        method: str,
        path: str,
        *,
        row: str,
        read: Callable[[int, str, bytes], T],
        body: Body | None = None,
        key: str = "",
        is_own: bool = False,
    ) -> T:
        """What `read` makes of the answer. Raises WrongAnswer, which is counted then."""
        headers = {"Idempotency-Key": key} if key else {}
        if self.person.address:
            headers["X-Forwarded-For"] = self.person.address
        if is_own:
            headers["Authorization"] = f"Bearer {self.person.access}"
        asked = {"json": body} if body is not None else {}
        with self.client.request(
            method, path, name=row, headers=headers, catch_response=True, **asked
        ) as answer:
            kind = (answer.headers or {}).get("Content-Type", "")
            try:
                found = read(answer.status_code, kind, answer.content or b"")
            except WrongAnswer as fault:
                answer.failure(str(fault))
                raise
            answer.success()
            return found


def _checked(check: Callable[[Body], Any]) -> Callable[[int, str, bytes], Body]:
    def read(status: int, kind: str, content: bytes) -> Body:
        body = checks.body_of(status, kind, content)
        try:
            check(body)
        except (KeyError, TypeError, AttributeError) as error:
            raise WrongAnswer(f"an answer without {error}") from error
        return body

    return read
