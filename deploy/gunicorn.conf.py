"""How the web process is served: threads, and a short queue before them (WEB_QUEUE)."""

import os

from ops.metrics import files

bind = f"{os.environ.get('WEB_BIND', '0.0.0.0')}:{os.environ.get('PORT', '5001')}"  # noqa: S104 a pod
worker_class = "ops.web_worker.BoundedThreadWorker"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# Requests under way at SIGTERM get this long, in seconds.
graceful_timeout = 30
timeout = 60
keepalive = 5
# The longest that gunicorn bounds; longer lines get 414.
limit_request_line = 8190
control_socket_disable = True

# Structured logs come from the application; this keeps gunicorn's own to warnings.
loglevel = "warning"
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
