"""Buyers, faults and kills at once, then a referee: no payment lost, none doubled.

schedule   which fault comes when, and what each buyer does: from a seed alone
world      an empty shop of its own: database and processes
people     who is in it: buyers, sellers with their notes, staff
injector   makes each fault of the schedule happen
buyers     order, pay, report payments and want their money back, as clients do
office     everybody else at their rounds: sellers, staff, banks
state      what the gateway says beside what we say
referee    finds every row that broke a promise: of a sale by itself, of what goes back
           in after_sale, of payouts, coupons and documents in money_out
"""
