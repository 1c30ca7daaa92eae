"""The promises about money, as queries that find the rows that break them.

I1  A captured payment ends in exactly one of: access, or one completed refund.
I2  One live access per buyer and note.
I4  Refunds never exceed the capture.
I5  Every accepted event, alert and job is done, pending, or in the dead-letter table.

Each check gives rows of (id, what is wrong with it). A payment whose refund is under way,
or that waits in quarantine for staff, breaks nothing: it is counted as waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from payments.models import WebhookEvent
from payments.states import EventState

_HAS_JOB = """EXISTS (
    SELECT FROM procrastinate_jobs j
    WHERE j.status IN ('todo', 'doing') AND j.task_name = '{task}'
      AND j.args->>'{argument}' = {row}.id::text)"""
_HAS_LETTER = """EXISTS (
    SELECT FROM ops_deadletter l
    WHERE l.state IN ('open', 'retrying', 'discarded') AND l.task = '{task}'
      AND l.arguments->>'{argument}' = {row}.id::text)"""


def _kept(task: str, argument: str, row: str) -> str:
    """SQL: somebody still answers for the row, a job or a dead letter."""
    names = {"task": task, "argument": argument, "row": row}
    return f"({_HAS_JOB.format(**names)} OR {_HAS_LETTER.format(**names)})"


_EVENT_IS_KEPT = _kept("payments.tasks.handle_event", "event_id", "payments_webhookevent")
_REFUND_IS_KEPT = _kept("payments.tasks.send_refund", "refund_id", "r")
_ALERT_IS_KEPT = _kept("alerts.tasks.deliver_alert", "alert_id", "a")

_INVOICE_IS_KEPT = _kept("payments.tasks.issue_invoice", "order_id", "o")

_PAID = "('paid', 'partially_refunded', 'refunded')"


@dataclass(frozen=True)
class Check:
    invariant: str
    about: str
    sql: str


@dataclass(frozen=True)
class Finding:
    row_id: str
    what: str


def _credited(source: str, state: str) -> str:
    """SQL: refunds or disputes whose lines gave back another sum than their credit note."""
    is_kept = _kept("payments.tasks.issue_credit_note", f"{source}_id", "f")
    return f"""
        SELECT f.id, '{source} took ' || sum(r.amount_paise) || ' paise from invoiced lines, '
               || coalesce(max(n.total_paise), 0) || ' are credited'
        FROM payments_{source} f
        JOIN payments_reversal r ON r.{source}_id = f.id AND r.undone_at IS NULL
        LEFT JOIN payments_invoice n ON n.reverses_id = f.id AND n.kind = 'credit_note'
            AND NOT EXISTS (SELECT FROM payments_invoice d WHERE d.corrects_id = n.id)
        WHERE f.state = '{state}' AND NOT {is_kept}
        GROUP BY f.id
        HAVING sum(r.amount_paise) <> coalesce(max(n.total_paise), 0)
        """


INVOICE_CHECKS = (
    Check(
        "I3",
        "The documents of a financial year have no gap and no double",
        """
        SELECT s.id, s.prefix || ' ' || s.financial_year || ' counts to ' || s.last || ' and has '
               || count(i.id) || ' documents up to ' || coalesce(max(i.serial), 0)
        FROM payments_invoiceseries s LEFT JOIN payments_invoice i ON i.series_id = s.id
        GROUP BY s.id
        HAVING count(i.id) <> s.last OR count(DISTINCT i.serial) <> s.last
            OR coalesce(max(i.serial), 0) <> s.last
        """,
    ),
    Check(
        "I5",
        "Every order that sold something has its invoice, or a job or dead letter",
        f"""
        SELECT o.id, 'order sold ' || sum(i.paid_paise) || ' paise of notes without an invoice'
        FROM payments_order o
        JOIN payments_orderitem i ON i.order_id = o.id AND i.release_at IS NOT NULL
        WHERE NOT EXISTS (
            SELECT FROM payments_invoice n WHERE n.order_id = o.id AND n.kind = 'invoice')
          AND NOT {_INVOICE_IS_KEPT}
        GROUP BY o.id HAVING sum(i.paid_paise) > 0
        """,
    ),
    Check("I5", "What a refund took from lines is credited", _credited("refund", "processed")),
    Check("I5", "What a lost dispute took from lines is credited", _credited("dispute", "lost")),
)

CHECKS = (
    Check(
        "I1",
        "A captured payment has paid its order, or goes back whole",
        """
        SELECT p.id, 'payment ' || p.gateway_payment_id || ' of order ' || p.order_id
               || ' is captured, settles nothing, and only ' || p.given_back_paise || ' of '
               || p.amount_paise || ' paise go back'
        FROM payments_payment p
        WHERE p.state = 'captured' AND NOT p.settles
          AND p.amount_paise - p.given_back_paise - p.disputed_paise > (
              SELECT coalesce(sum(f.amount_paise), 0) FROM payments_refund f
              WHERE f.payment_id = p.id AND f.state = 'failed')
        """,
    ),
    Check(
        "I1",
        "A settled order is paid, and a paid order is settled or free",
        f"""
        SELECT o.id, 'order is ' || o.state || ' with ' || count(p.id) || ' settling payments'
        FROM payments_order o
        LEFT JOIN payments_payment p ON p.order_id = o.id AND p.settles
        GROUP BY o.id
        HAVING (o.state IN {_PAID}) <> (count(p.id) = 1 OR o.total_paise = 0 AND o.state = 'paid')
        """,
    ),
    Check(
        "I1",
        "Every line of a paid order gave its access or gives its money back",
        f"""
        SELECT i.id, 'line of order ' || o.id || ' (' || o.state || ') is ' || i.outcome
               || ' with ' || count(a.id) || ' live accesses'
        FROM payments_orderitem i
        JOIN payments_order o ON o.id = i.order_id
        LEFT JOIN notes_noteaccess a ON a.reference = i.id AND a.revoked_at IS NULL
        WHERE o.state IN {_PAID}
        GROUP BY i.id, o.id
        HAVING i.outcome = 'pending' OR i.is_open
            OR (i.outcome = 'granted') <> (count(a.id) = 1)
        """,
    ),
    Check(
        "I1",
        "A line that was not granted goes back to the paisa",
        """
        SELECT p.id, 'payment ' || p.gateway_payment_id || ': ' || sum(i.paid_paise)
               || ' paise of lines are not granted, ' || p.given_back_paise + p.disputed_paise
               || ' go back'
        FROM payments_payment p
        JOIN payments_orderitem i ON i.order_id = p.order_id AND i.outcome = 'given_back'
        WHERE p.settles AND p.state IN ('captured', 'refunded')
          AND p.amount_paise - p.given_back_paise - p.disputed_paise > (
              SELECT coalesce(sum(f.amount_paise), 0) FROM payments_refund f
              WHERE f.payment_id = p.id AND f.state = 'failed')
        GROUP BY p.id
        HAVING p.given_back_paise + p.disputed_paise < least(sum(i.paid_paise), p.amount_paise)
        """,
    ),
    Check(
        "I1",
        "No access without its money",
        f"""
        SELECT a.id, 'live access to note ' || a.note_id || ' for order ' || o.id || ', which is '
               || o.state
        FROM notes_noteaccess a
        JOIN payments_orderitem i ON i.id = a.reference
        JOIN payments_order o ON o.id = i.order_id
        WHERE a.revoked_at IS NULL AND o.state NOT IN {_PAID}
        """,
    ),
    Check(
        "I1",
        "What has gone back whole gives no access",
        """
        SELECT a.id, 'live access to note ' || a.note_id || ', paid by '
               || p.gateway_payment_id || ', which is refunded'
        FROM payments_payment p
        JOIN payments_orderitem i ON i.order_id = p.order_id
        JOIN notes_noteaccess a ON a.reference = i.id AND a.revoked_at IS NULL
        WHERE p.settles AND p.state = 'refunded'
        """,
    ),
    Check(
        "I2",
        "One live access per buyer and note",
        """
        SELECT min(id::text),
               'buyer ' || buyer_id || ' has ' || count(*) || ' live accesses to note ' || note_id
        FROM notes_noteaccess WHERE revoked_at IS NULL
        GROUP BY buyer_id, note_id HAVING count(*) > 1
        """,
    ),
    Check(
        "I4",
        "Refunds are counted, and never above the capture",
        """
        SELECT p.id, 'payment ' || p.gateway_payment_id || ' of ' || p.amount_paise || ' paise has '
               || coalesce(sum(r.amount_paise), 0) || ' in refunds and counts '
               || p.given_back_paise
        FROM payments_payment p
        LEFT JOIN payments_refund r ON r.payment_id = p.id AND r.state <> 'failed'
        GROUP BY p.id
        HAVING coalesce(sum(r.amount_paise), 0) > p.given_back_paise
            OR p.given_back_paise > p.amount_paise
        """,
    ),
    Check(
        "I5",
        "Every event is handled, or a job or dead letter answers for it",
        f"""
        SELECT id, event || ' ' || event_id || ' is received, and nobody answers for it'
        FROM payments_webhookevent
        WHERE state = 'received' AND NOT {_EVENT_IS_KEPT}
        """,
    ),
    Check(
        "I5",
        "Every owed refund has a job or a dead letter",
        f"""
        SELECT r.id, 'refund of ' || r.amount_paise || ' paise is requested, and no job sends it'
        FROM payments_refund r
        WHERE r.state = 'requested' AND NOT {_REFUND_IS_KEPT}
        """,
    ),
    Check(
        "I5",
        "Every alert is delivered, or a job or dead letter answers for it",
        f"""
        SELECT a.id, a.severity || ' ' || a.kind || ' is not delivered, and nobody answers for it'
        FROM alerts_alert a
        WHERE a.delivered_at IS NULL AND NOT {_ALERT_IS_KEPT}
        """,
    ),
    Check(
        "I5",
        "Every job that gave up is a dead letter",
        """
        SELECT j.id::text, 'job ' || j.task_name || ' failed after ' || j.attempts
               || ' attempts and left no dead letter'
        FROM procrastinate_jobs j
        LEFT JOIN ops_deadletter l ON l.job_id = j.id
        WHERE j.status = 'failed' AND l.id IS NULL
          -- A periodic task's next run does its work; a replayed job answers to its letter.
          AND NOT j.args ? 'timestamp' AND NOT j.args ? 'dead_letter_id'
        """,
    ),
    *INVOICE_CHECKS,
)

WAITING = (
    (
        "refunds on their way",
        "SELECT count(*) FROM payments_refund WHERE state IN ('requested', 'pending')",
    ),
    (
        "failed refunds, for staff",
        "SELECT count(*) FROM payments_refund f JOIN payments_payment p ON p.id = f.payment_id "
        "WHERE f.state = 'failed' AND p.state = 'captured' AND p.given_back_paise < p.amount_paise",
    ),
    (
        "payments in quarantine, for staff",
        "SELECT count(*) FROM payments_payment WHERE state = 'quarantined'",
    ),
    (
        "payments authorised, not captured",
        "SELECT count(*) FROM payments_payment WHERE state = 'authorized'",
    ),
    ("events to be handled", "SELECT count(*) FROM payments_webhookevent WHERE state = 'received'"),
    ("dead letters, for staff", "SELECT count(*) FROM ops_deadletter WHERE state = 'open'"),
)


def lost_events(*, before: datetime) -> QuerySet[WebhookEvent]:
    """Events that nobody answers for: no job, no dead letter."""
    received = WebhookEvent.objects.filter(state=EventState.RECEIVED, received_at__lte=before)
    return received.exclude(pk__in=RawSQL(_KEPT_EVENTS, []))


_KEPT_EVENTS = f"SELECT id FROM payments_webhookevent WHERE state = 'received' AND {_EVENT_IS_KEPT}"


def findings(check: Check) -> Iterator[Finding]:
    """The rows that break a promise, one at a time."""
    with connection.cursor() as cursor:
        cursor.execute(check.sql)
        for row_id, what in cursor:
            yield Finding(str(row_id), what)


def waiting() -> list[tuple[str, int]]:
    """What is under way or waits for staff: (what, how many)."""
    counts = []
    with connection.cursor() as cursor:
        for what, sql in WAITING:
            cursor.execute(sql)
            counts.append((what, int(cursor.fetchone()[0])))
    return counts
