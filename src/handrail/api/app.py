"""The application: every noun's router under `/v1`, one way of saying what went wrong, and a
description that a generator of clients can use."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from handrail.api import (
    actions,
    agents,
    availability,
    breakers,
    client_map,
    clients,
    connections,
    drafts,
    escalations,
    findings,
    health,
    incidents,
    ledger,
    matrix,
    notices,
    pause,
    people,
    policy,
    proposals,
    rehearsals,
    reviews,
    shadow,
    sign_in,
)
from handrail.api import errors as problems
from handrail.api.asked import AskedAction
from handrail.api.body import Limit
from handrail.api.door import PEOPLE_CALLS, Door
from handrail.clock import Clock
from handrail.config import Settings
from handrail.identity.identity import Identity
from handrail.service import Services

VERSION = "1"
NOUNS = (
    actions,
    proposals,
    notices,
    escalations,
    client_map,
    clients,
    connections,
    agents,
    people,
    availability,
    incidents,
    findings,
    matrix,
    rehearsals,
    breakers,
    pause,
    reviews,
    policy,
    drafts,
    ledger,
    shadow,
    sign_in,
)
ABOUT = """
Times are RFC 3339 UTC; errors are RFC 9457 problem details with a `code` and a `hint`; lists
take `limit` and `cursor` and answer with `items` and `next`. Agents send
`Authorization: Bearer hr_…`; people send their session. An agent's key is refused (403) on
everything that people decide.
"""
_REF = "#/components/schemas/{model}"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build(
    services: Services,
    identity: Identity,
    clock: Clock,
    settings: Settings,
    *,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return the API over *services*. Other doors may be mounted on it; *lifespan* is entered
    within its own."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = PEOPLE_CALLS
        if lifespan is None:
            yield
            return
        async with lifespan(app):
            yield

    app = FastAPI(
        title="Handrail",
        version=VERSION,
        description=ABOUT,
        lifespan=living,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    app.state.door = Door(services=services, identity=identity, clock=clock, settings=settings)
    problems.install(app)
    app.add_middleware(Limit)
    under = APIRouter(prefix="/v1")
    for noun in NOUNS:
        under.include_router(noun.router)
    app.include_router(under)
    app.include_router(health.router)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    return app


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of *app*, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        _, defs = models_json_schema(
            [(AskedAction, "validation"), (problems.Problem, "validation")], ref_template=_REF
        )
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components.update(defs["$defs"])
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        for path in schema["paths"].values():
            for operation in path.values():
                _tidy(operation)
        app.openapi_schema = schema
    return app.openapi_schema


def _tidy(operation: dict[str, Any]) -> None:
    """Errors are problems, all of one shape, instead of FastAPI's own."""
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {
        "description": "A problem",
        "content": {problems.PROBLEM: {"schema": {"$ref": _REF.format(model="Problem")}}},
    }
    # FastAPI names an operation after its function and path; the summary says it better.
    operation["operationId"] = "-".join(re.findall(r"[a-z0-9]+", operation["summary"].lower()))
