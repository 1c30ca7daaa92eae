"""A shop with a long past, written by SQL: a row at a time it would take an hour.

The triggers of the ledger rest while it is written, in that session alone; the balances that
they would have kept are written with it, and the proof that follows says whether they are
right. Each order is one line: sold, invoiced, its fee kept, released from escrow, settled to
the bank. Every tenth was refunded in full.
"""

from __future__ import annotations

from django.db import connection, transaction

# Ids in the order of time, as ours are: what is written together lies together.
_ID = """
CREATE FUNCTION pg_temp.id(tag text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(number), 12, '0') || '70008000' || lpad(tag, 12, '0'))::uuid $$
"""

# Of an order number n: who bought which of a hundred notes, and what it cost.
_SALES = """
CREATE TEMP TABLE sale ON COMMIT DROP AS
SELECT n, pg_temp.id('a', n) AS order_id, pg_temp.id('b', n) AS item_id,
       pg_temp.id('c', n) AS payment_id, pg_temp.id('d', n) AS refund_id,
       b.id AS buyer_id, note.id AS note_id, note.seller_id,
       9900 AS paid, 1485 AS commission, 226 AS tax, 234 AS fee, n %% 10 = 0 AS is_refunded,
       now() - interval '30 days' + n * interval '1 second' AS at
FROM generate_series(1, %(orders)s) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM accounts_user
      WHERE NOT is_seller) b ON b.number = n %% %(buyers)s
JOIN (SELECT id, seller_id, row_number() OVER (ORDER BY id) - 1 AS number FROM notes_note) note
  ON note.number = n / %(buyers)s
"""

_ROWS = (
    """INSERT INTO payments_order (id, buyer_id, state, currency, subtotal_paise, discount_paise,
        total_paise, gateway_order_id, created_at, expires_at, paid_at)
    SELECT order_id, buyer_id, CASE WHEN is_refunded THEN 'refunded' ELSE 'paid' END, 'INR', paid,
        0, paid, 'order_' || n, at, at, at FROM sale""",
    """INSERT INTO payments_orderitem (id, order_id, note_id, buyer_id, seller_id, title,
        price_paise, discount_paise, paid_paise, commission_bps, commission_paise,
        seller_share_paise, tax_paise, is_open, outcome, release_at, released_at,
        reversed_paise, reversed_share_paise, reversed_tax_paise)
    SELECT item_id, order_id, note_id, buyer_id, seller_id, 'A note', paid, 0, paid, 1500,
        commission, paid - commission, tax, false,
        CASE WHEN is_refunded THEN 'given_back' ELSE 'granted' END,
        at + interval '7 days', at + interval '8 days', CASE WHEN is_refunded THEN paid ELSE 0 END,
        CASE WHEN is_refunded THEN paid - commission ELSE 0 END,
        CASE WHEN is_refunded THEN tax ELSE 0 END FROM sale""",
    """INSERT INTO payments_payment (id, order_id, gateway_payment_id, state, amount_paise,
        currency, method, fee_paise, tax_paise, error_code, error_description, settles,
        given_back_paise, created_at, captured_at, settlement_id, settlement_utr, settled_at)
    SELECT payment_id, order_id, 'pay_' || n,
        CASE WHEN is_refunded THEN 'refunded' ELSE 'captured' END, paid, 'INR', 'upi', fee, 36,
        '', '', true, CASE WHEN is_refunded THEN paid ELSE 0 END, at, at, 'setl_' || n / 100,
        'utr_' || n / 100, at + interval '2 days' FROM sale""",
    """INSERT INTO notes_noteaccess (id, note_id, buyer_id, reference, granted_at, revoked_at,
        revoked_why, downloads)
    SELECT pg_temp.id('e', n), note_id, buyer_id, item_id, at,
        CASE WHEN is_refunded THEN at + interval '9 days' END, '', 0 FROM sale""",
    """INSERT INTO payments_refund (id, payment_id, state, amount_paise, why, gateway_refund_id,
        created_at, processed_at, settlement_id, settlement_utr)
    SELECT refund_id, payment_id, 'processed', paid, 'asked', 'rfnd_' || n,
        at + interval '9 days', at + interval '9 days', '', '' FROM sale WHERE is_refunded""",
    """INSERT INTO payments_reversal (id, item_id, refund_id, amount_paise, seller_share_paise,
        commission_paise, tax_paise, created_at)
    SELECT pg_temp.id('f', n), item_id, refund_id, paid, paid - commission, commission - tax, tax,
        at + interval '9 days' FROM sale WHERE is_refunded""",
)

