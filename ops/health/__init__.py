"""Whether this process can serve, and what ails the system.

    /health/live      the process answers
    /health/ready     requests can be served: the database, its migrations, no shutdown
    /health/detailed  each line of HEALTH_CHECKS, for people

Each app contributes its checks by dotted path (`HEALTH_CHECKS`). A check is one of
django-health-check's classes: `run` returns when all is well, raises ServiceWarning for
degraded, and another HealthCheckException for unhealthy.
"""
