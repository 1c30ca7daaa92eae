from __future__ import annotations

import pytest

from alerts.tests.sinks import sink


@pytest.fixture
def receiver(settings):
    """The only channel beside the log, on the loopback."""
    with sink() as made:
        settings.ALERT_ALLOW_PRIVATE = True
        settings.SECURITY_WEBHOOK_URLS = [made.url]
        yield made
