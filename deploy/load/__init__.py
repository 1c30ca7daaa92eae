"""Load tests: buyers as they come, limits that must hold, and what it cost to serve them.

    python -m deploy.load --help        (`make load`, `make load-full`)

plan        the forms of a run: users over time, the mix, how the rate is bounded
locustfile  what locust runs, in `.venv-load`; scenarios, checks and recorder belong to it
local       a shop of its own under load: web, seeding, sampling and referee belong to it
remote      a server that runs elsewhere
limits      what is promised, and whether it holds
table       what is printed
"""
