"""What Prometheus and dashboards read.

files       where the processes of one gunicorn leave their figures
totals      those figures, added up
http        the middleware that counts requests
process     memory, pool and age of this process
rows        gauges that are read from the database, by the web alone
cellar      the rows of ops: queue, workers, breakers, dead letters
exposition  all of it, in the format that the scraper asks for
summary     the same, shaped for people
access      who may read it
server      the worker's own port
"""
