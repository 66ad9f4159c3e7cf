"""`/v1/connections`: ways to reach tools, what they offer, and what is withheld."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, page
from handrail.api.door import TheDoor
from handrail.errors import BadInput, ReachError

router = APIRouter(prefix="/connections", tags=["connections"], route_class=body.Route)


class Connection(body.Body):
    """A connection to set. What it offers is read at once; unreachable, it is not stored."""

    name: str = Field(min_length=1, max_length=100)
    kind: Literal["mcp-stdio", "mcp-http", "callable"]
    command: str = Field(default="", max_length=1000, description="`mcp-stdio`.")
    args: list[body.Line] = Field(default_factory=list, max_length=100)
    cwd: str = Field(default="", max_length=1000)
    url: str = Field(default="", max_length=2000, description="`mcp-http`.")
    target: str = Field(default="", max_length=300, description="`callable`.")
    secret: dict[str, body.Text] = Field(
        default_factory=dict,
        max_length=50,
        description="Environment or headers with credentials. Sealed; never shown again.",
    )
    client: body.Id | None = Field(default=None, description="All of it belongs to this client.")
    client_map: dict[str, body.Id] = Field(
        default_factory=dict,
        max_length=5000,
        description="Which tenant, site or organisation id is which client.",
    )


class Acceptance(body.Body):
    """Which definition was looked at."""

    kind: Literal["tool", "resource", "resource_template", "prompt"] = "tool"
    name: str = Field(min_length=1, max_length=2000)


@router.get("", summary="List connections", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 200, cursor: Cursor = None) -> Response:
    """With how they do and how much is withheld; never a secret."""
    return page(door.services.read.connections(), limit, cursor, key="name")


@router.post("", summary="Set a connection")
def connect(door: TheDoor, who: auth.Who, sent: Connection) -> Response:
    """Reaches it and pins what it offers; 400 when it cannot be reached, and nothing is stored."""
    try:
        found = door.services.catalogue.connect(
            who,
            sent.name,
            sent.kind,
            command=sent.command,
            args=sent.args,
            cwd=sent.cwd,
            url=sent.url,
            target=sent.target,
            secret=sent.secret,
            client=sent.client,
            client_map=sent.client_map,
        )
    except ReachError as error:
        # Here the upstream is what was sent: that it does not answer is the sender's to correct.
        raise BadInput(
            f"it cannot be reached: {error.message}", hint="Check the command, url and secret."
        ) from error
    return answer(found)


@router.post("/{name}/refresh", summary="Look at what a connection offers now")
def refresh(door: TheDoor, who: auth.Who, name: str) -> Response:
    """New and changed definitions are withheld from agents until a person accepts them."""
    return answer(door.services.catalogue.refresh(name))


@router.get("/{name}/tools", summary="List a connection's definitions", response_model=Page)
def tools(
    door: TheDoor, who: auth.Who, name: str, limit: Limit = 200, cursor: Cursor = None
) -> Response:
    """What is pinned, and what the upstream says now where it differs."""
    found = [{"id": f"{t['kind']}:{t['name']}", **t} for t in door.services.read.tools(name)]
    return page(found, limit, cursor)


@router.post("/{name}/acceptance", summary="Accept a definition")
def accept(door: TheDoor, who: auth.Who, name: str, sent: Acceptance) -> Response:
    """Pins what you have looked at; agents are served it from now on."""
    return answer(door.services.catalogue.accept(who, name, sent.kind, sent.name))
