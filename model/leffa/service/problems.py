"""Errors as RFC 9457 problem documents, and the page that explains their codes."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leffa import errors
from leffa.errors import BadParameter, LeffaError, catalogue
from leffa.service.request_id import HEADER
from leffa.service.schemas import Problem

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
PAGE = "/docs/problems"
LONGEST_ECHO = 100
# What an order of pictures can meet: everything but the errors of the command line, of our client and of
# other addresses, and the bases that are never raised.
PICTURE_PROBLEMS = [
    error
    for error in errors.catalogue().values()
    if not issubclass(error, errors.BadFile | errors.BadJob | errors.Cancelled | errors.Unreachable)
    and error
    not in (errors.BadImage, errors.BadPerson, errors.NotAllowed, errors.TooMuch, errors.Unavailable)
]

# Who waits for a job may see somebody else cancel or delete it.
WAITED_PROBLEMS = [*PICTURE_PROBLEMS, errors.JobCancelled, errors.JobMissing]
JOB_HEADERS = {"Location": {"description": "address of the job", "schema": {"type": "string"}}}
# What a job can have failed with.
MADE_PROBLEMS = [
    error
    for error in PICTURE_PROBLEMS
    if not issubclass(error, errors.NotAllowed | errors.TooMuch | errors.BadParameter)
]


class Unexpected:
    """ASGI middleware that answers what nobody else has caught, so that those around it see an answer too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; raises what comes up after the answer has begun."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            logger.error("A request failed.", exc_info=error)
            await problem(LeffaError(), scope)(scope, receive, send)


def problem(error: LeffaError, scope: Scope) -> JSONResponse:
    """The answer for an error; fields that do not apply are left out."""
    request_id = scope.get("state", {}).get("request_id", "")
    document = document_of(error, request_id)
    headers = {HEADER: request_id, "Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(
        document.model_dump(exclude_none=True), error.status, headers=headers, media_type=MEDIA_TYPE
    )


def document_of(error: LeffaError, instance: str) -> Problem:
    """The problem document of an error that a request or job of this id met."""
    received = error.received
    return Problem(
        type=f"{PAGE}#{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=instance,
        code=error.code,
        fix=error.fix,
        field=error.field,
        allowed=error.allowed,
        received=received[:LONGEST_ECHO] if isinstance(received, str) else received,
    )


def install(app: FastAPI) -> None:
    """Answer every error of the app as a problem document, and serve the page of the codes."""
    app.add_exception_handler(LeffaError, _on_leffa_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_api_route(PAGE, _page, include_in_schema=False, response_class=HTMLResponse)


async def _on_leffa_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LeffaError)
    return problem(error, request.scope)


async def _on_disconnect(request: Request, error: Exception) -> JSONResponse:
    return problem(errors.Cancelled(), request.scope)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    document = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=str(error.detail),
        instance=request.scope.get("state", {}).get("request_id", ""),
        code=status.name.lower(),
        fix="See /docs for the addresses and what they take.",
    )
    body = document.model_dump(exclude_none=True)
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _methods(request) or headers.get("Allow", "")
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def _methods(request: Request) -> str:
    """All methods of an address: the router names only those of the first route that fits."""
    path, paths = request.url.path, request.app.openapi()["paths"]
    fitting = [path] if path in paths else [one for one in paths if compile_path(one)[0].match(path)]
    return ", ".join(sorted({method.upper() for one in fitting for method in paths[one]}))


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return problem(BadParameter(first["msg"], field=str(first["loc"][-1])), request.scope)


def responses(*kinds: type[LeffaError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI ``responses`` of an address that can answer these errors, an example each."""
    grouped: dict[int | str, dict[str, Any]] = {}
    for error in kinds:
        examples = grouped.setdefault(error.status, {})
        examples[error.code] = {"summary": error.title, "value": _example(error)}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(int(status)).phrase,
            "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
        }
        for status, examples in grouped.items()
    }


def merged(*several: Mapping[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """OpenAPI ``responses`` as one: a status that several have gets the content and the examples of all."""
    together: dict[Any, dict[str, Any]] = {}
    for answers in several:
        for status, answer in answers.items():
            known = together.setdefault(status, {**answer, "content": {}})
            for kind, body in answer.get("content", {}).items():
                before = known["content"].get(kind, {})
                examples = {**before.get("examples", {}), **body.get("examples", {})}
                known["content"][kind] = before | body | ({"examples": examples} if examples else {})
    return together


def _example(error: type[LeffaError]) -> dict[str, Any]:
    return document_of(error(), "4f0c2f6f2b0e4d0f9a3f6d1f5e7f8a90").model_dump(exclude_none=True)


def _page() -> HTMLResponse:
    """Every error code with its meaning and its fix."""
    rows = "".join(
        f'<section id="{code}"><h2>{code} <small>{error.status}</small></h2>'
        f"<p>{error.title}.</p><p>{error.default_fix}</p></section>"
        for code, error in catalogue().items()
    )
    return HTMLResponse(f"<!doctype html><html lang=en><title>Problems</title><h1>Problems</h1>{rows}</html>")
