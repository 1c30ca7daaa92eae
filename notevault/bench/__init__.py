"""How fast the shop answers while its gateway does not: benchmarks on real processes.

client      sends requests at a fixed rate and times each from the moment it was due
rig         web and worker as in production, a gateway that can be killed or silenced
traffic     the requests: catalogue, orders, verifications, signed webhooks
scenarios   one function each: the load, and what is judged of it
observing   what a scrape of the metrics costs, and the middleware of each request
overhead    that middleware in a process of its own
promises    what was promised, and whether it holds
history     a long past of the ledger, written by SQL
ledger      the proof of a million entries, a balance, settlements that contend
report      percentiles and the table
"""
