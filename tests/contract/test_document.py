"""The OpenAPI document: the committed one is this program's, and it leaves nothing out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "openapi.json"
DOCUMENT = json.loads(COMMITTED.read_text())
OPENAI = "/v1/images/edits"
OPEN = ("/health", "/metrics", "/models")


def operations() -> Iterator[Any]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield pytest.param(path, method, operation, id=operation["operationId"])


def test_the_committed_document_is_up_to_date() -> None:
    code = "import runpy, sys; sys.stdout.write(runpy.run_path('scripts/openapi.py')['describe']())"
    now = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True).stdout
    assert now.decode() == COMMITTED.read_text(), "run: python scripts/openapi.py"


def test_every_reference_leads_somewhere() -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(target := value.get("$ref"), str):
                assert target.removeprefix("#/components/schemas/") in DOCUMENT["components"]["schemas"]
            for inner in value.values():
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)

    check(DOCUMENT)


def test_links_lead_to_operations() -> None:
    known = {
        operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()
    }
    linked = {
        link["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    }
    assert {"read_job", "read_events", "read_part", "delete_job", "edit_mask"} <= linked <= known


@pytest.mark.parametrize(("path", "method", "operation"), list(operations()))
def test_every_error_is_a_problem_document_with_examples(path: str, method: str, operation: dict) -> None:
    for status, answer in operation["responses"].items():
        assert "X-Request-ID" in answer["headers"]
        if int(status) < 400 or path.startswith(OPEN):
            continue
        body = answer["content"].get("application/problem+json")
        if path == OPENAI and body is None:  # the errors of its own have OpenAI's shape
            assert "application/json" in answer["content"]
            continue
        assert body["examples"] and body["schema"]["$ref"].endswith("/Problem")
        assert ("Retry-After" in answer["headers"]) == (status in ("429", "503"))


@pytest.mark.parametrize(("path", "method", "operation"), list(operations()))
def test_whatever_keys_and_limits_guard_says_so(path: str, method: str, operation: dict) -> None:
    if path.startswith(OPEN):
        assert "security" not in operation
        return
    assert {"401", "500", "503"} <= set(operation["responses"]) and {} in operation["security"]
    if method in ("post", "put"):
        assert {"408", "413", "429"} <= set(operation["responses"])
