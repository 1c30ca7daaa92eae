"""How the web process is served: threads, and a short queue before them (WEB_QUEUE)."""

import os

from ops.metrics import files

bind = f"{os.environ.get('WEB_BIND', '0.0.0.0')}:{os.environ.get('PORT', '5001')}"  # noqa: S104 a pod
worker_class = "ops.web_worker.BoundedThreadWorker"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# At SIGTERM the service is not ready any more, but accepts for WEB_DRAIN_S; then it finishes
# what is under way within WEB_FINISH_S (ops/web_worker.py). This is when the master kills.
graceful_timeout = (
    int(float(os.environ.get("WEB_DRAIN_S") or 5)) + int(os.environ.get("WEB_FINISH_S") or 30) + 5
)
timeout = 60
keepalive = 5
# The longest that gunicorn bounds; longer lines get 414.
limit_request_line = 8190
control_socket_disable = True

# The worker bounds how long a client may take to read, which sendfile would get around.
sendfile = False

# One format for all lines (ops/web_logger.py); the line a request is the application's.
logger_class = "ops.web_logger.StructuredLogger"
loglevel = "info"
accesslog = None

# Metrics: one folder for the processes of this master, one place in it for each.
files.share(port=os.environ.get("PORT", "5001"))


def when_ready(server):
    """The port is ours, so no other master counts in its folder."""
    files.begin_anew()


def pre_fork(server, worker):
    worker.place = files.free_place(sibling.place for sibling in server.WORKERS.values())


def post_fork(server, worker):
    files.take_place(worker.place)


def post_worker_init(worker):
    from ops.metrics import process

    process.keep_looking()


def child_exit(server, worker):
    files.leave_place(worker.place)
