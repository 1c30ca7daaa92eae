"""I3, the ledger against what it is about: each paisa of a sale stands where its rows say."""

from __future__ import annotations

from payments.invariants.checks import Check

_TAKEN = "('captured', 'quarantined', 'refunded')"

# The entries, each with the kind of its account and what its transaction is about.
ENTRIES = """payments_ledgerentry e
    JOIN payments_ledgeraccount a ON a.id = e.account_id
    JOIN payments_ledgertransaction t ON t.id = e.transaction_id"""

# Whatever is about a payment: itself, its refunds, its disputes.
OF_PAYMENT = """(
    SELECT id, id AS payment_id FROM payments_payment
    UNION ALL SELECT id, payment_id FROM payments_refund
    UNION ALL SELECT id, payment_id FROM payments_dispute) s"""

PROCESSED = """(
    SELECT payment_id, sum(amount_paise) AS paise
    FROM payments_refund WHERE state = 'processed' GROUP BY 1)"""

_SUBJECTS = """
    SELECT id, order_id, 'payment' AS what FROM payments_payment
    UNION ALL SELECT f.id, p.order_id, 'refund'
        FROM payments_refund f JOIN payments_payment p ON p.id = f.payment_id
    UNION ALL SELECT d.id, p.order_id, 'dispute'
        FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id
    UNION ALL SELECT id, order_id, 'line' FROM payments_orderitem"""

