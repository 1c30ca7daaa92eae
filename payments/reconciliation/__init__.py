"""Our books against the gateway's lists and its settlement report, day by day.

`runs.reconcile_days` is the way in. `comparison` says what differs, `payment_list`,
`refund_list` and `settlement_report` (with the lost disputes in `dispute_report`) go through
the three sources, `cures` heals what is certain, and `breaks` keeps the rows that staff see.
"""