_SERIES = """
INSERT INTO payments_invoiceseries (prefix, financial_year, last)
SELECT prefix, '2026-27', count(*) FROM sale JOIN (VALUES ('NV', false), ('CN', true)) AS kind
    (prefix, is_note) ON is_refunded OR NOT is_note
GROUP BY prefix
"""
_DOCUMENTS = """
INSERT INTO payments_invoice (id, kind, number, series_id, serial, financial_year, order_id,
    corrects_id, reverses_id, buyer_name, buyer_state, place_of_supply, supplier_name,
    supplier_address, supplier_state, supplier_gstin, sac, lines, note_value_paise, taxable_paise,
    cgst_paise, sgst_paise, igst_paise, total_paise, issued_at, signature)
SELECT pg_temp.id(kind.tag, n), kind.name, s.prefix || '-' || serial, s.id, serial,
    s.financial_year, order_id, CASE WHEN is_note THEN pg_temp.id('20', n) END,
    CASE WHEN is_note THEN refund_id END, 'Buyer', '29', '29', 'NoteVault', 'Bengaluru', '29', '',
    '998439', '[]', paid - commission, commission - tax, tax / 2, tax / 2, 0, paid, at, ''
FROM (VALUES ('20', 'invoice', 'NV', false), ('21', 'credit_note', 'CN', true)) AS kind
    (tag, name, prefix, is_note)
JOIN payments_invoiceseries s ON s.prefix = kind.prefix
JOIN sale ON is_refunded OR NOT is_note
CROSS JOIN LATERAL (SELECT CASE WHEN is_note THEN n / 10 ELSE n END AS serial) numbered
"""
_ACCOUNTS = """
INSERT INTO payments_ledgeraccount (kind, owner_id, currency)
SELECT unnest(ARRAY['gateway_clearing', 'gateway_fees', 'bank', 'platform_commission',
                    'tax_payable', 'refunds_payable']), NULL::uuid, 'INR'
UNION ALL
SELECT unnest(ARRAY['seller_pending', 'seller_available']), id, 'INR'
FROM accounts_user WHERE is_seller
"""

# (transaction, what it is about, which sales, account, whose, amount, for the line?)
_LEGS = """
CREATE TEMP TABLE leg ON COMMIT DROP AS
SELECT s.n, s.at + l.later AS at, l.kind, l.position, s.order_id,
       CASE l.about WHEN 'payment' THEN s.payment_id WHEN 'refund' THEN s.refund_id
                    ELSE s.item_id END AS subject_id,
       pg_temp.id(l.tag, s.n) AS transaction_id, l.account,
       CASE WHEN l.account LIKE 'seller%' THEN s.seller_id END AS owner_id,
       CASE WHEN l.account LIKE 'seller%' THEN s.item_id END AS item_id,
       l.share * (s.paid - s.commission) + l.fee * (s.commission - s.tax) + l.tax * s.tax
       + l.paid * s.paid + l.kept * s.fee AS amount
FROM sale s JOIN (VALUES
    -- kind, tag, about, later, position, account, share, commission, tax, paid, gateway's fee
    ('sale', '10', 'payment', interval '0', 1, 'gateway_clearing', 0, 0, 0, -1, 0),
    ('sale', '10', 'payment', '0', 2, 'seller_pending', 1, 0, 0, 0, 0),
    ('sale', '10', 'payment', '0', 3, 'platform_commission', 0, 1, 0, 0, 0),
    ('sale', '10', 'payment', '0', 4, 'tax_payable', 0, 0, 1, 0, 0),
    ('gateway_fee', '11', 'payment', '0', 5, 'gateway_fees', 0, 0, 0, 0, -1),
    ('gateway_fee', '11', 'payment', '0', 6, 'gateway_clearing', 0, 0, 0, 0, 1),
    ('settled', '12', 'payment', '2 days', 7, 'gateway_clearing', 0, 0, 0, 1, -1),
    ('settled', '12', 'payment', '2 days', 8, 'bank', 0, 0, 0, -1, 1),
    ('escrow_release', '13', 'line', '8 days', 9, 'seller_pending', -1, 0, 0, 0, 0),
    ('escrow_release', '13', 'line', '8 days', 10, 'seller_available', 1, 0, 0, 0, 0),
    ('refund_owed', '14', 'refund', '9 days', 11, 'seller_available', -1, 0, 0, 0, 0),
    ('refund_owed', '14', 'refund', '9 days', 12, 'platform_commission', 0, -1, 0, 0, 0),
    ('refund_owed', '14', 'refund', '9 days', 13, 'tax_payable', 0, 0, -1, 0, 0),
    ('refund_owed', '14', 'refund', '9 days', 14, 'refunds_payable', 0, 0, 0, 1, 0),
    ('refund_processed', '15', 'refund', '9 days', 15, 'refunds_payable', 0, 0, 0, -1, 0),
    ('refund_processed', '15', 'refund', '9 days', 16, 'gateway_clearing', 0, 0, 0, 1, 0)
) AS l (kind, tag, about, later, position, account, share, fee, tax, paid, kept)
  ON s.is_refunded OR l.about <> 'refund'
"""

