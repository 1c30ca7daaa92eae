"""What visitors ask: they look around, sign in, buy, read, and now and then want money back."""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle, product
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from deploy.rollout.load import Answer, Question
from notevault.bench.traffic import API, SORTS
from notevault.chaos.gateway import FIELDS, Sandbox
from notevault.chaos.records import Records

WAIT_S = 20
# Of a hundred requests, near to the mix of `make load`: five orders, each of which is verified or
# waited for. Those that go on with a purchase look at the catalogue when there is none to go on
# with.
MIX = {
    "catalogue": 45,
    "search": 14,
    "detail": 16,
    "account": 5,
    "sign-in": 3,
    "order": 5,
    "verification": 2,
    "long poll": 4,
    "download": 4,
    "refund": 2,
}


@dataclass(frozen=True)
class Purchase:
    """An order whose payment the gateway has taken."""

    order_id: str
    note_id: str
    token: str
    receipt: Mapping[str, Any]


class Visitors:
    """`next_question` may be called by many threads; no cart comes twice."""

    def __init__(self, seeded: Mapping[str, Any], *, sandbox: Sandbox, records: Records) -> None:
        self._seeded, self._sandbox, self._records = seeded, sandbox, records
        dice = Random(1)  # noqa: S311 the same order in each play
        kinds = [kind for kind, share in MIX.items() for _ in range(share)]
        dice.shuffle(kinds)
        self._kinds = cycle(kinds)
        self._notes = cycle(seeded["notes"])
        self._buyers = cycle(seeded["buyers"])
        self._sign_ins = cycle(seeded["sign_ins"])
        self._lists = cycle(_lists())
        self._searches = cycle(list(_searches(seeded)))
        carts = list(product(seeded["buyers"], seeded["notes"]))
        dice.shuffle(carts)
        self._carts = iter(carts)
        self._to_verify: deque[Purchase] = deque()
        self._to_await: deque[Purchase] = deque()
        self._to_read: deque[Purchase] = deque()
        self._lock = threading.Lock()
        self._turn = 0

    def next_question(self) -> Question:
        with self._lock:
            return self._questions[next(self._kinds)](self)

    # Looking

    def _catalogue(self) -> Question:
        return _get("catalogue", next(self._lists))

    def _search(self) -> Question:
        return _get("search", next(self._searches))

    def _detail(self) -> Question:
        return _get("detail", f"{API}/notes/{next(self._notes)}")

    def _account(self) -> Question:
        self._turn += 1
        path = ("/me", "/library", "/orders")[self._turn % 3]
        return _get("account", f"{API}{path}", token=next(self._buyers)["token"])

    def _sign_in(self) -> Question:
        wanted = {"email": next(self._sign_ins), "password": self._seeded["password"]}
        return _post("sign-in", "/auth/login", wanted, judge=_demand(200))

    # Buying

    def _order(self) -> Question:
        cart = next(self._carts, None)
        if cart is None:  # everybody has bought everything
            return self._catalogue()
        buyer, note_id = cart

        def judge(answer: Answer) -> str:
            if answer.status != 201:
                return _wrong(answer)
            self._pay(json.loads(answer.body), note_id=note_id, token=buyer["token"])
            return ""

        wanted = {"note_ids": [note_id]}
        return _post("order", "/orders", wanted, token=buyer["token"], judge=judge)

    def _pay(self, order: Mapping[str, Any], *, note_id: str, token: str) -> None:
        """At the gateway, which is not what is tried here: it has to work."""
        self._records.note_order(dict(order))
        receipt = self._sandbox.pay(order["gateway_order_id"], FIELDS["upi"])
        if "error" in receipt:
            raise RuntimeError(f"the sandbox refused a payment: {receipt}")
        purchase = Purchase(order["id"], note_id, token, receipt)
        with self._lock:
            self._records.note_purchase()
            self._to_await.append(purchase)
            # The other half of the buyers closes the page: the webhook alone tells us.
            if len(self._to_verify) < 50 and self._records.purchases % 2:
                self._to_verify.append(purchase)

    def _verification(self) -> Question:
        if not self._to_verify:
            return self._catalogue()
        bought = self._to_verify.popleft()

        def judge(answer: Answer) -> str:
            if answer.status == 200:
                self._records.note_order(json.loads(answer.body))
                return ""
            return _wrong(answer)

        return _post(
            "verification", "/payments/verify", bought.receipt, token=bought.token, judge=judge
        )

    def _long_poll(self) -> Question:
        if not self._to_await:
            return self._catalogue()
        bought = self._to_await.popleft()

        def judge(answer: Answer) -> str:
            if answer.status != 200:
                return _wrong(answer)
            order = json.loads(answer.body)
            self._records.note_order(order)
            if order["next_action"] != "download":
                return f"no access after {WAIT_S} s"
            with self._lock:
                self._to_read.append(bought)
            return ""

        return _get(
            "long poll",
            f"{API}/orders/{bought.order_id}?wait={WAIT_S}",
            token=bought.token,
            judge=judge,
            waits=True,
        )

    # After

    def _download(self) -> Question:
        if not self._to_read:
            return self._detail()
        bought = self._to_read.popleft()
        path = f"/library/{bought.note_id}/download"
        return _post("download", path, None, token=bought.token, judge=_demand(200))

    def _refund(self) -> Question:
        """Of what nobody has read, which a rule gives back at once."""
        if not self._to_read:
            return self._detail()
        bought = self._to_read.popleft()

        def judge(answer: Answer) -> str:
            if answer.status != 201:
                return _wrong(answer)
            self._records.note_request(json.loads(answer.body)["id"])
            return ""

        wanted = {
            "order_id": bought.order_id,
            "items": [{"note_id": bought.note_id}],
            "reason": "bought_by_mistake",
        }
        return _post("refund", "/refunds", wanted, token=bought.token, judge=judge)

    _questions: Mapping[str, Callable[[Visitors], Question]] = {
        "catalogue": _catalogue,
        "search": _search,
        "detail": _detail,
        "account": _account,
        "sign-in": _sign_in,
        "order": _order,
        "verification": _verification,
        "long poll": _long_poll,
        "download": _download,
        "refund": _refund,
    }


def _lists() -> list[str]:
    return [f"{API}/categories", *(f"{API}/notes?sort={sort}&limit=20" for sort in SORTS)]


def _searches(seeded: Mapping[str, Any]) -> list[str]:
    found = [f"{API}/notes?category={quote(slug)}" for slug in seeded["categories"]]
    found += [f"{API}/notes?{urlencode({'university': u})}" for u in seeded["universities"]]
    return [*found, f"{API}/notes?min_price=5000&max_price=20000&sort=price_low"]


def _demand(status: int) -> Callable[[Answer], str]:
    return lambda answer: "" if answer.status == status else _wrong(answer)


def _wrong(answer: Answer) -> str:
    """The status and the code of what was not to come."""
    try:
        code = json.loads(answer.body).get("code", "")
    except (ValueError, AttributeError):
        code = "no JSON"
    return f"{answer.status} {code}".strip()


def _get(
    kind: str,
    path: str,
    *,
    token: str = "",
    judge: Callable[[Answer], str] | None = None,
    waits: bool = False,
) -> Question:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Question(kind, "GET", path, judge or _demand(200), headers=headers, waits=waits)


def _post(
    kind: str, path: str, body: Any, *, judge: Callable[[Answer], str], token: str = ""
) -> Question:
    headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(12)}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    content = b"" if body is None else json.dumps(body).encode()
    return Question(kind, "POST", f"{API}{path}", judge, body=content, headers=headers)
