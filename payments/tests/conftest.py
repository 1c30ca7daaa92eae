"""What the tests of the sandbox share."""

from collections.abc import Iterator

import pytest
import requests

from payments.tests.merchant_endpoint import Merchant, listening
from payments.tests.sandbox_access import AUTH, plain_session


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


@pytest.fixture
def webhook_url(merchant: Merchant) -> Iterator[str]:
    with listening(merchant) as url:
        yield url


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with plain_session() as session:
        session.auth = AUTH
        yield session
