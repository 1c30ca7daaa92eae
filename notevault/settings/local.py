"""A developer's machine: nothing to set, nothing to install beside the requirements."""

import os

from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DEBUG", "true")
os.environ.setdefault("LOG_JSON", "false")
os.environ.setdefault("RAZORPAY_BASE_URL", "http://127.0.0.1:5002")

from notevault.settings.base import *  # noqa: F403
from notevault.settings.base import RAZORPAY_KEY_ID, STORAGES

if RAZORPAY_KEY_ID.startswith("rzp_live"):
    raise ImproperlyConfigured(
        "A live Razorpay key, but the settings of development. "
        "Set DJANGO_SETTINGS_MODULE=notevault.settings.production."
    )

ALLOWED_HOSTS = ["*"]
# No collectstatic while developing.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
