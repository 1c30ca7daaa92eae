"""Production: every secret is set and none is a default, or the process does not start."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from notevault.settings.required import refuse_bad_secrets

_project = Path(__file__).resolve().parents[2]
environ.Env.read_env(_project / ".env")
# Before the rest is read, so that one start names everything that is wrong.
refuse_bad_secrets(os.environ, example=_project / ".env.example")

os.environ["DEBUG"] = "false"
# The guide's layout: the site on example.com, this service on api.example.com.
os.environ.setdefault(
    "PUBLIC_API_URL", f"https://api.{urlsplit(os.environ['FRONTEND_URL']).hostname}"
)

from notevault.settings.base import *  # noqa: E402,F403
from notevault.settings.base import ALLOWED_HOSTS, PUBLIC_API_URL, env  # noqa: E402

if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts that are served.")

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# Probes speak plain HTTP to the pod.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_API_URL]
