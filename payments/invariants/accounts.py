"""I3, the ledger in itself: it balances, it adds up, and the database still guards it."""

from __future__ import annotations

from payments.invariants.checks import Check

_GUARDS = """
    ('payments_ledgerentry', 'entry_adds_to_its_account'),
    ('payments_ledgerentry', 'transaction_sums_to_zero'),
    ('payments_ledgerentry', 'entries_never_change'),
    ('payments_ledgerentry', 'entries_stay'),
    ('payments_ledgertransaction', 'transactions_never_change'),
    ('payments_ledgertransaction', 'transactions_stay'),
    ('payments_ledgeraccount', 'balances_follow_entries'),
    ('payments_invoice', 'invoices_never_change'),
    ('payments_invoice', 'invoices_stay'),
    ('payments_invoiceseries', 'series_go_on_by_one')"""

CHECKS = (
    Check(
        "I3",
        "The triggers that guard the ledger and the documents are in place",
        f"""
        SELECT guard.name, 'trigger ' || guard.name || ' of ' || guard.of
               || CASE WHEN t.oid IS NULL THEN ' is gone' ELSE ' is disabled' END
        FROM (VALUES {_GUARDS}) AS guard (of, name)
        LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass(guard.of) AND t.tgname = guard.name
        WHERE t.oid IS NULL OR t.tgenabled NOT IN ('O', 'A')
        """,
    ),
    Check(
        "I3",
        "Every transaction sums to zero in its currency",
        """
        SELECT t.id, t.kind || ' of ' || t.subject_id || ' ' || CASE
            WHEN s.paise IS NULL THEN 'has no entries'
            WHEN s.paise <> 0 THEN 'sums to ' || s.paise || ' paise'
            ELSE 'is in ' || t.currency || ' and moves ' || s.currency END
        FROM payments_ledgertransaction t
        LEFT JOIN (
            SELECT e.transaction_id, sum(e.amount_paise) AS paise,
                   min(a.currency COLLATE "C") AS currency, max(a.currency COLLATE "C") AS other
            FROM payments_ledgerentry e JOIN payments_ledgeraccount a ON a.id = e.account_id
            GROUP BY e.transaction_id
        ) s ON s.transaction_id = t.id
        WHERE s.paise IS DISTINCT FROM 0 OR s.currency <> t.currency OR s.other <> t.currency
        """,
    ),
    Check(
        "I3",
        "Every account's balance is the sum of its entries",
        """
        SELECT a.id, 'account ' || a.kind || coalesce(' of ' || a.owner_id, '') || ' has '
               || a.balance_paise || ' paise, its entries sum to ' || coalesce(s.paise, 0)
               || ', and the last of them says ' || coalesce(e.balance_after_paise, 0)
        FROM payments_ledgeraccount a
        LEFT JOIN (
            SELECT account_id, sum(amount_paise) AS paise, max(id) AS last
            FROM payments_ledgerentry GROUP BY account_id
        ) s ON s.account_id = a.id
        LEFT JOIN payments_ledgerentry e ON e.id = s.last
        WHERE a.balance_paise <> coalesce(s.paise, 0)
           OR a.balance_paise <> coalesce(e.balance_after_paise, 0)
        """,
    ),
    Check(
        "I3",
        "Every entry goes on from the balance before it",
        """
        SELECT e.id, 'entry of ' || e.amount_paise || ' paise in account ' || e.account_id
               || ' goes from ' || e.before || ' to ' || e.balance_after_paise
        FROM (
            SELECT id, account_id, amount_paise, balance_after_paise,
                   lag(balance_after_paise, 1, 0::bigint)
                       OVER (PARTITION BY account_id ORDER BY id) AS before
            FROM payments_ledgerentry
        ) e
        WHERE e.before + e.amount_paise <> e.balance_after_paise
        """,
    ),
    Check(
        "I3",
        "Buyer, seller, platform, tax and gateway sum to zero",
        """
        SELECT currency, 'the accounts in ' || currency || ' sum to ' || sum(balance_paise)
               || ' paise: ' || string_agg(kind || ' ' || balance_paise, ', ' ORDER BY kind)
        FROM (
            SELECT currency, kind, sum(balance_paise) AS balance_paise
            FROM payments_ledgeraccount GROUP BY currency, kind
        ) a
        GROUP BY currency HAVING sum(balance_paise) <> 0
        """,
    ),
)
