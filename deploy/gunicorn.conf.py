"""How the web process is served: threads, and a short queue before them (WEB_QUEUE)."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured

from notevault.settings import number
from ops.metrics import files

try:
    _port = number.whole("PORT", default=5001)
    workers = number.whole("WEB_WORKERS", default=2, least=1)
    threads = number.whole("WEB_THREADS", default=8, least=1)
    number.whole("WEB_QUEUE", default=0)
    _drain_s = number.seconds("WEB_DRAIN_S", default=5)
    _finish_s = number.whole("WEB_FINISH_S", default=30)
except ImproperlyConfigured as error:
    sys.exit(str(error))

_address = os.environ.get("WEB_BIND") or "0.0.0.0"  # noqa: S104 a pod
bind = f"{_address}:{_port}"
worker_class = "ops.web_worker.BoundedThreadWorker"
# At SIGTERM the service is not ready any more, but accepts for WEB_DRAIN_S; then it finishes
# what is under way within WEB_FINISH_S (ops/web_worker.py). This is when the master kills.
graceful_timeout = int(_drain_s) + _finish_s + 5
timeout = 60
# Longer than any proxy keeps a silent connection (nginx and ingress-nginx: 60 s). Whoever hangs
# up first is not asked on it any more; the other way round a POST now and then fails.
keepalive = 75
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
files.share(port=str(_port))


def when_ready(server):
    """The port is ours, so no other master counts in its folder."""
    files.begin_anew()


def pre_fork(server, worker):
    worker.place = files.free_place(sibling.place for sibling in server.WORKERS.values())


def post_fork(server, worker):
    files.take_place(worker.place)


def post_worker_init(worker):
    from notevault.kit import interpreter
    from ops.metrics import process

    process.keep_looking()
    interpreter.tune()


def child_exit(server, worker):
    files.leave_place(worker.place)
