"""`/v1/policy/drafts`: the next policy while people write, sign and publish it."""

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import answer
from handrail.api.door import TheDoor

router = APIRouter(prefix="/policy/drafts", tags=["policy"], route_class=body.Route)

_SEEN = "The draft's `digest` as you saw it; another one is 409 and nothing is done."


class Start(body.Body):
    """A new draft, a copy of the policy in force."""

    why: str = Field(min_length=1, max_length=1000, description="What it is for.")


class File(body.Body):
    """One file of a draft as it should be."""

    path: str = Field(max_length=200, description="Such as `matrix/accounts.yaml`.")
    text: str | None = Field(max_length=1 << 20, description="null removes the file.")
    digest: str = Field(max_length=64, description=_SEEN)


class Signature(body.Body):
    """One person's signature under every row of a file."""

    path: str = Field(max_length=200)
    role: str = Field(max_length=63, description="A signing role that you hold.")
    why: str = Field(min_length=1, max_length=1000)
    digest: str = Field(max_length=64, description=_SEEN)


class Publication(body.Body):
    """What to put in force."""

    digest: str = Field(max_length=64, description=_SEEN)


@router.get("", summary="Drafts of the policy")
def listed(door: TheDoor, who: auth.Who) -> Response:
    """Those that are neither published nor withdrawn, newest first."""
    return answer({"items": door.services.drafts.open(), "next": None})


@router.post("", summary="Begin a draft", status_code=201)
def start(door: TheDoor, who: auth.Who, sent: Start) -> Response:
    """A copy of the policy in force, to write in."""
    return answer(door.services.drafts.start(who, sent.why), status=201)


@router.get("/{id}", summary="One draft")
def shown(door: TheDoor, who: auth.Who, id: str) -> Response:
    """Its files, what is wrong with it, what it changes in words, which rows still need whose
    signatures, and its `digest`."""
    return answer(door.services.drafts.show(id))


@router.post("/{id}/files", summary="Write a file of a draft")
def write(door: TheDoor, who: auth.Who, id: str, sent: File) -> Response:
    """Takes a proposal of the draft back: what a second person publishes is what the first saw."""
    door.services.drafts.write(who, id, sent.path, sent.text, sent.digest)
    return answer(door.services.drafts.show(id))


@router.post("/{id}/signatures", summary="Sign the rows of a file")
def sign(door: TheDoor, who: auth.Who, id: str, sent: Signature) -> Response:
    """As yourself, in a signing role that you hold. A row counts once its three roles signed."""
    door.services.drafts.sign(who, id, sent.path, sent.role, sent.why, sent.digest)
    return answer(door.services.drafts.show(id))


@router.post("/{id}/publication", summary="Publish a draft")
def publish(door: TheDoor, who: auth.Who, id: str, sent: Publication) -> Response:
    """Puts it in force; where it can lower oversight, the first person's call proposes it (202)
    and another person's puts it in force (200)."""
    done = door.services.drafts.publish(who, id, sent.digest)
    return answer(done, status=200 if done["published"] else 202)


@router.post("/{id}/withdrawal", summary="Withdraw a draft", status_code=204)
def withdraw(door: TheDoor, who: auth.Who, id: str) -> Response:
    """Ends it unpublished."""
    door.services.drafts.withdraw(who, id)
    return Response(status_code=204)
