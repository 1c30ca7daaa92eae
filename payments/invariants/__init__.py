"""The promises about money, as queries that find the rows that break them.

I1  A captured payment ends in exactly one of: access, or one completed refund.
I2  One live access per buyer and note.
I3  Every ledger transaction sums to zero; ledger rows are never changed or deleted.
I4  Refunds never exceed the capture.
I5  Every accepted event, alert and job is done, pending, or in the dead-letter table.

A payment whose refund is under way, or that waits in quarantine for staff, breaks nothing:
it is counted as waiting. A new promise is one more `Check` in the file of its matter; a new
matter is a file with a `CHECKS` of its own, named here.
"""

from payments.invariants import accounts, books, documents, queues, returns, sales, sellers
from payments.invariants.checks import Check, Finding, findings
from payments.invariants.proof import Outcome, Proof, ProofRunning, prove
from payments.invariants.queues import ANSWERING, lost_events
from payments.invariants.waiting import waiting

CHECKS: tuple[Check, ...] = (
    *sales.CHECKS,
    *accounts.CHECKS,
    *books.CHECKS,
    *returns.CHECKS,
    *sellers.CHECKS,
    *documents.CHECKS,
    *queues.CHECKS,
)

__all__ = [
    "ANSWERING",
    "CHECKS",
    "Check",
    "Finding",
    "Outcome",
    "Proof",
    "ProofRunning",
    "findings",
    "lost_events",
    "prove",
    "waiting",
]
