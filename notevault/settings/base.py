"""Settings that hold everywhere. Each variable is read once, grouped by topic.

`.env.example` lists every variable; a test compares the two.
"""

from __future__ import annotations

import hashlib
import os
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from notevault.kit import logging as kit_logging
from notevault.settings import alerts, database, duration, mail, number, supplier


def derived_key(secret: str) -> str:
    return hashlib.sha256(f"django:{secret}".encode()).hexdigest()


BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()
if os.environ.get("DJANGO_READ_DOT_ENV", "true") == "true":
    env.read_env(BASE_DIR / ".env")

# Process
API_VERSION = "1.0.0"
VERSION = env.str("NOTEVAULT_VERSION", default="") or API_VERSION
DEBUG = env.bool("DEBUG", default=False)
PORT = number.whole("PORT", default=5001)
DATA_DIR = BASE_DIR / env.str("DATA_DIR", default=".data")
FRONTEND_URL = env.str("FRONTEND_URL", default="http://localhost:3000").rstrip("/")
PUBLIC_API_URL = env.str("PUBLIC_API_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) or [
    host for site in (FRONTEND_URL, PUBLIC_API_URL) if (host := urlsplit(site).hostname)
]
ROOT_URLCONF = "notevault.urls"
WSGI_APPLICATION = "notevault.wsgi.application"

# Metrics. The processes of one gunicorn share theirs (deploy/gunicorn.conf.py); a command that
# found the variable in its environment would count among them for ever.
for _name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
    if os.environ.get("NOTEVAULT_PROCESS") != "web" or not os.environ.get(_name):
        os.environ.pop(_name, None)
PROMETHEUS_EXPORT_MIGRATIONS = False
# Where a worker answers for its own metrics and liveness; 0 is nowhere.
WORKER_PORT = number.whole("WORKER_PORT", default=0)

# Secrets. Development values are refused by production.py.
DEVELOPMENT_SECRET = "development-only-secret-of-notevault"  # noqa: S105 refused in production
JWT_SECRET = env.str("JWT_SECRET", default=DEVELOPMENT_SECRET)
JWT_SECRET_PREVIOUS = env.str("JWT_SECRET_PREVIOUS", default="")
# An operator's existing .env has no key for Django: one is derived from the JWT secret, and
# from the previous one, so that its rotation ends no admin session and no link.
SECRET_KEY = env.str("SECRET_KEY", default="") or derived_key(JWT_SECRET)
SECRET_KEY_FALLBACKS = [derived_key(JWT_SECRET_PREVIOUS)] if JWT_SECRET_PREVIOUS else []
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Signs invoices. Whatever it once signed must verify for years, so all of its past values are
# kept, comma separated.
INVOICE_SECRET = env.str("INVOICE_SECRET", default="") or derived_key(f"invoices:{JWT_SECRET}")
INVOICE_SECRETS_PREVIOUS = env.list("INVOICE_SECRET_PREVIOUS", default=[])

# Logs. Before the apps: importing them may log.
LOG_LEVEL = kit_logging.level_named(env.str("LOG_LEVEL", default="info"))
LOG_JSON = env.bool("LOG_JSON", default=True)
LOGGING = kit_logging.configure(level=LOG_LEVEL, as_json=LOG_JSON)

