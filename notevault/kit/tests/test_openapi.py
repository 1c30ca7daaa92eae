"""The schema says what the API does, with nothing left out."""

from __future__ import annotations

import warnings

import orjson
import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from notevault.kit.problems import CATALOGUE
from notevault.kit.tests.problem_details import MEMBERS


@pytest.fixture(scope="module")
def schema():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture(scope="module")
def operations(schema):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def problem_statuses(operation):
    return {int(status) for status in operation["responses"] if int(status) >= 400}


class TestSchema:
    def test_is_valid_openapi_3_1_without_a_warning(self, schema):
        GENERATOR_STATS.reset()

        validate_schema(SchemaGenerator().get_schema(request=None, public=True))

        assert schema["openapi"] == "3.1.1"
        assert not GENERATOR_STATS

    def test_is_served_to_everyone(self, client, db):
        response = client.get("/api/schema/")

        assert response.status_code == 200
        assert b"/api/v1/auth/login" in response.content

    def test_is_shown_as_a_page(self, client, db):
        response = client.get("/api/docs/")

        assert (response.status_code, response["Content-Type"][:9]) == (200, "text/html")


class TestOperation:
    def test_has_an_id_a_tag_and_a_summary_of_its_own(self, operations):
        ids = [operation["operationId"] for operation in operations.values()]

        assert len(ids) == len(set(ids)) > 20
        bare = [k for k, op in operations.items() if not (op.get("tags") and op.get("summary"))]
        assert bare == []

    def test_shows_a_real_example_of_each_json_body(self, operations):
        bare = []
        for name, operation in operations.items():
            answers = [operation["responses"][s] for s in operation["responses"] if s[0] == "2"]
            for body in [operation.get("requestBody", {}), *answers]:
                content = body.get("content", {}).get("application/json")
                if content and not content.get("examples"):
                    bare.append(name)

        assert bare == []

    def test_documents_the_problems_that_any_call_may_meet(self, operations):
        missing = [
            name
            for name, operation in operations.items()
            if not problem_statuses(operation) >= {400, 404, 411, 413, 429, 500, 503}
        ]

        assert missing == []

    @pytest.mark.parametrize(
        ("name", "statuses"),
        [
            ("GET /api/v1/categories", {400, 404, 411, 413, 429, 500, 503}),
            ("GET /api/v1/notes/{note_id}", {400, 404, 411, 413, 429, 500, 503}),
            ("GET /api/v1/me", {400, 401, 403, 404, 411, 413, 429, 500, 503}),
            (
                "DELETE /api/v1/notes/{note_id}",
                {400, 401, 403, 404, 409, 411, 413, 429, 500, 503},
            ),
        ],
    )
    def test_documents_no_more_than_it_may_answer(self, operations, name, statuses):
        assert problem_statuses(operations[name]) == statuses

    def test_asks_for_a_token_where_the_api_does(self, operations):
        public = {
            name for name, operation in operations.items() if not any(operation.get("security", []))
        }

        assert public == {
            "POST /api/v1/auth/login",
            "POST /api/v1/auth/refresh",
            "POST /api/v1/auth/register",
            "GET /api/v1/categories",
            "GET /api/v1/notes",
            "GET /api/v1/notes/{note_id}",
            "GET /api/v1/search",
            "GET /api/v1/search/suggest",
            "POST /api/v1/webhooks/razorpay",
        }


class TestProblem:
    def test_has_every_member_and_code(self, schema):
        problem = schema["components"]["schemas"]["Problem"]

        assert set(problem["required"]) == MEMBERS == set(problem["properties"])
        assert problem["properties"]["code"]["enum"] == sorted(CATALOGUE)

    def test_is_what_each_error_response_is(self, operations):
        for operation in operations.values():
            for status in problem_statuses(operation):
                content = operation["responses"][str(status)]["content"]
                (media_type, body), *more = content.items()
                assert (media_type, more) == ("application/problem+json", [])
                assert body["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert body["example"]["status"] == status
                assert CATALOGUE[body["example"]["code"]].status == status

    @pytest.mark.parametrize("status", ["429", "503"])
    def test_says_when_to_come_back(self, operations, status):
        for operation in operations.values():
            assert "Retry-After" in operation["responses"][status]["headers"]

    def test_names_every_code_of_its_status(self, operations):
        described = operations["POST /api/v1/orders"]["responses"]["409"]["description"]

        codes = [code for code, known in CATALOGUE.items() if known.status == 409]
        assert [code for code in codes if f"`{code}`" not in described] == []

    def test_can_be_written_as_json(self, schema):
        assert orjson.dumps(schema, default=str)
