"""Turns the framework's exceptions into our refusals, and every refusal into a problem body."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.errors import BadRequest, FieldError, Invalid, LmsError, MethodNotAllowed, NotFound
from app.http.elsewhere import methods_at_path, other_slash
from app.http.problems import problem
from app.http.rate_limit import refuse_unmatched
from otel import get_logger

_SERVER_ERROR: Final = 500
_NO_ROUTE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
_log = get_logger(service="http")


def install_handlers(app: FastAPI) -> None:
    """Makes ``app`` answer every refusal, ours or the framework's, with a problem body."""
    app.add_exception_handler(LmsError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, LmsError):
        raise error
    if error.status >= _SERVER_ERROR:
        _log.error("unavailable", code=error.code, cause=error.__cause__ and type(error.__cause__).__name__)
    return problem(error, instance=request.url.path)


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = field_errors(error.errors())
    return problem(Invalid(count=len(errors), errors=errors), instance=request.url.path)


async def _framework(request: Request, error: Exception) -> Response:
    """Answers exceptions that Starlette and FastAPI raise themselves."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code in _NO_ROUTE:
        return await _unmatched(request, error)
    # FastAPI wraps whatever reading the body raises, including our body limit's refusal.
    refusal = error.__cause__ if isinstance(error.__cause__, LmsError) else _translate(request, error)
    return problem(refusal, instance=request.url.path, headers=error.headers)


async def _unmatched(request: Request, error: HTTPException) -> Response:
    """Answers what no route does: it is limited here, before other routes are tried."""
    exceeded, headers = await refuse_unmatched(request)
    if exceeded is not None:
        return problem(exceeded, instance=request.url.path, headers=headers)
    if error.status_code == HTTPStatus.NOT_FOUND and (other := other_slash(request)):
        return RedirectResponse(other, headers=headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = methods_at_path(request)  # the router lists those of only one of several routes
    return problem(_translate(request, error), instance=request.url.path, headers=headers)


def _translate(request: Request, error: HTTPException) -> LmsError:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return NotFound(path=request.url.path)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(path=request.url.path, method=request.method)
        case status if status >= _SERVER_ERROR:
            return LmsError()
        case _:
            return BadRequest(reason=error.detail)


def field_errors(mistakes: Iterable[Any]) -> tuple[FieldError, ...]:
    """Returns pydantic's errors by field, without the values that were sent: one may be a password."""
    return tuple(
        FieldError(
            field=".".join(str(part) for part in mistake["loc"]),
            message=str(mistake["msg"]).removeprefix("Value error, "),
            code=mistake["type"],
        )
        for mistake in mistakes
    )
