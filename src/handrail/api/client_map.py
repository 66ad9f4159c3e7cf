"""The client map: clients from an export, and which places of a connection are theirs."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import answer
from handrail.api.door import TheDoor

router = APIRouter(tags=["clients"], route_class=body.Route)


class File(body.Body):
    """A file as it was exported; the ending of its name tells its form."""

    name: str = Field(max_length=200, description="Such as `companies.csv`, `.json` or `.yaml`.")
    text: str = Field(max_length=body.MAX_BODY)


class Import(File):
    """A PSA's companies, or a file of one's own."""

    apply: bool = Field(default=False, description="False only shows what it would do.")


class Matching(body.Body):
    """Where the places of a connection stand: in a file, or in what a read of it says."""

    file: File | None = None
    read: str = Field(default="", max_length=300, description="A signed row that lists them.")
    arguments: dict[str, Any] = Field(default_factory=dict)
    companies: File | None = Field(default=None, description="Further names and ids of clients.")
    apply: bool = False


class Told(body.Body):
    """Which places are which clients, as a person says."""

    client_map: dict[str, body.Id] = Field(min_length=1, max_length=5000)


@router.post("/clients/import", summary="Import clients from an export")
def load(door: TheDoor, who: auth.Who, sent: Import) -> Response:
    """Only raises: what an export would lower comes back as a question."""
    return answer(door.services.clients.load(who, sent.name, sent.text, apply=sent.apply))


@router.post("/connections/{name}/matching", summary="Match a connection's places to clients")
def match(door: TheDoor, who: auth.Who, name: str, sent: Matching) -> Response:
    """Exactly the same or alike; the rest are questions, and nothing is guessed."""
    found = door.services.clients.match(
        who,
        name,
        file=(sent.file.name, sent.file.text) if sent.file else None,
        read=sent.read,
        arguments=sent.arguments,
        companies=(sent.companies.name, sent.companies.text) if sent.companies else None,
        apply=sent.apply,
    )
    return answer(found)


@router.post("/connections/{name}/places", summary="Say which places are which clients")
def tell(door: TheDoor, who: auth.Who, name: str, sent: Told) -> Response:
    """Answers questions of the matching. Places said before stay, unless said anew."""
    return answer(door.services.clients.tell(who, name, sent.client_map))
