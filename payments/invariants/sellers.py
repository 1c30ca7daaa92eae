"""What sellers take out, and what takes something off their prices."""

from __future__ import annotations

from payments.invariants.books import ENTRIES
from payments.invariants.checks import Check

# What `payments/payouts/postings.py` writes, with the sign of each leg.
_LEGS = """(VALUES
    ('payout_requested', 'seller_available', -1), ('payout_requested', 'payouts_in_transit', 1),
    ('payout_undone', 'seller_available', 1), ('payout_undone', 'payouts_in_transit', -1),
    ('payout_paid', 'payouts_in_transit', -1), ('payout_paid', 'bank', 1),
    ('payout_returned', 'bank', -1), ('payout_returned', 'payouts_in_transit', 1)
    ) w (kind, account, sign)"""

CHECKS = (
    Check(
        "I3",
        "Every payout is in transit until it is paid or rejected, and is back when it returned",
        f"""
        SELECT p.id, 'payout ' || p.code || ' of ' || p.amount_paise || ' paise is ' || p.state
               || ', and the ledger has ' || coalesce(l.transit, 0) || ' in transit and '
               || coalesce(l.taken, 0) || ' taken'
        FROM payments_payout p
        LEFT JOIN (
            SELECT t.subject_id, a.owner_id,
                   sum(e.amount_paise) FILTER (WHERE a.kind = 'payouts_in_transit') AS transit,
                   -sum(e.amount_paise) FILTER (WHERE a.kind = 'seller_available') AS taken
            FROM {ENTRIES} WHERE t.kind LIKE 'payout%' AND a.owner_id IS NOT NULL GROUP BY 1, 2
        ) l ON l.subject_id = p.id AND l.owner_id = p.seller_id
        WHERE coalesce(l.transit, 0) <> CASE
                  WHEN p.state IN ('paid', 'rejected', 'returned') THEN 0 ELSE p.amount_paise END
           OR coalesce(l.taken, 0) <> CASE
                  WHEN p.state IN ('rejected', 'returned') THEN 0 ELSE p.amount_paise END
        """,
    ),
    Check(
        "I3",
        "What the ledger has of a payout is that payout's amount, out of its seller's account",
        f"""
        SELECT t.id, t.kind || ' of ' || t.subject_id || CASE WHEN p.id IS NULL
            THEN ' is about no payout'
            ELSE ' does not move the ' || p.amount_paise || ' paise of ' || p.code
                 || ' between its accounts' END
        FROM {ENTRIES}
        LEFT JOIN payments_payout p ON p.id = t.subject_id
        LEFT JOIN {_LEGS} ON w.kind = t.kind AND w.account = a.kind
            AND e.amount_paise = w.sign * p.amount_paise
            AND a.owner_id IS NOT DISTINCT FROM CASE WHEN a.kind <> 'bank' THEN p.seller_id END
        WHERE t.kind LIKE 'payout%'
        GROUP BY t.id, p.id HAVING count(DISTINCT w.account) <> 2 OR count(*) <> 2
        """,
    ),
    Check(
        "I4",
        "Every coupon counts its uses, and no more than it may have",
        """
        SELECT c.id, 'coupon ' || c.code || ' counts ' || c.uses || ' uses and ' || c.late_uses
               || ' late ones, and has ' || count(u.id)
        FROM payments_coupon c
        LEFT JOIN payments_couponuse u
          ON u.coupon_id = c.id AND u.state IN ('reserved', 'spent')
        GROUP BY c.id
        HAVING count(u.id) <> c.uses + c.late_uses OR c.uses > c.max_uses
        """,
    ),
)
