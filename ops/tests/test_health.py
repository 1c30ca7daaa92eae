"""What Prometheus is told."""

from __future__ import annotations

import pytest

from ops import breakers
from ops.metrics import rows
from ops.states import Forced


@pytest.mark.django_db(transaction=True)
class TestMetrics:
    def test_show_breakers_and_dead_letters(self, client, settings):
        settings.DEBUG = True
        rows.answer.forget()
        breakers.force(name="razorpay", to=Forced.OPEN, why="maintenance", actor_id=None)

        text = client.get("/metrics").content.decode()

        name = "notevault_circuit_breaker_state"
        assert f'{name}{{breaker="razorpay",state="open"}} 1.0' in text
        assert f'{name}{{breaker="razorpay",state="closed"}} 0.0' in text
        assert 'notevault_dead_letters{state="open"} 0.0' in text

    @pytest.mark.parametrize(("given", "status"), [("right", 200), ("wrong", 404), ("", 404)])
    def test_are_for_whoever_holds_the_token(self, client, settings, given, status):
        settings.METRICS_TOKEN = "right"

        response = client.get("/metrics", headers={"Authorization": f"Bearer {given}"})

        assert response.status_code == status

    def test_are_not_there_without_a_token_in_production(self, client, settings):
        settings.DEBUG = False

        assert client.get("/metrics").status_code == 404
