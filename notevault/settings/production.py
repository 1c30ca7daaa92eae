"""Production: every secret is set and none is a default, or the process does not start."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from notevault.settings.required import refuse_bad_secrets

_project = Path(__file__).resolve().parents[2]
if os.environ.get("DJANGO_READ_DOT_ENV", "true") == "true":
    environ.Env.read_env(_project / ".env")
# Before the rest is read, so that one start names everything that is wrong.
refuse_bad_secrets(os.environ, example=_project / ".env.example")

os.environ["DEBUG"] = "false"
if not urlsplit(os.environ["FRONTEND_URL"]).hostname:
    raise ImproperlyConfigured("FRONTEND_URL must be whole, such as https://notevault.com")
# The guide's layout: the site on example.com, this service on api.example.com.
os.environ.setdefault(
    "PUBLIC_API_URL", f"https://api.{urlsplit(os.environ['FRONTEND_URL']).hostname}"
)
# The guide's ingress: it adds the caller's address, and says whether it came by https.
os.environ["TRUSTED_PROXIES"] = os.environ.get("TRUSTED_PROXIES") or "1"

from notevault.settings.base import *  # noqa: E402,F403
from notevault.settings.base import (  # noqa: E402
    ALERT_EMAILS,
    ALLOWED_HOSTS,
    EMAIL_URL,
    PUBLIC_API_URL,
    RAZORPAY_BASE_URL,
    env,
)

if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts that are served.")

if not RAZORPAY_BASE_URL.startswith("https://"):
    raise ImproperlyConfigured("RAZORPAY_BASE_URL must be https: it carries the key's secret.")

if ALERT_EMAILS and not EMAIL_URL:
    raise ImproperlyConfigured("ALERT_EMAILS is set, but mails go nowhere: set EMAIL_URL too.")

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_API_URL]
