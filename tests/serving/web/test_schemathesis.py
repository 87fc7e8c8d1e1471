"""Requests that schemathesis makes of the OpenAPI document, fitting and not: none fails, and answers are as it says."""

import time

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from persona_tf.serving.web.pairs import Other

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def server(serving, fake, draw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chats")
    other = Other(fake.FakeBot, ("a", "b"), folder / "pairs.sqlite")
    load = lambda: fake.load_minds(folder / "memory")  # noqa: E731
    with serving(fake.FakeBot, folder / "c", draw=draw, other=other, load_minds=load) as client:
        while client.get("/api/v1/pairs").json()["status"] == "loading":
            time.sleep(0.005)
        yield client


def try_all(server, examples):
    """Every operation with so many requests; where something is named, every other names one that there is."""
    schema = schemathesis.openapi.from_dict(server.get("/api/openapi.json").json())
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        takes = operation.body or operation.query or operation.path_parameters
        modes = list(GenerationMode) if takes else [GenerationMode.POSITIVE]
        cases = hypothesis.strategies.one_of([operation.as_strategy(mode) for mode in modes])

        @hypothesis.settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(case=cases, exists=hypothesis.strategies.booleans())
        def ask(case, exists):
            nonlocal tried
            if exists and "id" in case.path_parameters and case.method != "DELETE":
                is_pair = case.path.startswith("/api/v1/pairs")
                body = {} if is_pair else {"turns": [{"speaker": "bot", "text": "Hi"}]}
                made = server.post(f"/api/v1/{'pairs' if is_pair else 'conversations'}", json=body)
                case.path_parameters["id"] = made.json()["id"]
            case.call_and_validate(base_url=str(server.base_url), checks=CHECKS, timeout=20)
            tried += 1

        ask()
    assert server.get("/healthz").json() == {"status": "ready"}
    return tried


def test_no_request_makes_the_server_fail(server):
    assert try_all(server, 3) >= 40


@pytest.mark.slow
def test_no_request_of_many_makes_the_server_fail(server):
    assert try_all(server, 300) >= 4_000
