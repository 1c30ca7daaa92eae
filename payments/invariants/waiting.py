"""What breaks no promise and is not finished either: under way, or waiting for staff."""

from __future__ import annotations

from django.db import connection

WAITING = (
    (
        "refunds on their way",
        "SELECT count(*) FROM payments_refund WHERE state IN ('requested', 'pending')",
    ),
    (
        "failed refunds, for staff",
        "SELECT count(*) FROM payments_refund f JOIN payments_payment p ON p.id = f.payment_id "
        "WHERE f.state = 'failed' AND p.state = 'captured' "
        "AND p.given_back_paise + p.disputed_paise < p.amount_paise",
    ),
    (
        "refund requests, for staff",
        "SELECT count(*) FROM payments_refundrequest "
        "WHERE state IN ('requested', 'endorsed', 'failed')",
    ),
    (
        "disputes that no bank has decided",
        "SELECT count(*) FROM payments_dispute "
        "WHERE state IN ('open', 'under_review', 'action_required')",
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


def waiting() -> list[tuple[str, int]]:
    """(what, how many)."""
    counts = []
    with connection.cursor() as cursor:
        for what, sql in WAITING:
            cursor.execute(sql)
            counts.append((what, int(cursor.fetchone()[0])))
    return counts
