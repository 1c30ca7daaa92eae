"""Our books against the gateway's lists and its settlement report, day by day.

`runs.reconcile_days` is the way in. `comparison` says what differs, `day` goes through one
day, `cures` heals what is certain, `breaks` keeps the rows that staff see.
"""
