"""EMAIL_URL to Django's EMAIL_* settings."""

from __future__ import annotations

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

PORTS = {"smtp": 25, "smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}


def from_url(url: str) -> dict[str, Any]:
    """`smtp+tls://user:password@host:587`, `smtp+ssl://…`, `smtp://…`, `filemail:///folder`,
    `dummymail://`, or `consolemail://`, which writes mails to standard output."""
    try:
        config: dict[str, Any] = dict(environ.Env.email_url_config(url))
    except (ImproperlyConfigured, ValueError) as error:
        raise ImproperlyConfigured("EMAIL_URL is none, such as smtp+tls://host:587") from error
    scheme = url.partition(":")[0]
    if scheme in PORTS and not config["EMAIL_HOST"]:
        raise ImproperlyConfigured("EMAIL_URL names no mail server")
    if scheme == "filemail":
        config["EMAIL_FILE_PATH"] = f"/{config['EMAIL_FILE_PATH'].lstrip('/')}"
    return {
        **config,
        "EMAIL_PORT": config["EMAIL_PORT"] or PORTS.get(scheme, 25),
        "EMAIL_HOST_USER": config["EMAIL_HOST_USER"] or "",
        "EMAIL_HOST_PASSWORD": config["EMAIL_HOST_PASSWORD"] or "",
    }
