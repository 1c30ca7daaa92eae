"""I4, and the part of I3 that is about money taken back: by refunds and by disputes."""

from __future__ import annotations

from payments.invariants.books import ENTRIES, OF_PAYMENT, PROCESSED
from payments.invariants.checks import Check

# Of each payment, what its lines give for refunds and for disputes that are not undone.
_TAKEN_BACK = """(
    SELECT coalesce(f.payment_id, d.payment_id) AS payment_id,
           sum(r.amount_paise) FILTER (WHERE r.refund_id IS NOT NULL) AS refunds,
           sum(r.amount_paise) FILTER (WHERE r.dispute_id IS NOT NULL) AS disputes
    FROM payments_reversal r
    LEFT JOIN payments_refund f ON f.id = r.refund_id
    LEFT JOIN payments_dispute d ON d.id = r.dispute_id
    WHERE r.undone_at IS NULL GROUP BY 1)"""

CHECKS = (
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
            OR p.given_back_paise + p.disputed_paise > p.amount_paise
        """,
    ),
    Check(
        "I4",
        "Disputes are counted as long as they are not won",
        """
        SELECT p.id, 'payment ' || p.gateway_payment_id || ' has '
               || coalesce(sum(d.held_paise), 0) || ' paise held by disputes and counts '
               || p.disputed_paise
        FROM payments_payment p
        LEFT JOIN payments_dispute d ON d.payment_id = p.id AND d.state NOT IN ('won', 'closed')
        GROUP BY p.id
        HAVING coalesce(sum(d.held_paise), 0) <> p.disputed_paise
        """,
    ),
    Check(
        "I4",
        "Every line counts what was taken back from it",
        """
        SELECT i.id, 'line of order ' || i.order_id || ' counts ' || i.reversed_paise
               || ' paise as taken back, ' || i.reversed_share_paise || ' of the share and '
               || i.reversed_tax_paise || ' of the tax, and its reversals say '
               || coalesce(r.paise, 0) || ', ' || coalesce(r.share, 0) || ' and '
               || coalesce(r.tax, 0)
        FROM payments_orderitem i
        LEFT JOIN (
            SELECT item_id, sum(amount_paise) AS paise, sum(seller_share_paise) AS share,
                   sum(tax_paise) AS tax
            FROM payments_reversal WHERE undone_at IS NULL GROUP BY 1
        ) r ON r.item_id = i.id
        WHERE i.reversed_paise <> coalesce(r.paise, 0)
           OR i.reversed_share_paise <> coalesce(r.share, 0)
           OR i.reversed_tax_paise <> coalesce(r.tax, 0)
        """,
    ),
    Check(
        "I4",
        "No line gives for a refund that failed or a dispute that was won",
        """
        SELECT r.id, 'line ' || r.item_id || ' gives ' || r.amount_paise || ' paise for '
               || coalesce('refund ' || f.id || ', which ' || f.state,
                           'dispute ' || d.gateway_dispute_id || ', which is ' || d.state)
        FROM payments_reversal r
        LEFT JOIN payments_refund f ON f.id = r.refund_id
        LEFT JOIN payments_dispute d ON d.id = r.dispute_id
        WHERE r.undone_at IS NULL AND (f.state = 'failed' OR d.state IN ('won', 'closed'))
        """,
    ),
    Check(
        "I5",
        "Every refund request that was approved has its refund",
        """
        SELECT q.id, 'refund request of ' || q.amount_paise || ' paise is ' || q.state || ' with '
               || count(f.id) FILTER (WHERE f.state IN ('requested', 'pending'))
               || ' refunds under way and ' || count(f.id) FILTER (WHERE f.state = 'processed')
               || ' made'
        FROM payments_refundrequest q
        LEFT JOIN payments_refund f ON f.request_id = q.id
        WHERE q.state IN ('approved', 'completed')
        GROUP BY q.id
        HAVING count(f.id) FILTER (WHERE f.state IN ('requested', 'pending')) = 0
            AND (q.state = 'approved' OR count(f.id) FILTER (WHERE f.state = 'processed') = 0)
        """,
    ),
    Check(
        "I3",
        "Every refund took from its lines, and left once it was processed",
        f"""
        SELECT f.id, 'refund of ' || f.amount_paise || ' paise is ' || f.state || ': '
               || coalesce(r.paise, 0) || ' come from lines, and the ledger took '
               || coalesce(l.owed, 0) || ' from them and paid out ' || coalesce(l.paid, 0)
        FROM payments_refund f
        LEFT JOIN (
            SELECT refund_id, sum(amount_paise) AS paise
            FROM payments_reversal WHERE undone_at IS NULL GROUP BY 1) r ON r.refund_id = f.id
        LEFT JOIN (
            SELECT t.subject_id,
                   sum(e.amount_paise) FILTER (WHERE t.kind IN ('refund_owed', 'refund_undone')
                                               AND a.kind = 'refunds_payable') AS owed,
                   sum(e.amount_paise) FILTER (WHERE a.kind = 'gateway_clearing') AS paid
            FROM {ENTRIES} WHERE t.kind LIKE 'refund%' GROUP BY 1
        ) l ON l.subject_id = f.id
        WHERE coalesce(l.owed, 0) <> coalesce(r.paise, 0)
           OR coalesce(l.paid, 0) <> CASE f.state WHEN 'processed' THEN f.amount_paise ELSE 0 END
        """,
    ),
    Check(
        "I3",
        "Every dispute holds its money until it is decided",
        f"""
        SELECT d.id, 'dispute ' || d.gateway_dispute_id || ' of ' || d.held_paise || ' paise is '
               || d.state || ', and the ledger holds ' || coalesce(l.held, 0) || ' and lost '
               || coalesce(l.lost, 0)
        FROM payments_dispute d
        LEFT JOIN (
            SELECT t.subject_id,
                   sum(e.amount_paise) FILTER (WHERE a.kind = 'dispute_holds') AS held,
                   sum(e.amount_paise) FILTER (WHERE a.kind = 'gateway_clearing') AS lost
            FROM {ENTRIES} WHERE t.kind LIKE 'dispute%' GROUP BY 1
        ) l ON l.subject_id = d.id
        WHERE coalesce(l.held, 0) <> CASE
                  WHEN d.state IN ('won', 'lost', 'closed') THEN 0 ELSE d.held_paise END
           OR coalesce(l.lost, 0) <> CASE d.state WHEN 'lost' THEN d.deducted_paise ELSE 0 END
        """,
    ),
    Check(
        "I3",
        "What is owed to the buyer of a payment is in the ledger, and not below zero",
        f"""
        SELECT p.id, 'payment ' || p.gateway_payment_id || ': the ledger owes its buyer '
               || coalesce(l.paise, 0) || ' paise, and its rows say ' || p.paise
        FROM (
            SELECT p.id, p.gateway_payment_id,
                   CASE WHEN p.settles THEN greatest(0, p.amount_paise - coalesce(i.paise, 0))
                        WHEN u.id IS NOT NULL THEN p.amount_paise ELSE 0 END
                   + coalesce(r.refunds, 0) - coalesce(f.paise, 0)
                   - (p.disputed_paise - coalesce(r.disputes, 0)) AS paise
            FROM payments_payment p
            LEFT JOIN payments_ledgertransaction u ON u.subject_id = p.id AND u.kind = 'unearned'
            LEFT JOIN (
                SELECT order_id, sum(paid_paise) AS paise
                FROM payments_orderitem WHERE release_at IS NOT NULL GROUP BY 1
            ) i ON i.order_id = p.order_id
            LEFT JOIN {_TAKEN_BACK} r ON r.payment_id = p.id
            LEFT JOIN {PROCESSED} f ON f.payment_id = p.id
        ) p
        LEFT JOIN (
            SELECT s.payment_id, sum(e.amount_paise) AS paise
            FROM {ENTRIES} JOIN {OF_PAYMENT} ON s.id = t.subject_id
            WHERE a.kind = 'refunds_payable' GROUP BY 1
        ) l ON l.payment_id = p.id
        WHERE coalesce(l.paise, 0) <> p.paise OR p.paise < 0
        """,
    ),
)
