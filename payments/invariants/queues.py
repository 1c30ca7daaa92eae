"""I5: what was accepted is done, pending, or a dead letter."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from payments.invariants.checks import Check
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


# The tasks of `kept`. Their discarded letters are never removed: without its letter a row
# that staff gave up would be taken for lost, and done after all.
ANSWERING: set[str] = set()


def kept(task: str, argument: str, row: str) -> str:
    """SQL: somebody still answers for the row, a job or a dead letter."""
    ANSWERING.add(task)
    names = {"task": task, "argument": argument, "row": row}
    return f"({_HAS_JOB.format(**names)} OR {_HAS_LETTER.format(**names)})"


_EVENT_IS_KEPT = kept("payments.tasks.handle_event", "event_id", "payments_webhookevent")
_REFUND_IS_KEPT = kept("payments.tasks.send_refund", "refund_id", "r")
_ALERT_IS_KEPT = kept("alerts.tasks.deliver_alert", "alert_id", "a")
_DELIVERY_IS_KEPT = kept("alerts.tasks.send_delivery", "delivery_id", "d")

CHECKS = (
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
          AND NOT EXISTS (
            SELECT FROM alerts_alertdelivery d WHERE d.alert_id = a.id AND d.state = 'pending')
        UNION ALL
        SELECT d.id, d.channel || ' is not told of alert ' || d.alert_id
               || ', and nobody answers for it'
        FROM alerts_alertdelivery d
        WHERE d.state = 'pending' AND NOT {_DELIVERY_IS_KEPT}
        """,
    ),
    Check(
        "I5",
        "Every job that gave up is a dead letter",
        """
        SELECT j.id, 'job ' || j.task_name || ' failed after ' || j.attempts
               || ' attempts and left no dead letter'
        FROM procrastinate_jobs j
        WHERE j.status = 'failed'
          AND NOT EXISTS (
              SELECT FROM ops_deadletter l WHERE l.job_id = j.id AND l.state <> 'retrying')
          -- A letter that was replayed names its last job; its failed runs name them all.
          AND NOT EXISTS (
              SELECT FROM ops_failedrun r WHERE r.job_id = j.id AND r.letter_id IS NOT NULL)
          -- A periodic task's next run does its work.
          AND NOT j.args ? 'timestamp'
        """,
    ),
)


def lost_events(*, before: datetime) -> QuerySet[WebhookEvent]:
    """Events that nobody answers for: no job, no dead letter."""
    received = WebhookEvent.objects.filter(state=EventState.RECEIVED, received_at__lte=before)
    return received.exclude(pk__in=RawSQL(_KEPT_EVENTS, []))


_KEPT_EVENTS = f"SELECT id FROM payments_webhookevent WHERE state = 'received' AND {_EVENT_IS_KEPT}"
