"""The OpenAPI document: what FastAPI reads off the routes, and what the layers around them add to each."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from leffa import errors
from leffa.service.callers import CLIENT_ID
from leffa.service.gate import COUNTED, GUARDED
from leffa.service.problems import merged, responses
from leffa.service.request_id import HEADER
from leffa.service.schemas import Problem, ProgressNews, QueueNews

Described = dict[str, Any]
SECURITY: Described = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, where the service wants one"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same, as OpenAI's"},
}
OPTIONAL_KEY: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"key": []}]
CLIENT: Described = {
    "name": CLIENT_ID,
    "in": "header",
    "description": "who a browser says it is: a random word of 16 to 64 letters, digits, - or _ that owns a "
    "history; any other counts as none",
    "schema": {"type": "string"},
}
KEY: Described = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same key and request again find the same job",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
PREFER: Described = {
    "name": "Prefer",
    "in": "header",
    "description": "respond-async: answer 202 with a job at once",
    "schema": {"type": "string"},
}
ORDERS = ("/tryon", "/pose-transfer", "/jobs", "/jobs/batch", "/check", "/masks", "/v1/images/edits")
WAITS = ("/tryon", "/pose-transfer")
RETRY = (429, 503)
WHOLE = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
LIMITED = {
    "RateLimit-Policy": "the limit of requests, where there is one",
    "RateLimit": "what is left of it",
}
NEWS = ("JobOut", "ProgressNews", "QueueNews")


def install(app: FastAPI) -> None:
    """Have the app describe all that can be answered."""
    described = app.openapi

    def openapi() -> Described:
        if app.openapi_schema is None:
            _complete(described())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: Described) -> None:
    schemas = document["components"]["schemas"]
    for model in (Problem, ProgressNews, QueueNews):  # no route returns them
        schemas[model.__name__] = model.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):  # errors here are problem documents
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = SECURITY
    for path, method, operation in _operations(document):
        if _invented(operation["responses"].get("422")):
            del operation["responses"]["422"]
        if path.startswith(GUARDED):
            _guard(operation, path, method)
        _add_headers(operation, method)
    _describe_events(document["paths"]["/jobs/{job_id}/events"]["get"])
    _link(document)


def _operations(document: Described) -> Iterator[tuple[str, str, Described]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _invented(answer: Described | None) -> bool:
    """Whether FastAPI added it by itself, for a parameter that is any text."""
    return answer is not None and "HTTPValidationError" in str(answer)


def _guard(operation: Described, path: str, method: str) -> None:
    """What the gate and the upload limit take and answer, and an error on our side."""
    kinds: list[type[errors.LeffaError]] = [errors.MissingKey, errors.BadKey, errors.LeffaError]
    if method in COUNTED:
        kinds += [errors.SlowUpload, errors.ImageTooLarge, errors.TooManyRequests]
    operation["responses"] = merged(
        operation["responses"], {str(status): answer for status, answer in responses(*kinds).items()}
    )
    operation["security"] = OPTIONAL_KEY
    added = [CLIENT]
    added += [KEY] if method == "POST" and path in ORDERS else []
    added += [PREFER] if path in WAITS else []
    operation["parameters"] = [*operation.get("parameters", []), *added]


def _add_headers(operation: Described, method: str) -> None:
    for status, answer in operation["responses"].items():
        headers = answer.setdefault("headers", {})
        headers[HEADER] = {"description": "id of the request", "schema": TEXT}
        if int(status) in RETRY:
            headers["Retry-After"] = {"description": "seconds to wait, where known", "schema": WHOLE}
        if method in COUNTED and "security" in operation and int(status) < 300:
            headers |= {name: {"description": text, "schema": TEXT} for name, text in LIMITED.items()}


def _describe_events(operation: Described) -> None:
    data = operation["responses"]["200"]["content"]["text/event-stream"]["itemSchema"]["properties"]["data"]
    data["contentMediaType"] = "application/json"
    data["contentSchema"] = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in NEWS]}


def _link(document: Described) -> None:
    """From what is made to what can be done with it."""
    paths = document["paths"]
    for path in ("/jobs", *WAITS):
        answer = paths[path]["post"]["responses"]["202"]
        answer["links"] = {
            name: {"operationId": name, "parameters": {"job_id": "$response.body#/id"}}
            for name in ("read_job", "read_events", "read_part", "delete_job")
        }
    paths["/masks"]["post"]["responses"]["201"]["links"] = {
        name: {"operationId": name, "parameters": {"mask_id": "$response.body#/id"}}
        for name in ("read_mask", "read_layer", "edit_mask")
    }