_TRANSACTIONS = """
INSERT INTO payments_ledgertransaction (id, kind, subject_id, order_id, currency, why, at)
SELECT DISTINCT ON (transaction_id) transaction_id, kind, subject_id, order_id, 'INR', '', at
FROM leg
"""

_ENTRIES = """
INSERT INTO payments_ledgerentry (id, transaction_id, account_id, item_id, amount_paise,
                                  balance_after_paise, at)
SELECT number, transaction_id, account_id, item_id, amount,
       sum(amount) OVER (PARTITION BY account_id ORDER BY number), at
FROM (
    SELECT row_number() OVER (ORDER BY l.at, l.n, l.position) AS number, l.transaction_id,
           a.id AS account_id, l.item_id, l.amount, l.at
    FROM leg l
    JOIN payments_ledgeraccount a
      ON a.kind = l.account AND a.owner_id IS NOT DISTINCT FROM l.owner_id
) numbered
"""

_BALANCES = """
UPDATE payments_ledgeraccount a SET balance_paise = e.paise
FROM (SELECT account_id, sum(amount_paise) AS paise FROM payments_ledgerentry GROUP BY 1) e
WHERE e.account_id = a.id
"""
_SEQUENCE = """
SELECT setval(pg_get_serial_sequence('payments_ledgerentry', 'id'), max(id))
FROM payments_ledgerentry
"""


_LEDGER = (_ACCOUNTS, _LEGS, _TRANSACTIONS, _ENTRIES, _BALANCES, _SEQUENCE)


def write_sales(*, orders: int, buyers: int) -> int:
    """So many orders in an empty shop that has buyers and notes; how many entries they made."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute(_ID)
        cursor.execute(_SALES, {"orders": orders, "buyers": buyers})
        for statement in (*_ROWS, _SERIES, _DOCUMENTS, *_LEDGER):
            cursor.execute(statement)
        cursor.execute("SELECT count(*) FROM payments_ledgerentry")
        count = int(cursor.fetchone()[0])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return count


def write_entries(*, account_id: int, other_id: int, count: int) -> None:
    """A long history of one seller's account, against one of the house's."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "WITH made AS (INSERT INTO payments_ledgertransaction"
            " (id, kind, subject_id, currency, why, at)"
            " SELECT gen_random_uuid(), 'payout_undone', gen_random_uuid(), 'INR', '', now()"
            " FROM generate_series(1, %s) RETURNING id)"
            " INSERT INTO payments_ledgerentry (transaction_id, account_id, amount_paise, at)"
            " SELECT made.id, leg.account, leg.amount, now() FROM made"
            " CROSS JOIN (VALUES (%s, 1), (%s, -1)) AS leg (account, amount)",
            [count, account_id, other_id],
        )
        cursor.execute("ANALYZE payments_ledgerentry")
