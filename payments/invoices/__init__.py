"""Invoices, credit notes and debit notes: what is on them, their issue, their paper."""