# Apps, in the order of the import arrow read backwards.
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "csp",
    "health_check",
    "procrastinate.contrib.django",
    "ops",
    "alerts",
    "notevault.accounts",
    "notes",
    "payments",
    "notevault",
]
MIDDLEWARE = [
    "ops.middleware.ProbeMiddleware",
    "ops.metrics.http.HTTPMetricsMiddleware",
    "notevault.kit.deadline.DeadlineMiddleware",
    "notevault.kit.correlation.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "notevault.kit.middleware.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "notevault.kit.middleware.LastNetMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "notevault" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Database. A process needs a connection for each of its threads, and never more.
WEB_WORKERS = number.whole("WEB_WORKERS", default=2, least=1)
WEB_THREADS = number.whole("WEB_THREADS", default=8, least=1)
WORKER_CONCURRENCY = number.whole("WORKER_CONCURRENCY", default=4, least=1)
WORKER_GRACE_S = number.seconds("WORKER_GRACE_S", default=25.0)
POOL_SIZE = max(WEB_THREADS, WORKER_CONCURRENCY)
DATABASE_URL = env.str("DATABASE_URL", default="")
# Which process this is: wsgi.py and manage.py say so.
_usual = database.BY_PROCESS.get(os.environ.get("NOTEVAULT_PROCESS", ""), database.Timeouts())
TIMEOUTS = database.Timeouts(
    statement_s=number.whole("DATABASE_STATEMENT_TIMEOUT", default=_usual.statement_s),
    lock_s=number.whole("DATABASE_LOCK_TIMEOUT", default=_usual.lock_s),
    idle_s=number.whole("DATABASE_IDLE_TIMEOUT", default=_usual.idle_s),
)
DATABASES = {
    "default": database.from_url(DATABASE_URL, pool_size=POOL_SIZE, timeouts=TIMEOUTS)
    if DATABASE_URL
    else database.embedded_server(DATA_DIR, debug=DEBUG, pool_size=POOL_SIZE, timeouts=TIMEOUTS)
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Backups
BACKUP_URL = env.str("BACKUP_URL", default="")
BACKUP_KEEP = number.whole("BACKUP_KEEP", default=0)
BACKUP_DATABASE_URL = env.str("BACKUP_DATABASE_URL", default="")

# Caches. `default` is shared by all processes, `local` belongs to one.
CACHES = {
    "default": env.cache_url("CACHE_URL")
    if env.str("CACHE_URL", default="")
    else {"BACKEND": "ops.cache.CountingDatabaseCache", "LOCATION": "ops_cache"},
    "local": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "local",
        # One entry a caller and minute; evicting them would forget who was throttled.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

# Accounts
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["notevault.accounts.backends.GuardedBackend"]
PASSWORD_HASHERS = [
    "notevault.accounts.hashing.Argon2id",
    "notevault.accounts.hashing.Scrypt",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = duration.parse(env.str("JWT_EXPIRES_IN", default="7d"))
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": SESSION_LIFETIME,
    "USER_ID_CLAIM": "sub",
    "SIGNING_KEY": JWT_SECRET,
    "ALGORITHM": "HS256",
}
# Addresses in X-Forwarded-For that our own proxies add; 0 trusts none of it.
TRUSTED_PROXIES = number.whole("TRUSTED_PROXIES", default=0)

# HTTP
BODY_LIMIT = 1024 * 1024
UPLOAD_BODY_LIMIT = 21 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT
DATA_UPLOAD_MAX_NUMBER_FILES = 1
# Always a file on disk: the PDF check runs in another process.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
CORS_ALLOWED_ORIGINS = [FRONTEND_URL]
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "x-correlation-id", "x-request-id"]
CORS_EXPOSE_HEADERS = [
    "X-Request-ID",
    "Retry-After",
    "Idempotent-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_API_URL]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    # The admin theme styles inline and runs Alpine expressions; the API docs do too.
    "EXCLUDE_URL_PREFIXES": ["/admin/", "/api/docs/"],
    "DIRECTIVES": {"default-src": [NONE], "style-src": [SELF], "frame-ancestors": [NONE]},
}
THROTTLE_RATES = {
    "default": env.str("THROTTLE_DEFAULT", default="600/min"),
    "search": env.str("THROTTLE_SEARCH", default="120/min"),
    "refresh": env.str("THROTTLE_REFRESH", default="120/min"),
    "sign_in": env.str("THROTTLE_SIGN_IN", default="20/min"),
    "register": env.str("THROTTLE_REGISTER", default="20/h"),
    "order": env.str("THROTTLE_ORDER", default="30/min"),
    "verify": env.str("THROTTLE_VERIFY", default="60/min"),
    "coupon": env.str("THROTTLE_COUPON", default="60/h"),
    "document": env.str("THROTTLE_DOCUMENT", default="60/min"),
    "upload": env.str("THROTTLE_UPLOAD", default="60/h"),
}
for _scope, _rate in THROTTLE_RATES.items():
    if not re.fullmatch(r"[0-9]+/(s|min|h)", _rate):
        raise ImproperlyConfigured(
            f"THROTTLE_{_scope.upper()}: {_rate!r} is not a rate such as 20/min"
        )
REST_FRAMEWORK = {
    # Times stay datetimes until orjson writes them, in UTC with offset.
    "DATETIME_FORMAT": None,
    "DEFAULT_AUTHENTICATION_CLASSES": ["notevault.accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["notevault.kit.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["notevault.kit.renderers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "notevault.kit.renderers.JSONNegotiation",
    "DEFAULT_THROTTLE_CLASSES": ["notevault.kit.throttling.Throttle"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "notevault.kit.http.exception_handler",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "NoteVault API",
    "ENUM_NAME_OVERRIDES": {
        "OrderState": "payments.states.OrderState",
        "RefundRequestState": "payments.states.RequestState",
    },
    "VERSION": API_VERSION,
    "DESCRIPTION": (
        "Buy and sell study notes. Errors are `application/problem+json` (RFC 9457); "
        "their codes are listed at `/api/errors/`. Money is in integer paise."
    ),
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Bodies and answers have serializers of their own, and PATCH bodies say themselves what
    # may be left out.
    "COMPONENT_SPLIT_PATCH": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "notevault.kit.openapi.add_problem_responses",
    ],
}

# Files
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_ROOT = DATA_DIR / "files"
CLOUDINARY_CLOUD_NAME = env.str("CLOUDINARY_CLOUD_NAME", default="")
CLOUDINARY_API_KEY = env.str("CLOUDINARY_API_KEY", default="")
CLOUDINARY_API_SECRET = env.str("CLOUDINARY_API_SECRET", default="")
CLOUDINARY_UPLOAD_PREFIX = env.str("CLOUDINARY_UPLOAD_PREFIX", default="https://api.cloudinary.com")
NOTE_STORAGE = (
    "notes.storage.cloudinary.CloudinaryNoteStorage"
    if CLOUDINARY_CLOUD_NAME and CLOUDINARY_API_KEY and CLOUDINARY_API_SECRET
    else "notes.storage.local.LocalNoteStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    "notes": {"BACKEND": NOTE_STORAGE},
}

# Razorpay. Without a base URL the SDK talks to api.razorpay.com.
RAZORPAY_KEY_ID = env.str("RAZORPAY_KEY_ID", default="rzp_test_sandbox")
RAZORPAY_KEY_SECRET = env.str("RAZORPAY_KEY_SECRET", default="sandbox-key-secret")
RAZORPAY_WEBHOOK_SECRET = env.str("RAZORPAY_WEBHOOK_SECRET", default="sandbox-webhook-secret")
RAZORPAY_WEBHOOK_SECRET_PREVIOUS = env.str("RAZORPAY_WEBHOOK_SECRET_PREVIOUS", default="")
RAZORPAY_BASE_URL = env.str("RAZORPAY_BASE_URL", default="https://api.razorpay.com")
# How long after a checkout the gateway is first asked, and what is left between two beats is
# taken up. A simulator compresses it.
SWEEP_AFTER_S = number.whole("SWEEP_AFTER_S", default=60)
PAYMENT_GATEWAY = "payments.gateways.razorpay.RazorpayGateway"

# Invoices: who supplies, from where, and under which service code (SAC)
GST_STATE = env.str("GST_STATE", default="KA")
GSTIN = env.str("GSTIN", default="")
GST_SAC = env.str("GST_SAC", default="998599")
INVOICE_LEGAL_NAME = env.str("INVOICE_LEGAL_NAME", default="") or "NoteVault"
INVOICE_ADDRESS = env.str("INVOICE_ADDRESS", default="")
supplier.refuse_impossible(state=GST_STATE, gstin=GSTIN, sac=GST_SAC)

# What `/health/detailed` says, line by line
HEALTH_CHECKS = {
    "database": "ops.health.database.Database",
    "migrations": "ops.health.database.Migrations",
    "replica": "ops.health.database.Replica",
    "queue": "ops.health.jobs.Queue",
    "workers": "ops.health.jobs.Workers",
    "dead_letters": "ops.health.jobs.DeadLetters",
    "breakers": "ops.health.breakers.Breakers",
    "alerts": "alerts.health.Channels",
    "gateway": "payments.health.Gateway",
    "webhooks": "payments.health.Webhooks",
    "ledger": "payments.health.Ledger",
    "storage": "notes.health.Storage",
    "backups": "ops.backup.health.Age",
    "disk": "ops.health.machine.Disk",
    "memory": "ops.health.machine.Memory",
    "clock": "ops.health.database.ClockSkew",
    "configuration": "ops.health.configuration.Configuration",
}

# What `manage.py doctor` looks at, topic by topic
DOCTOR = {
    "database": "ops.doctor.database.examine",
    "connections": "ops.doctor.connections.examine",
    "migrations": "ops.doctor.migrations.examine",
    "secrets": "ops.doctor.secrets.examine",
    "site": "ops.doctor.site.examine",
    "gateway": "payments.doctor.examine",
    "storage": "notes.doctor.examine",
    "alerts": "alerts.doctor.examine",
    "mail": "ops.doctor.mail.examine",
    "jobs": "ops.doctor.running.examine_jobs",
    "backups": "ops.doctor.backups.examine",
    "machine": "ops.doctor.running.examine_machine",
}

# Alerts. The log gets them all, whatever else is set.
ALERT_ALLOW_PRIVATE = env.bool("ALERT_ALLOW_PRIVATE", default=False)
PAGERDUTY_ROUTING_KEY = alerts.routing_key(env.str("PAGERDUTY_ROUTING_KEY", default=""))
SECURITY_WEBHOOK_URLS = alerts.webhook_urls(
    env.str("SECURITY_WEBHOOK_URL", default=""),
    allow_private=ALERT_ALLOW_PRIVATE,
    routing_key=PAGERDUTY_ROUTING_KEY,
)
ALERT_WEBHOOK_SECRET = alerts.webhook_secret(
    env.str("ALERT_WEBHOOK_SECRET", default=""), derived_from=JWT_SECRET
)
ALERT_EMAILS = alerts.emails(env.list("ALERT_EMAILS", default=[]))
ALERT_LEAST_SEVERITY = alerts.least_severities(env.dict("ALERT_LEAST_SEVERITY", default={}))
# A kind that the catalogue lacks is a mistake while developing; in production it is delivered.
ALERT_KINDS_STRICT = DEBUG
# Minutes without a webhook, while payments are captured, that are taken for a fault; 0: never.
WEBHOOKS_SILENT_MIN = number.whole("WEBHOOKS_SILENT_MIN", default=15)

# E-mail. A job waits at most so many seconds for the server.
EMAIL_URL = env.str("EMAIL_URL", default="")
globals().update(mail.from_url(EMAIL_URL or "consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = (
    env.str("MAIL_FROM", default="")
    or f"NoteVault <no-reply@{urlsplit(FRONTEND_URL).hostname or 'localhost'}>"
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# Jobs
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
PROCRASTINATE_ON_APP_READY = "ops.jobs.use_queue"
# How long a dead letter is kept that was resolved or discarded. Jobs that failed are three
# days in the queue, and a job without a letter is buried.
DEAD_LETTERS_KEPT = timedelta(days=number.whole("DEAD_LETTERS_KEPT_DAYS", default=30, least=4))
# Tasks whose discarded letters the promises count on (`manage.py verify_ledger`).
DISCARDED_LETTERS_THAT_STAY = "payments.invariants.ANSWERING"

# Admin
UNFOLD = {"SITE_TITLE": "NoteVault", "SITE_HEADER": "NoteVault"}

# Language and time
LANGUAGE_CODE = "en-in"
TIME_ZONE = "Asia/Kolkata"
USE_TZ = True
USE_I18N = False
