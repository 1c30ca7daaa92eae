"""Housekeeping of the queue and the cache."""

from __future__ import annotations

import structlog
from asgiref.sync import async_to_sync
from django.core.cache import cache
from procrastinate.contrib.django.django_connector import DjangoConnector

from ops.jobs import Queue, periodic

# A worker says it is alive every HEARTBEAT_S; after STALLED_AFTER_S of silence its jobs
# are given to others, which look every ten seconds: within 30 s of a SIGKILL in all.
HEARTBEAT_S = 5.0
STALLED_AFTER_S = 20.0
KEEP_JOBS_HOURS = 72

log = structlog.get_logger("notevault.jobs")


@periodic("* * * * * */10", queue="ops")
def retry_stalled_jobs() -> None:
    """Give the jobs of a killed worker back to the queue."""
    manager = Queue(DjangoConnector())
    stalled = async_to_sync(manager.get_stalled_jobs)(seconds_since_heartbeat=STALLED_AFTER_S)
    for job in stalled:
        log.warning("job.stalled", task=job.task_name, job_id=job.id)
        async_to_sync(manager.retry_job)(job)


@periodic("17 * * * *", queue="ops")
def remove_what_is_over() -> None:
    """Drop jobs that are done after three days, and expired cache rows.

    Those that failed are kept for a person to look at.
    """
    manager = Queue(DjangoConnector())
    async_to_sync(manager.delete_old_jobs)(nb_hours=KEEP_JOBS_HOURS, include_aborted=True)
    if hasattr(cache, "delete_expired"):
        cache.delete_expired()