CHECKS = (
    Check(
        "I3",
        "Every captured payment is in the ledger once, with its amount",
        f"""
        SELECT p.id, 'payment ' || p.gateway_payment_id || ' (' || p.state || ') of '
               || p.amount_paise || CASE
            WHEN k.kinds IS NULL THEN ' paise is not in the ledger: if it is older than the '
                || 'ledger, run manage.py open_books'
            ELSE ' paise is in the ledger as ' || k.kinds || ' of ' || coalesce(k.paise, 0) END
        FROM payments_payment p
        LEFT JOIN (
            SELECT t.subject_id, -sum(c.paise) AS paise,
                   string_agg(t.kind, ' and ' ORDER BY t.kind) AS kinds
            FROM payments_ledgertransaction t
            LEFT JOIN (
                SELECT e.transaction_id, sum(e.amount_paise) AS paise
                FROM payments_ledgerentry e JOIN payments_ledgeraccount a ON a.id = e.account_id
                WHERE a.kind = 'gateway_clearing' GROUP BY 1
            ) c ON c.transaction_id = t.id
            WHERE t.kind IN ('sale', 'unearned', 'acceptance') GROUP BY 1
        ) k ON k.subject_id = p.id
        WHERE p.amount_paise > 0 AND (k.paise <> p.amount_paise OR NOT CASE
            WHEN p.settles THEN coalesce(k.kinds, '') IN ('sale', 'acceptance and unearned')
            WHEN p.state IN {_TAKEN} THEN coalesce(k.kinds, '') = 'unearned'
            -- A refund may be heard of before the payment that it gives back.
            ELSE coalesce(k.kinds, 'unearned') = 'unearned' END)
        """,
    ),
    Check(
        "I3",
        "What the gateway has paid out and kept of a payment is in the ledger",
        f"""
        SELECT p.id, 'payment ' || p.gateway_payment_id || ': the ledger took '
               || coalesce(c.paise, 0) || ' paise out of the clearing account, its refunds, fee '
               || 'and lost disputes are ' || p.paise
        FROM (
            SELECT p.id, p.gateway_payment_id, coalesce(f.paise, 0) + coalesce(d.paise, 0)
                   + CASE WHEN p.state IN {_TAKEN} THEN coalesce(p.fee_paise, 0) ELSE 0 END AS paise
            FROM payments_payment p
            LEFT JOIN {PROCESSED} f ON f.payment_id = p.id
            LEFT JOIN (
                SELECT payment_id, sum(deducted_paise) AS paise
                FROM payments_dispute WHERE state = 'lost' GROUP BY 1) d ON d.payment_id = p.id
        ) p
        LEFT JOIN (
            SELECT s.payment_id, sum(e.amount_paise) AS paise
            FROM {ENTRIES} JOIN {OF_PAYMENT} ON s.id = t.subject_id
            WHERE a.kind = 'gateway_clearing' AND t.kind NOT IN ('sale', 'unearned', 'settled')
            GROUP BY 1
        ) c ON c.payment_id = p.id
        WHERE coalesce(c.paise, 0) <> p.paise
        """,
    ),
    Check(
        "I3",
        "What reached the bank account is in the ledger once its settlement is known",
        """
        SELECT s.id, s.name || CASE WHEN t.id IS NULL
            THEN ' is settled by ' || s.settlement_id || ', and the ledger does not know'
            ELSE ' is settled in the ledger, and by no settlement' END
        FROM (
            SELECT id, gateway_payment_id AS name, settlement_id FROM payments_payment
            UNION ALL SELECT id, coalesce(gateway_refund_id, id::text), settlement_id
            FROM payments_refund
            UNION ALL SELECT id, gateway_dispute_id, settlement_id FROM payments_dispute
        ) s
        LEFT JOIN payments_ledgertransaction t ON t.subject_id = s.id AND t.kind = 'settled'
        WHERE (s.settlement_id <> '') <> (t.id IS NOT NULL)
        """,
    ),
    Check(
        "I3",
        "What is settled moves between the gateway and the bank account alone",
        f"""
        SELECT t.id, 'settled of ' || t.subject_id || ' moves '
               || string_agg(e.amount_paise || ' paise of ' || a.kind, ' and ' ORDER BY a.kind)
        FROM {ENTRIES}
        WHERE t.kind = 'settled' AND a.kind NOT IN ('gateway_clearing', 'bank')
        GROUP BY t.id
        """,
    ),
    Check(
        "I3",
        "Every line's share is in its seller's account",
        """
        SELECT i.id, 'line of order ' || i.order_id || ': seller ' || i.seller_id || ' has '
               || i.pending || ' paise of it in escrow and ' || i.available || ' available, not '
               || i.due || CASE WHEN i.released_at IS NULL THEN ' in escrow'
                                ELSE ' available' END
        FROM (
            SELECT i.id, i.order_id, i.seller_id, i.released_at,
                   coalesce(e.pending, 0) AS pending, coalesce(e.available, 0) AS available,
                   CASE WHEN i.release_at IS NULL THEN 0
                        ELSE i.seller_share_paise - i.reversed_share_paise END AS due
            FROM payments_orderitem i
            LEFT JOIN (
                SELECT e.item_id, a.owner_id,
                       sum(e.amount_paise) FILTER (WHERE a.kind = 'seller_pending') AS pending,
                       sum(e.amount_paise) FILTER (WHERE a.kind = 'seller_available') AS available
                FROM payments_ledgerentry e JOIN payments_ledgeraccount a ON a.id = e.account_id
                WHERE e.item_id IS NOT NULL GROUP BY 1, 2
            ) e ON e.item_id = i.id AND e.owner_id = i.seller_id
        ) i
        WHERE i.pending <> CASE WHEN i.released_at IS NULL THEN i.due ELSE 0 END
           OR i.available <> CASE WHEN i.released_at IS NULL THEN 0 ELSE i.due END
        """,
    ),
    Check(
        "I3",
        "What moves in a seller's account names its line, or is a payout",
        """
        SELECT e.id, t.kind || ' of ' || t.subject_id || ' moves ' || e.amount_paise
               || ' paise of seller ' || a.owner_id
               || coalesce(' for a line of ' || i.seller_id, ' and names no line')
        FROM payments_ledgerentry e
        JOIN payments_ledgeraccount a ON a.id = e.account_id AND a.owner_id IS NOT NULL
        JOIN payments_ledgertransaction t ON t.id = e.transaction_id
        LEFT JOIN payments_orderitem i ON i.id = e.item_id
        WHERE t.kind NOT LIKE 'payout%' AND i.seller_id IS DISTINCT FROM a.owner_id
        """,
    ),
    Check(
        "I3",
        "The tax of every order is in the ledger",
        """
        SELECT i.order_id, 'order owes ' || i.paise || ' paise of tax, and the ledger says '
               || coalesce(t.paise, 0)
        FROM (
            SELECT order_id, sum(tax_paise - reversed_tax_paise)
                             FILTER (WHERE release_at IS NOT NULL) AS paise
            FROM payments_orderitem GROUP BY 1
        ) i
        LEFT JOIN (
            SELECT t.order_id, sum(e.amount_paise) AS paise
            FROM payments_ledgerentry e
            JOIN payments_ledgeraccount a ON a.id = e.account_id
            JOIN payments_ledgertransaction t ON t.id = e.transaction_id
            WHERE a.kind = 'tax_payable' GROUP BY 1
        ) t ON t.order_id = i.order_id
        WHERE coalesce(i.paise, 0) <> coalesce(t.paise, 0)
        """,
    ),
    Check(
        "I3",
        "Every transaction is about a row that exists, and names its order",
        f"""
        SELECT t.id, t.kind || ' is about ' || t.subject_id || CASE
            WHEN s.id IS NULL THEN ', which does not exist'
            ELSE ' of order ' || s.order_id || ', and names '
                 || coalesce(t.order_id::text, 'none') END
        FROM payments_ledgertransaction t
        LEFT JOIN ({_SUBJECTS}) s ON s.id = t.subject_id AND CASE
            WHEN t.kind LIKE 'refund%' THEN s.what = 'refund'
            WHEN t.kind LIKE 'dispute%' THEN s.what = 'dispute'
            WHEN t.kind = 'escrow_release' THEN s.what = 'line'
            WHEN t.kind = 'settled' THEN s.what IN ('payment', 'refund', 'dispute')
            ELSE s.what = 'payment' END
        WHERE t.kind NOT LIKE 'payout%' AND (s.id IS NULL OR t.order_id IS DISTINCT FROM s.order_id)
        """,
    ),
)
