"""What every page goes through: who is it, may this form be believed, and how errors look.

* GET and HEAD change nothing (UX 1.6).
* A POST is believed with a session, the form's own token, and a same-site fetch (UX 8), and is
  answered once (`once`).
* Pages run in threads, since everything behind the doors is synchronous.
"""

import hmac
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from handrail.clock import Clock
from handrail.console.once import Once
from handrail.console.render import Renderer
from handrail.core.model import SignedIn
from handrail.errors import (
    BadInput,
    Conflict,
    HandrailError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ReachError,
    Refused,
    StepUpNeeded,
    TooMany,
    Unavailable,
)
from handrail.identity.identity import Identity
from handrail.identity.ways import Ways
from handrail.service import Services
from handrail.service.shapes import InboxRow

log = structlog.get_logger(__name__)

MAX_FORM = 256 * 1024  # bytes
NEWEST = 1 << 62  # a position that no record reaches
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
    (Refused, 422),
    (ReachError, 502),
    (Unavailable, 503),
)
#: Fields of a form that are never shown back.
_HIDDEN = frozenset({"csrf", "key", "password", "again", "step_up_to", "package_digest", "to"})


class Present(Protocol):
    """Hears that a person has a live page open (`channels.console`)."""

    def present(self, person: str) -> None: ...


@dataclass
class Visit:
    """One request of a page, understood: what a page function works with."""

    request: Request
    services: Services
    identity: Identity
    ways: Ways
    clock: Clock
    renderer: Renderer
    who: SignedIn | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    cookies: dict[str, str | None] = field(default_factory=dict)
    back: str = "/inbox"  #: where a page of errors leads back to
    shown_at: str = ""  #: where a live page finds itself anew, if not at its own address
    after: int = 0  #: length of the record before anything of the page was read

    @property
    def person(self) -> SignedIn:
        """The signed-in person. Raises `NotSignedIn`."""
        if self.who is None:
            raise NotSignedIn("sign in first")
        return self.who

    @property
    def token(self) -> str:
        """The session token that the browser sent."""
        return self.request.cookies.get(cookie_name(self.request), "")

    @cached_property
    def inboxes(self) -> Mapping[str, list[InboxRow]]:
        """The person's inbox by tab, read once a page: the frame counts it too."""
        found: Mapping[str, Any] = self.services.read.inboxes(self.person)
        return found

    def arg(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A part of the query, capped."""
        return self.request.query_params.get(name, default)[:500]

    def choice(self, name: str, among: Mapping[str, Any]) -> str:
        """A part of the query that is one of *among*, by default the first."""
        found = self.query(name)
        return found if found in among else next(iter(among))

    def said(self, name: str, default: str = "") -> str:
        """A field of the form."""
        return self.form.get(name, default)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Render a page."""
        return HTMLResponse(self.renderer.page(template, self, values), status_code=status)

    def go(self, path: str) -> Response:
        """Send the browser to a page of ours, after a form."""
        return RedirectResponse(safe(path), status_code=303)


Page = Callable[[Visit], Response]
#: What a module of pages offers: path, methods, page.
Pages = tuple[tuple[str, tuple[str, ...], Page], ...]


class Door:
    """Makes routes of page functions."""

    def __init__(
        self,
        services: Services,
        identity: Identity,
        ways: Ways,
        clock: Clock,
        renderer: Renderer,
        *,
        secure: bool,
    ) -> None:
        self._services = services
        self._identity = identity
        self._ways = ways
        self._clock = clock
        self._renderer = renderer
        self._secure = secure
        self._once = Once()

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
            request,
            self._services,
            self._identity,
            self._ways,
            self._clock,
            self._renderer,
            form=form or {},
        )
        try:
            visit.who = self._who(visit)
            visit.after, _ = self._services.read.changes(NEWEST)
            posted = request.method == "POST"
            response = self._posted(work, visit, form) if posted else work(visit)
        except StepUpNeeded:
            return visit.page("step_up.html", status=403, kept=visit.form, to=request.url.path)
        except NotSignedIn as error:
            return _sign_in_first(visit, error)
        except HandrailError as error:
            return wrong(visit, error)
        except Exception as error:  # noqa: BLE001 - the edge: people get a page and a number
            return _unforeseen(visit, error)
        for name, value in visit.cookies.items():
            if value is None:
                response.delete_cookie(name, path="/", secure=self._secure)
            else:
                response.set_cookie(
                    name, value, path="/", httponly=True, samesite="lax", secure=self._secure
                )
        return response

    def _posted(self, work: Page, visit: Visit, form: Mapping[str, str] | None) -> Response:
        if form is None:
            raise BadInput("the form is too large", hint="Shorten what you wrote.")
        _believed(visit)
        if visit.who is None:
            return work(visit)  # sign-in and set-up carry their own proof
        key = visit.said("key")
        if not key:
            raise BadInput("this form has no key", hint="Reload the page and send it again.")
        return self._once.run((visit.who.person, visit.request.url.path, key), lambda: work(visit))

    def _who(self, visit: Visit) -> SignedIn | None:
        if not visit.token:
            return None
        try:
            return self._identity.who(visit.token)
        except NotSignedIn:
            return None


def wrong(visit: Visit, error: HandrailError) -> Response:
    """The page of an error: what is wrong, what to do, and what was entered, kept."""
    return visit.page(
        "error.html", status=status_of(error), error=error, back=safe(visit.back),
        kept={k: v for k, v in visit.form.items() if v.strip() and k not in _HIDDEN},
    )  # fmt: skip


def status_of(error: HandrailError) -> int:
    """The HTTP status of *error*."""
    return next((code for kind, code in _STATUS if isinstance(error, kind)), 500)


def cookie_name(request: Request, name: str = "handrail") -> str:
    """`__Host-` where the page came by https; without it browsers refuse that prefix."""
    return f"__Host-{name}" if request.url.scheme == "https" else name


def safe(path: str) -> str:
    """*path* if it is one of ours, else the inbox: no redirect leads elsewhere."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if ours and not parts.scheme and not parts.netloc else "/inbox"


def _sign_in_first(visit: Visit, error: NotSignedIn) -> Response:
    url = visit.request.url
    if visit.request.method not in {"GET", "HEAD"}:
        return visit.page("error.html", status=401, error=error, back="/login", kept={})
    if "hx-request" in visit.request.headers:
        # A live page fetches itself: it must not put a sign-in form where a list was.
        return Response(status_code=401)
    back = url.path + (f"?{url.query}" if url.query else "")
    return RedirectResponse(f"/login?to={quote(back)}", status_code=303)


def _unforeseen(visit: Visit, error: Exception) -> Response:
    number = secrets.token_hex(4)
    # Formatted here, without the values of variables: those may be passwords.
    trace = "".join(traceback.format_exception(error))
    log.error("page failed", number=number, path=visit.request.url.path, trace=trace)
    changed = visit.request.method not in {"GET", "HEAD"}
    html = visit.renderer.bare("broken.html", {"number": number, "changed": changed})
    return HTMLResponse(html, status_code=500)


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
    if not hmac.compare_digest(visit.said("csrf").encode(), visit.who.csrf.encode()):
        raise NotAllowed(
            "this form is not of your session", hint="Reload the page and send it again."
        )
