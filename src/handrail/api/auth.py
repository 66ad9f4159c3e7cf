"""Who is asking: agents by key, people by session.

* `Authorization: Bearer hr_…` is an agent's key. It is refused (403) wherever people decide,
  before anything else of the request is looked at.
* `Authorization: Bearer …` is a person's session from a terminal; the cookie is one from a
  browser. With the cookie, a request that changes anything needs the session's token in
  `X-Handrail-CSRF`, and may not come from another site.
"""

import hmac
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from handrail.api.door import TheDoor
from handrail.core.model import Agent, SignedIn
from handrail.errors import NotAllowed, NotSignedIn
from handrail.identity.identity import Identity

COOKIE = "handrail"
HOST_COOKIE = "__Host-handrail"  # its name where the browser came by https
CSRF = "X-Handrail-CSRF"
AGENT_KEY = "hr_"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})

# They only describe: reading the credential is `bearer` and `cookie` below, so that a missing
# one is our problem with a hint, and not FastAPI's.
_agent_key = HTTPBearer(
    scheme_name="agent key", description="An agent's key, `hr_…`.", auto_error=False
)
_session = HTTPBearer(
    scheme_name="session", description="A person's session from a terminal.", auto_error=False
)
_browser = APIKeyCookie(
    scheme_name="browser session",
    name=COOKIE,
    auto_error=False,
    description=f"A person's session in a browser; unsafe methods need `{CSRF}` beside it.",
)


def bearer(request: Request) -> str:
    """The bearer token of *request*, empty when it has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def cookie(request: Request) -> str:
    """The session cookie that the console set, empty when there is none."""
    name = HOST_COOKIE if request.url.scheme == "https" else COOKIE
    return request.cookies.get(name, "")


def agent(request: Request, identity: Identity) -> Agent:
    """The agent that asks. Raises `NotSignedIn`, or `NotAllowed` when it is a person."""
    token = bearer(request)
    if token.startswith(AGENT_KEY):
        return identity.agent_of(token)
    if token or cookie(request):
        raise NotAllowed(
            "only agents may ask for this", hint="Send an agent's key: Authorization: Bearer hr_…"
        )
    raise NotSignedIn("no key was sent", hint="Send Authorization: Bearer hr_… (an agent's key).")


def token_of(request: Request) -> str:
    """The session token of *request*. Raises `NotAllowed` for an agent's key and for a browser
    request that another site could have made; `NotSignedIn` when there is none."""
    token = bearer(request)
    if token.startswith(AGENT_KEY):
        raise NotAllowed(
            "an agent's key never decides", hint="This is for people: sign in as a person."
        )
    token = token or cookie(request)
    if not token:
        raise NotSignedIn("you are not signed in")
    return token


def who(request: Request, identity: Identity) -> SignedIn:
    """The person behind *request*'s session. Raises like `token_of`."""
    found = identity.who(token_of(request))
    if not bearer(request) and request.method not in _SAFE:
        _same_site(request, found)
    return found


def _same_site(request: Request, found: SignedIn) -> None:
    if request.headers.get("sec-fetch-site", "same-origin") not in _OWN_SITES:
        raise NotAllowed("this came from another site", hint="Use the console's own page.")
    sent = request.headers.get(CSRF, "")
    if not found.csrf or not hmac.compare_digest(sent.encode(), found.csrf.encode()):
        raise NotAllowed(
            f"the {CSRF} header is missing or wrong", hint="GET /v1/session says which to send."
        )


def person(
    request: Request,
    door: TheDoor,
    _1: object = Security(_session),
    _2: object = Security(_browser),
) -> SignedIn:
    """Dependency of every handler that is for people."""
    return who(request, door.identity)


def either(
    request: Request,
    door: TheDoor,
    _0: object = Security(_agent_key),
    _1: object = Security(_session),
    _2: object = Security(_browser),
) -> Agent | SignedIn:
    """Dependency of the few handlers that agents and people share."""
    if bearer(request).startswith(AGENT_KEY):
        return agent(request, door.identity)
    return who(request, door.identity)


def asking(request: Request, door: TheDoor, _0: object = Security(_agent_key)) -> Agent:
    """Dependency of the handlers that are for agents."""
    return agent(request, door.identity)


# One dependency each, and nothing else in the brackets: FastAPI takes the last one of several.
Who = Annotated[SignedIn, Depends(person)]
Either = Annotated[Agent | SignedIn, Depends(either)]
Asking = Annotated[Agent, Depends(asking)]
