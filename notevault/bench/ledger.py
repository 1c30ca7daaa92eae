"""How fast the ledger is with a long past behind it: the proof, a balance, a settlement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice, product
from statistics import median
from typing import IO, Any, cast
from unittest import mock
from uuid import UUID

from django.conf import settings
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from notevault.accounts.models import User
from notevault.bench import history
from notevault.bench.report import Outcome, Promise, row_of
from notevault.bench.unpaid import Unpaid, open_orders
from notevault.chaos.people import make_people
from notevault.kit import clock
from payments import locks
from payments.ledger.balances import balance_paise
from payments.models import LedgerAccount
from payments.settlement import settle_payment
from payments.states import AccountKind

ORDERS, BUYERS = 100_000, 1_000
ENTRIES = 1_000_000
PROOF_S, PROOF_MB = 30.0, 500
SHORT, LONG, BALANCES = 1_000, 100_000, 300
BALANCE_RATIO = 1.5
LINES, QUERIES = 10, 25
THREADS, ROUNDS, SETTLEMENTS = 8, 5, 60
THROUGHPUT = 0.5


def measure() -> Iterator[tuple[str, Outcome]]:
    """One outcome after the other, in an empty database that is filled first."""
    make_people(seed=1, buyers=BUYERS, notes=ORDERS // BUYERS + 1)
    yield "a past of a million entries", _write_past()
    yield "the proof", prove()
    yield "a seller's balance", read_balances()
    yield "settlements", settle_orders()


def _write_past() -> Outcome:
    begun = time.monotonic()
    count = history.write_sales(orders=ORDERS, buyers=BUYERS)
    fact = f"{count} entries of {ORDERS} orders, written in {time.monotonic() - begun:.0f} s"
    return Outcome(facts=[fact])


def prove() -> Outcome:
    """`manage.py verify_ledger` as an operator runs it, in a process of its own."""
    spilled = _spilled_bytes()
    begun = time.monotonic()
    command = subprocess.Popen(
        [sys.executable, "manage.py", "verify_ledger", "--json"],
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
    )
    answer = cast(IO[bytes], command.stdout).read()
    _pid, status, usage = os.wait4(command.pid, 0)
    command.returncode = os.waitstatus_to_exitcode(status)
    seconds, megabytes = time.monotonic() - begun, usage.ru_maxrss / 1024
    proof: dict[str, Any] = json.loads(answer)
    slowest = sorted(proof["checks"], key=lambda check: -check["seconds"])[:3]
    return Outcome(
        promises=[
            Promise(
                f"the promises are proved over {ENTRIES} entries and more within {PROOF_S:.0f} s",
                f"{seconds:.1f} s, {proof['broken']} rows broken",
                seconds < PROOF_S and command.returncode == 0,
            ),
            Promise(
                f"in less than {PROOF_MB} MB of memory", f"{megabytes:.0f} MB", megabytes < PROOF_MB
            ),
        ],
        facts=[
            f"{check['seconds']:.1f} s: {check['invariant']} {check['about']}" for check in slowest
        ]
        + [f"PostgreSQL sorted {(_spilled_bytes() - spilled) / 2**20:.0f} MB on disk"],
    )


def _spilled_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def read_balances() -> Outcome:
    """Of a seller with a short history, and of one with a hundred times as much."""
    short, long = _seller_with(SHORT), _seller_with(LONG)
    read = partial(balance_paise, kind=AccountKind.SELLER_AVAILABLE)
    times: dict[UUID, list[float]] = {short: [], long: []}
    for _ in range(BALANCES):
        for seller_id, seconds in times.items():
            begun = time.perf_counter()
            read(owner_id=seller_id)
            seconds.append(time.perf_counter() - begun)
    with CaptureQueriesContext(connection) as queries:
        read(owner_id=long)
    ratio = median(times[long]) / median(times[short])
    return Outcome(
        [
            row_of(f"balance after {SHORT} entries", times[short]),
            row_of(f"balance after {LONG} entries", times[long]),
        ],
        [
            Promise(
                "a balance is one query, whose cost does not depend on the history",
                f"{len(queries)} query, {ratio:.2f} times as long",
                len(queries) == 1 and ratio <= BALANCE_RATIO,
            )
        ],
    )


def _seller_with(entries: int) -> UUID:
    seller = User.objects.create(email=f"seller{entries}@example.com", name="S", is_seller=True)
    own = LedgerAccount.objects.create(kind=AccountKind.SELLER_AVAILABLE, owner=seller)
    bank = LedgerAccount.objects.get(kind=AccountKind.BANK)
    history.write_entries(account_id=own.pk, other_id=bank.pk, count=entries)
    return seller.pk


def settle_orders() -> Outcome:
    """Orders of ten lines: one after the other, then eight threads that all want the same
    accounts of the house; each with and without the ledger's postings, in turns."""
    orders = open_orders(count=4 * ROUNDS * SETTLEMENTS + 1, lines=LINES)
    with CaptureQueriesContext(connection) as queries:
        _settle(next(orders))
    held: list[float] = []
    rates: dict[tuple[int, bool], list[float]] = defaultdict(list)
    for _, threads, posts in product(range(ROUNDS), (1, THREADS), (True, False)):
        timed = _timing_locks(held) if posts and threads == 1 else nullcontext()
        posting = nullcontext() if posts else mock.patch("payments.ledger.journal.post")
        with timed, posting:
            batch = list(islice(orders, SETTLEMENTS))
            rates[threads, posts].append(_rate(batch, threads))
    contended = _ratio(rates[THREADS, True], rates[THREADS, False])
    alone = _ratio(rates[1, True], rates[1, False])
    return Outcome(
        [row_of("the house's accounts are held", held)],
        [
            Promise(
                f"an order of {LINES} lines is settled in at most {QUERIES} queries",
                str(len(queries)),
                len(queries) <= QUERIES,
            ),
            Promise(
                "waiting for the house's accounts costs less than half of the rate",
                f"{THREADS} threads with the ledger settle at {contended:.2f} of their rate "
                f"without it, one alone at {alone:.2f}",
                contended > THROUGHPUT * alone,
            ),
        ],
        [
            f"settlements a second, {threads} at once, {'with' if posts else 'without'} the "
            f"ledger: {median(found):.0f}"
            for (threads, posts), found in rates.items()
        ]
        + [f"one account lets at most {1 / median(held):.0f} settlements a second through"],
    )


def _ratio(some: Sequence[float], others: Sequence[float]) -> float:
    """Of rounds in pairs the median counts: one hiccup of the machine decides nothing."""
    return median(one / other for one, other in zip(some, others, strict=True))


def _settle(order: Unpaid) -> None:
    settle_payment(order_id=order.id, payment=order.payment, source="bench", now=clock.now())


def _rate(orders: Sequence[Unpaid], threads: int) -> float:
    """Settlements a second, by all threads together."""

    def settle_some(mine: Sequence[Unpaid]) -> None:
        for order in mine:
            _settle(order)
        connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        begun = time.monotonic()
        list(pool.map(settle_some, [orders[n::threads] for n in range(threads)]))
        return len(orders) / (time.monotonic() - begun)


@contextmanager
def _timing_locks(held: list[float]) -> Iterator[None]:
    """From the moment the accounts are locked until the transaction has ended."""
    lock = locks.lock_accounts

    def locked(places: Any) -> Any:
        found = lock(places)
        begun = time.perf_counter()
        transaction.on_commit(lambda: held.append(time.perf_counter() - begun))
        return found

    with mock.patch.object(locks, "lock_accounts", locked):
        yield
