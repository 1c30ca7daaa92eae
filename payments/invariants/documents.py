"""I3 and I5 of what is written to buyers: no invoice is missing, and none is there twice."""

from __future__ import annotations

from payments.invariants.checks import Check
from payments.invariants.queues import kept

_INVOICE_IS_KEPT = kept("payments.tasks.issue_invoice", "order_id", "o")


def _credited(source: str, state: str) -> str:
    """SQL: refunds or disputes whose lines gave back another sum than their credit note."""
    is_kept = kept("payments.tasks.issue_credit_note", f"{source}_id", "f")
    return f"""
        SELECT f.id, '{source} took ' || coalesce(sum(r.amount_paise), 0) || ' paise from '
               || 'invoiced lines, ' || coalesce(max(n.total_paise), 0) || ' are credited'
        FROM payments_{source} f
        LEFT JOIN payments_reversal r ON r.{source}_id = f.id AND r.undone_at IS NULL
        LEFT JOIN payments_invoice n ON n.reverses_id = f.id AND n.kind = 'credit_note'
            AND NOT EXISTS (SELECT FROM payments_invoice d WHERE d.corrects_id = n.id)
        WHERE f.state = '{state}' AND NOT {is_kept}
        GROUP BY f.id
        HAVING coalesce(sum(r.amount_paise), 0) <> coalesce(max(n.total_paise), 0)
        """


CHECKS = (
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
