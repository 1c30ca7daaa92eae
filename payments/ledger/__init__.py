"""The double-entry ledger: how a transaction is posted, and which one each event makes."""
