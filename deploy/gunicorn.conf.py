"""How the web process is served: threads, and a short queue before them (WEB_QUEUE)."""

import os

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
