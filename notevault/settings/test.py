"""The test suite: local settings without a developer's .env, and cheap passwords."""

import os

os.environ.setdefault("DEBUG", "true")
os.environ["RAZORPAY_BASE_URL"] = "http://127.0.0.1:1"  # tests point it at their own sandbox
os.environ["LOG_LEVEL"] = "warning"
os.environ["DJANGO_READ_DOT_ENV"] = "false"

from notevault.settings.base import *  # noqa: F403
from notevault.settings.base import DATA_DIR, INSTALLED_APPS, STORAGES, THROTTLE_RATES

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = [
    "notevault.accounts.tests.hashers.CheapArgon2id",
    "notevault.accounts.hashing.Scrypt",
]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
THROTTLE_RATES = dict.fromkeys(THROTTLE_RATES, "100000/min")
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# No scan of collected files, which tests do not collect.
WHITENOISE_AUTOREFRESH = True
# `make migrations` needs its command.
INSTALLED_APPS = [*INSTALLED_APPS, "notevault.db.migration_linter.MigrationLinter"]
MIGRATION_LINTER_OPTIONS = {
    "sql_analyser": "notevault",
    "exclude_apps": ["procrastinate"],
    # An index beside traffic is made, and dropped, CONCURRENTLY.
    "warnings_as_errors": ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE", "DROP_INDEX", "REINDEX"],
    # These came before the first row did.
    "ignore_name": [
        "0003_letters_that_revive",
        "0008_ledger_and_returns",
        "0009_coupons",
        "0016_returned_payouts",
    ],
}
# Never the files of the development database.
MEDIA_ROOT = DATA_DIR / "test-files"
