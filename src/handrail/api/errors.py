"""Errors as RFC 9457 problem details: `code`, `detail`, and a `hint` that says what to do.

The one place of this door that knows HTTP statuses. A failure nobody foresaw is a 500 without
any of its text: what it says belongs into the log, not to whoever provoked it.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from handrail import errors

log = structlog.get_logger(__name__)

#: Nearest ancestor wins. The order is that of the tree in `handrail.errors`.
STATUSES: dict[type[errors.HandrailError], int] = {
    errors.HandrailError: 400,
    errors.BadInput: 400,
    errors.PolicyInvalid: 422,
    errors.TooLarge: 413,
    errors.NotFound: 404,
    errors.NotSignedIn: 401,
    errors.NotAllowed: 403,
    errors.Refused: 422,
    errors.TooMany: 429,
    errors.Conflict: 409,
    errors.Unreadable: 410,
    errors.Unavailable: 503,
    errors.Unsure: 503,
    errors.ReachError: 502,
    errors.NoAnswer: 504,
}
PROBLEM = "application/problem+json"
_RETRY = 1  # seconds until a request that found the store busy is worth sending again
_SHOWN = 20  # faults of one body that are worth listing


class Difference(BaseModel):
    """One line that changed between the version shown and the version that waits."""

    label: str
    then: str
    now: str


class Fault(BaseModel):
    """One thing wrong in what was sent."""

    where: str = Field(description="The field, or `file:line` in a policy.")
    message: str
    hint: str = ""


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="`urn:handrail:error:` and the code.")
    title: str
    status: int
    detail: str = Field(description="What went wrong, in a sentence.")
    code: str = Field(description="Stable: the name a program may compare.")
    hint: str = Field(default="", description="What to do now.")
    retry_after: int | None = Field(default=None, description="Seconds (`too-many`).")
    difference: list[Difference] | None = Field(default=None, description="`stale` only.")
    problems: list[Fault] | None = Field(default=None, description="Each fault of the input.")


def status_of(error: errors.HandrailError) -> int:
    """The HTTP status of *error*: that of its nearest named ancestor."""
    return next(STATUSES[t] for t in type(error).__mro__ if t in STATUSES)


def respond(error: errors.HandrailError) -> Response:
    """*error* as a response."""
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, errors.Stale):
        more["difference"] = [
            {"label": label, "then": then, "now": now} for label, then, now in error.difference
        ]
    if isinstance(error, errors.PolicyInvalid):
        more["problems"] = [
            {"where": f"{p.file}:{p.line}", "message": p.message, "hint": p.hint}
            for p in error.problems
        ]
    if isinstance(error, errors.TooMany):
        more["retry_after"] = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(_RETRY)
    if isinstance(error, errors.NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="handrail"'
    status = status_of(error)
    if status >= 500:
        log.warning("request failed", code=error.code, why=error.message)
    return _problem(status, error.code, error.message, error.hint, headers, **more)


def malformed(faults: Sequence[Any]) -> errors.BadInput:
    """Pydantic's complaints as one `BadInput` with each fault; the input itself is not echoed."""
    found = [_fault(f) for f in faults[:_SHOWN]]
    first = found[0] if found else {"where": "body", "message": "it cannot be read"}
    error = Malformed(
        f"{first['where']}: {first['message']}",
        hint="Correct the fields named and send it again.",
    )
    error.faults = found
    return error


class Malformed(errors.BadInput):
    """What was sent has another shape than the OpenAPI description says."""

    faults: list[dict[str, str]]


def _fault(fault: Any) -> dict[str, str]:
    where = ".".join(str(part) for part in fault["loc"] if part != "body") or "body"
    return {"where": where[:200], "message": str(fault["msg"])[:300]}


def _problem(
    status: int,
    code: str,
    detail: str,
    hint: str = "",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    body = {
        "type": f"urn:handrail:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        **more,
    }
    return Response(orjson.dumps(body), status, headers, PROBLEM)


def install(app: FastAPI) -> None:
    """Make *app* answer every error as a problem."""

    async def ours(request: Request, error: Exception) -> Response:
        if not isinstance(error, errors.HandrailError):
            raise error
        if isinstance(error, Malformed):
            return _problem(400, error.code, error.message, error.hint, problems=error.faults)
        return respond(error)

    async def unfit(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError | ValidationError):
            raise error
        return await ours(request, malformed(error.errors()))

    async def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        codes = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}
        headers = dict(error.headers or {})
        code = codes.get(error.status_code, "bad-input")
        hint = "The paths are listed in /v1/openapi.json." if error.status_code == 404 else ""
        return _problem(error.status_code, code, str(error.detail), hint, headers)

    async def unforeseen(request: Request, error: Exception) -> Response:
        # The server logs the traceback itself; a second one here would be one with the values
        # of variables in it, and those may be passwords.
        log.error("unforeseen failure", path=request.url.path, error=type(error).__name__)
        return _problem(
            500,
            "internal",
            "Handrail failed to handle this request.",
            "Nothing is known to have been done; look at the action before repeating it.",
        )

    app.add_exception_handler(errors.HandrailError, ours)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)
