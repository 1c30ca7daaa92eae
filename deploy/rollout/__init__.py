"""A roll-out played on one machine: no request may fail while every process is replaced.

releases    the tree of the previous release beside ours, and its commands
seeding     run in the previous release's tree: a catalogue and people, by its own code
pods        one process as Kubernetes runs it: ready, told to stop, gone within its grace
proxy       a real nginx; routes to what is ready
service     web processes and a worker, replaced one after the other
load        requests on schedule, whether or not answers come
visitors    what is asked: catalogue, sign-in, purchases, downloads, refunds
migrating   the migration in the middle, and the locks that wait meanwhile
rehearsal/  migrations that change hot tables in each way that is allowed
play        the acts, one after the other
money       the referee of chaos, verify_ledger, and the gateway's deliveries
report      the table and the verdict

It stands here and not in notevault/ because it runs two releases at once, from outside, and
what it tries is the deployment: nginx's configuration, gunicorn's, and the order of the steps.
"""
