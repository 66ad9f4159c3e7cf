"""What every page goes through: who is it, may this form be believed, and how errors look.

* GET and HEAD change nothing (UX 1.6).
* A POST is believed with a session, the form's own token, and a same-site fetch (UX 8).
* Pages run in threads, since everything behind the doors is synchronous.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from handrail.clock import Clock
from handrail.console.render import Renderer
from handrail.console.static import Assets
from handrail.core.model import SignedIn
from handrail.errors import (
    BadInput,
    Conflict,
    HandrailError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Stale,
    StepUpNeeded,
    TooMany,
    Unavailable,
)
from handrail.identity.identity import Identity
from handrail.service import Services

log = structlog.get_logger(__name__)

MAX_FORM = 256 * 1024  # bytes
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
}
_STATUS: tuple[tuple[type[HandrailError], int], ...] = (
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (TooMany, 429),
    (BadInput, 422),
    (Unavailable, 503),
)


class Present(Protocol):
    """Hears that a person has a live page open (`channels.console`)."""

    def present(self, person: str) -> None: ...


@dataclass(slots=True)
class Visit:
    """One request of a page, understood: what a page function works with."""

    request: Request
    services: Services
    identity: Identity
    clock: Clock
    renderer: Renderer
    who: SignedIn | None
    form: Mapping[str, str] = field(default_factory=dict)
    cookies: dict[str, str | None] = field(default_factory=dict)

    @property
    def person(self) -> SignedIn:
        """The signed-in person. Raises `NotSignedIn`."""
        if self.who is None:
            raise NotSignedIn("sign in first")
        return self.who

    @property
    def token(self) -> str:
        return self.request.cookies.get(cookie_name(self.request), "")

    def arg(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Render a page."""
        html = self.renderer.page(template, self, values)
        return HTMLResponse(html, status_code=status)

    def go(self, path: str) -> Response:
        """Send the browser to a page of ours, after a form."""
        return RedirectResponse(safe(path), status_code=303)


Page = Callable[[Visit], Response]


class Door:
    """Makes routes of page functions."""

    def __init__(
        self,
        services: Services,
        identity: Identity,
        clock: Clock,
        assets: Assets,
        *,
        url: str,
        organisation: Callable[[], str],
    ) -> None:
        self._services = services
        self._identity = identity
        self._clock = clock
        self._secure = url.startswith("https://")
        self._renderer = Renderer(services, clock, assets, organisation=organisation)

    def page(self, work: Page) -> Callable[[Request], Awaitable[Response]]:
        """The route of *work*."""

        async def answer(request: Request) -> Response:
            form = await _form(request) if request.method == "POST" else {}
            response = await anyio.to_thread.run_sync(self._answer, work, request, form)
            response.headers.update(HEADERS)
            return response

        answer.__name__ = work.__name__
        return answer

    def _answer(self, work: Page, request: Request, form: Mapping[str, str] | None) -> Response:
        visit = Visit(
            request, self._services, self._identity, self._clock, self._renderer, None, form or {}
        )
        try:
            visit.who = self._who(visit)
            if request.method == "POST":
                if form is None:
                    raise BadInput("the form is too large", hint="Shorten what you wrote.")
                _believed(visit)
            response = work(visit)
        except StepUpNeeded:
            return visit.page("step_up.html", kept=visit.form, to=str(request.url.path))
        except NotSignedIn as error:
            if request.method in {"GET", "HEAD"}:
                back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/login?to={quote(back)}", status_code=303)
            return visit.page("error.html", status=401, error=error)
        except HandrailError as error:
            return self._wrong(visit, error)
        for name, value in visit.cookies.items():
            if value is None:
                response.delete_cookie(name, path="/")
            else:
                response.set_cookie(
                    name, value, path="/", httponly=True, samesite="lax", secure=self._secure
                )
        return response

    def _wrong(self, visit: Visit, error: HandrailError) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
        if isinstance(error, Stale) and "id" in visit.request.path_params:
            return visit.page(
                "changed.html", status=409, error=error, id=visit.arg("id"), kept=visit.form
            )
        return visit.page("error.html", status=status, error=error)

    def _who(self, visit: Visit) -> SignedIn | None:
        if not visit.token:
            return None
        try:
            return self._identity.who(visit.token)
        except NotSignedIn:
            return None


def cookie_name(request: Request) -> str:
    """`__Host-` where the page came by https; without it browsers refuse that prefix."""
    return "__Host-handrail" if request.url.scheme == "https" else "handrail"


def safe(path: str) -> str:
    """*path* if it is one of ours, else the inbox: no redirect leads elsewhere."""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/inbox"
    return path


async def _form(request: Request) -> Mapping[str, str] | None:
    """The fields of a form, texts only; None when it is too large."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_FORM:
        return None
    async with request.form(max_files=0, max_fields=200) as form:
        return {k: v for k, v in form.items() if isinstance(v, str)}


def _believed(visit: Visit) -> None:
    """Raise `NotAllowed` unless the form came from a page of ours, in this session."""
    site = visit.request.headers.get("sec-fetch-site")
    if site not in {None, "same-origin", "none"}:
        raise NotAllowed("this form came from another site")
    origin = visit.request.headers.get("origin")
    if origin not in {None, "null"} and urlsplit(origin or "").netloc != visit.request.url.netloc:
        raise NotAllowed("this form came from another site")
    if visit.who is None:
        return  # forms without a session: sign-in and set-up carry their own proof
    sent = visit.form.get("csrf", "")
    if not hmac.compare_digest(sent.encode(), visit.who.csrf.encode()):
        raise NotAllowed(
            "this form is not of your session", hint="Reload the page and send it again."
        )
