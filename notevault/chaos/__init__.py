"""Buyers, faults and kills at once, then a referee: no payment lost, none doubled.

schedule   which fault comes when, and what each buyer does: from a seed alone
world      an empty shop of its own: database, processes, people, notes
injector   makes each fault of the schedule happen
buyers     order, pay and report payments, as clients do
state      what the gateway says beside what we say
referee    finds every payment, refund, access, event or job that broke a promise
"""
