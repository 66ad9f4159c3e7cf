"""`/v1/policy`: the version in force, and publishing the next."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import answer
from handrail.api.door import Door, TheDoor
from handrail.core import policy as document
from handrail.errors import NotFound

router = APIRouter(prefix="/policy", tags=["policy"], route_class=body.Route)


class Version(body.Body):
    """A policy to publish: its files as text, by path."""

    files: dict[str, str] = Field(min_length=1, max_length=2000)
    second: str | None = Field(
        default=None,
        max_length=200,
        description="A second person's session token, where the change can lower oversight.",
    )


@router.get("", summary="The policy in force")
def shown(door: TheDoor, who: auth.Who) -> Response:
    """Its digest, the versions before it, and every setting with its value and its reason."""
    return answer(door.services.read.policy())


@router.post("/versions", summary="Publish a policy")
def publish(
    door: TheDoor,
    who: auth.Who,
    sent: Version,
    dry_run: Annotated[bool, Query(description="Only validate and compare.")] = False,
) -> Response:
    """422 with every problem, file and line. A change that can lower oversight takes a second
    person; `laxer` lists the sentences that say why."""
    if dry_run:
        new = document.load(sent.files)
        laxer = document.laxer(_in_force(door), new)
        return answer({"digest": new.digest, "laxer": list(laxer), "published": False})
    second = door.identity.who(sent.second) if sent.second else None
    found = door.services.policies.publish(who, sent.files, second=second)
    return answer({**found, "published": True})


def _in_force(door: Door) -> document.Policy | None:
    try:
        return door.services.policies.current()
    except NotFound:
        return None
