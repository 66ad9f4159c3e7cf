"""`/v1/session` and `/v1/device`: how people sign in, at a terminal too.

A terminal shows a code; the person confirms it in a browser where they signed in lately.
"""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import answer
from handrail.api.door import TheDoor
from handrail.core.model import SignedIn

router = APIRouter(tags=["sign-in"], route_class=body.Route)

_SECRET = {"Cache-Control": "no-store"}
Password = Field(min_length=1, max_length=1000, json_schema_extra={"format": "password"})


class SignIn(body.Body):
    """Who signs in."""

    email: str = Field(min_length=1, max_length=255)
    password: str = Password


class StepUp(body.Body):
    """The password, again."""

    password: str = Password


class SetUp(body.Body):
    """A one-time link used: the first person, or someone invited."""

    token: str = Field(min_length=1, max_length=200)
    name: str = Field(default="", max_length=120, description="The first person only.")
    email: str = Field(default="", max_length=255, description="The first person only.")
    password: str = Password


class DeviceCode(body.Body):
    """The code that the terminal keeps."""

    device_code: str = Field(min_length=1, max_length=200)


class UserCode(body.Body):
    """The code that the terminal shows."""

    user_code: str = Field(min_length=1, max_length=40)


def _session(token: str, who: SignedIn) -> Response:
    return answer({"token": token, **_who(who)}, 200, _SECRET)


def _who(who: SignedIn) -> dict[str, object]:
    return {
        "person": who.person,
        "name": who.name,
        "signed_in_at": who.signed_in_at,
        "via": who.via,
    }


@router.get("/session", summary="Who you are")
def shown(door: TheDoor, who: auth.Who) -> Response:
    """With `csrf`: what a browser sends in `X-Handrail-CSRF` beside its cookie."""
    return answer({**_who(who), "csrf": who.csrf}, 200, _SECRET)


@router.post("/session", summary="Sign in by password")
def sign_in(request: Request, door: TheDoor, sent: SignIn) -> Response:
    """For programs that people drive; the terminal signs in through `/v1/device`."""
    address = request.client.host if request.client else ""
    token, who = door.identity.sign_in(sent.email, sent.password, via="cli", address=address)
    return _session(token, who)


@router.post("/session/step-up", summary="Sign in again for a decision")
def step_up(request: Request, door: TheDoor, who: auth.Who, sent: StepUp) -> Response:
    """The old token ends; the answer holds a new one."""
    token, renewed = door.identity.step_up(auth.token_of(request), sent.password)
    return _session(token, renewed)


@router.delete("/session", summary="Sign out", status_code=204)
def sign_out(request: Request, door: TheDoor, who: auth.Who) -> Response:
    """The session ends."""
    door.identity.sign_out(auth.token_of(request))
    return Response(status_code=204)


@router.post("/set-up", summary="Use a one-time link")
def set_up(door: TheDoor, sent: SetUp) -> Response:
    """Makes the first person, or gives an invited one their password."""
    token, who = door.identity.set_up(sent.token, sent.name, sent.email, sent.password)
    return _session(token, who)


@router.post("/device", summary="Begin a sign-in from a terminal")
def device(door: TheDoor) -> Response:
    """A code to keep, a code to show, and where to confirm it."""
    start = door.identity.device_start()
    found = {
        "device_code": start.device_code,
        "user_code": start.user_code,
        "verification_uri": f"{door.settings.url}/device",
        "expires_in": start.expires_in,
        "interval": start.interval,
    }
    return answer(found, 200, _SECRET)


@router.post("/device/confirmation", summary="Confirm a terminal's code", status_code=204)
def confirm(door: TheDoor, who: auth.Who, sent: UserCode) -> Response:
    """By the person who signs in there; needs a recent sign-in here."""
    door.identity.device_confirm(who, sent.user_code)
    return Response(status_code=204)


@router.post(
    "/device/token",
    summary="Collect a terminal's session",
    responses={202: {"description": "Not confirmed yet; ask again after `interval` seconds"}},
)
def token(door: TheDoor, sent: DeviceCode) -> Response:
    """Exactly once after a person confirmed; 404 for a code that is unknown, used or expired."""
    found = door.identity.device_poll(sent.device_code)
    if found is None:
        return answer({"status": "waiting"}, 202, _SECRET)
    return _session(found, door.identity.who(found))
