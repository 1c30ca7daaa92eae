"""I1 and I2: a captured payment is one access or one refund, and an access has its money."""

from __future__ import annotations

from payments.invariants.checks import Check
from payments.invariants.queues import kept

_PAID = "('paid', 'partially_refunded', 'refunded')"

# What has really gone back of a line: by processed refunds, and disputes that were lost.
_GONE = """
    SELECT r.item_id, sum(r.amount_paise) AS paise
    FROM payments_reversal r
    LEFT JOIN payments_refund f ON f.id = r.refund_id
    LEFT JOIN payments_dispute d ON d.id = r.dispute_id
    WHERE r.undone_at IS NULL AND (f.state = 'processed' OR d.state = 'lost')
    GROUP BY r.item_id"""

# Of each payment: claimed by refunds and disputes, from its lines, and refused to be refunded.
_CLAIMS = """
    SELECT p.id, p.gateway_payment_id, p.order_id, p.amount_paise, p.settles, p.state,
           p.given_back_paise + p.disputed_paise AS claimed,
           coalesce(l.paise, 0) AS of_lines, coalesce(f.paise, 0) AS failed
    FROM payments_payment p
    LEFT JOIN (
        SELECT coalesce(f.payment_id, d.payment_id) AS payment_id, sum(r.amount_paise) AS paise
        FROM payments_reversal r
        LEFT JOIN payments_refund f ON f.id = r.refund_id
        LEFT JOIN payments_dispute d ON d.id = r.dispute_id
        WHERE r.undone_at IS NULL GROUP BY 1) l ON l.payment_id = p.id
    LEFT JOIN (
        SELECT payment_id, sum(amount_paise) AS paise
        FROM payments_refund WHERE state = 'failed' GROUP BY 1) f ON f.payment_id = p.id"""

CHECKS = (
    Check(
        "I1",
        "A captured payment has paid its order, or goes back whole",
        f"""
        SELECT p.id, 'payment ' || p.gateway_payment_id || ' of order ' || p.order_id || ' is '
               || p.state || CASE WHEN p.settles THEN '' ELSE ', settles nothing,' END
               || ' and only ' || p.claimed || ' of ' || p.amount_paise || ' paise go back'
        FROM ({_CLAIMS}) p
        WHERE p.state = 'captured' AND NOT p.settles AND p.claimed + p.failed < p.amount_paise
           OR p.state = 'refunded' AND p.claimed < p.amount_paise
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
            OR i.outcome = 'granted' AND i.release_at IS NULL
        """,
    ),
    Check(
        "I1",
        "What a payment bought nothing for goes back to the paisa",
        f"""
        SELECT p.id, 'payment ' || p.gateway_payment_id || ' of ' || p.amount_paise
               || ' paise bought lines of ' || coalesce(i.paise, 0) || ', and only '
               || p.claimed - p.of_lines || ' of the rest go back'
        FROM ({_CLAIMS}) p
        LEFT JOIN (
            SELECT order_id, sum(paid_paise) AS paise
            FROM payments_orderitem WHERE release_at IS NOT NULL GROUP BY 1
        ) i ON i.order_id = p.order_id
        WHERE p.settles AND p.state IN ('captured', 'refunded')
          AND p.claimed - p.of_lines + p.failed < p.amount_paise - coalesce(i.paise, 0)
        """,
    ),
    Check(
        "I1",
        "A line that was taken back has given its money back",
        f"""
        SELECT i.id, 'line of order ' || i.order_id || ' of ' || i.paid_paise
               || ' paise was taken back, and ' || coalesce(g.paise, 0) || ' paise have gone back'
        FROM payments_orderitem i
        JOIN payments_order o ON o.id = i.order_id
        JOIN payments_payment p ON p.order_id = o.id AND p.settles
        LEFT JOIN ({_GONE}) g ON g.item_id = i.id
        WHERE i.outcome = 'given_back' AND i.release_at IS NOT NULL AND p.state <> 'refunded'
          AND coalesce(g.paise, 0) < i.paid_paise
          -- The refund failed later, and by then the buyer had bought the note again.
          AND NOT EXISTS (
              SELECT FROM notes_noteaccess a
              WHERE a.buyer_id = i.buyer_id AND a.note_id = i.note_id AND a.revoked_at IS NULL)
          AND NOT {kept("payments.tasks.restore_kept", "order_id", "o")}
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
        f"""
        SELECT a.id, 'live access to note ' || a.note_id || ' of order ' || i.order_id
               || ', and its ' || i.paid_paise || ' paise have gone back'
        FROM notes_noteaccess a
        JOIN payments_orderitem i ON i.id = a.reference
        JOIN payments_payment p ON p.order_id = i.order_id AND p.settles
        LEFT JOIN ({_GONE}) g ON g.item_id = i.id
        WHERE a.revoked_at IS NULL
          AND (p.state = 'refunded' OR i.paid_paise > 0 AND g.paise >= i.paid_paise)
        """,
    ),
    Check(
        "I1",
        "An order says how much of it has gone back",
        f"""
        SELECT o.id, 'order is ' || o.state || ', and ' || coalesce(f.paise, 0)
               + coalesce(d.paise, 0) || ' of ' || p.amount_paise || ' paise have gone back'
        FROM payments_order o
        JOIN payments_payment p ON p.order_id = o.id AND p.settles
        LEFT JOIN (
            SELECT payment_id, sum(amount_paise) AS paise
            FROM payments_refund WHERE state = 'processed' GROUP BY 1) f ON f.payment_id = p.id
        LEFT JOIN (
            SELECT payment_id, sum(held_paise) AS paise
            FROM payments_dispute WHERE state = 'lost' GROUP BY 1) d ON d.payment_id = p.id
        WHERE o.state IN {_PAID} AND o.state <> CASE
            WHEN coalesce(f.paise, 0) + coalesce(d.paise, 0) >= p.amount_paise THEN 'refunded'
            WHEN coalesce(f.paise, 0) + coalesce(d.paise, 0) > 0 THEN 'partially_refunded'
            ELSE 'paid' END
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
)
