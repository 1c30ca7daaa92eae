"""What is mounted where, and what is not."""

from __future__ import annotations

import pytest

from notevault.kit.tests.problem_details import refusal_of


class TestUnknownPathsOfTheApi:
    @pytest.mark.parametrize("debug", [True, False])
    @pytest.mark.parametrize("path", ["nothing", "notes/not-a-uuid", "notes/%0A1", "notes/"])
    @pytest.mark.parametrize("method", ["get", "post", "delete"])
    def test_are_problems(self, client, settings, debug, path, method):
        settings.DEBUG = debug

        response = getattr(client, method)(f"/api/v1/{path}")

        assert refusal_of(response) == (404, "not_found")
