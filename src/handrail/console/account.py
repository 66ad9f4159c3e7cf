"""Signing in and out, set-up, stepping up, confirming a terminal, and one's own wishes."""

from collections.abc import Mapping

from starlette.responses import Response

from handrail.console.door import Pages, Visit, cookie_name, safe, status_of
from handrail.console.render import KEYS_COOKIE, THEME_COOKIE, THEMES
from handrail.errors import BadInput, HandrailError

_YEAR = 365 * 24 * 3600  # seconds


def login(visit: Visit) -> Response:
    """The sign-in page."""
    if visit.who is not None:
        return visit.go(visit.query("to", "/inbox"))
    return sign_in_page(visit, None, to=visit.query("to", "/inbox"))


def sign_in(visit: Visit) -> Response:
    """Sign in by password; a failure says the same for every reason."""
    email, to = visit.said("email"), visit.said("to", "/inbox")
    address = visit.request.client.host if visit.request.client else ""
    try:
        token, _ = visit.identity.sign_in(
            email, visit.said("password"), via="console", address=address
        )
    except HandrailError as error:
        return sign_in_page(visit, error, to=to, email=email)
    visit.cookies[cookie_name(visit.request)] = token
    return visit.go(safe(to))


def sign_in_page(
    visit: Visit, error: HandrailError | None, *, to: str, email: str = ""
) -> Response:
    """The sign-in page with every way there is, and what went wrong."""
    status = status_of(error) if error else 200
    return visit.page("login.html", status=status, to=to, error=error, email=email)


def step_up_page(
    visit: Visit, error: HandrailError, *, to: str, kept: Mapping[str, str]
) -> Response:
    """The page that asks to sign in again, with what went wrong."""
    return visit.page("step_up.html", status=status_of(error), kept=kept, to=to, error=error)


def step_up(visit: Visit) -> Response:
    """Sign in again for a decision; what was entered goes on to where it was going."""
    to = safe(visit.said("step_up_to", "/inbox"))
    kept = {k: v for k, v in visit.form.items() if k not in {"password", "step_up_to", "csrf"}}
    try:
        token, who = visit.identity.step_up(visit.token, visit.said("password"))
    except HandrailError as error:
        return step_up_page(visit, error, to=to, kept=kept)
    visit.cookies[cookie_name(visit.request)] = token
    visit.who = who
    return visit.page("step_up_go.html", kept=kept, to=to)


def sign_out(visit: Visit) -> Response:
    """End the session."""
    visit.identity.sign_out(visit.token)
    visit.cookies[cookie_name(visit.request)] = None
    return visit.go("/login")


def set_up(visit: Visit) -> Response:
    """The page behind a one-time link. Looking at it uses nothing up."""
    link = visit.identity.link(visit.arg("token"))
    return visit.page("setup.html", token=visit.arg("token"), invited=link["person"], error=None)


def set_up_now(visit: Visit) -> Response:
    """Use the link: the first person, or a password for an invited one."""
    token = visit.arg("token")
    link = visit.identity.link(token)
    try:
        if visit.said("password") != visit.said("again"):
            raise BadInput("the two passwords differ", hint="Type it again.")
        session, _ = visit.identity.set_up(
            token, visit.said("name"), visit.said("email"), visit.said("password")
        )
    except BadInput as error:
        return visit.page(
            "setup.html", status=422, token=token, invited=link["person"], error=error
        )
    visit.cookies[cookie_name(visit.request)] = session
    return visit.go("/inbox")


def device(visit: Visit) -> Response:
    """Where a person confirms the code that their terminal shows."""
    _ = visit.person
    return visit.page("device.html", done=visit.query("done") == "1", code=visit.query("code"))


def device_confirm(visit: Visit) -> Response:
    """Sign the terminal in as this person."""
    visit.back = "/device"
    visit.identity.device_confirm(visit.person, visit.said("code"))
    return visit.go("/device?done=1")


def wishes(visit: Visit) -> Response:
    """How one's own console looks, and whether single letters do anything (WCAG 2.1.4)."""
    _ = visit.person
    theme = visit.said("theme")
    response = visit.go("/settings")
    for name, value in (
        (THEME_COOKIE, theme if theme in THEMES else THEMES[0]),
        (KEYS_COOKIE, "on" if visit.said("letters") == "1" else "off"),
    ):
        response.set_cookie(name, value, max_age=_YEAR, path="/", httponly=True, samesite="lax")
    return response


PAGES: Pages = (
    ("/login", ("GET",), login),
    ("/login", ("POST",), sign_in),
    ("/step-up", ("POST",), step_up),
    ("/logout", ("POST",), sign_out),
    ("/setup/{token}", ("GET",), set_up),
    ("/setup/{token}", ("POST",), set_up_now),
    ("/device", ("GET",), device),
    ("/device", ("POST",), device_confirm),
    ("/settings/wishes", ("POST",), wishes),
)
