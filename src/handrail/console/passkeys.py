"""Passkeys at the console: one's own, signing in with one, and again for a decision.

A form asks for the challenge; the page that answers holds it for `passkey.js`, whose only work is
to hand it to the browser and the answer back, in a form. Whoever has no JavaScript signs in
another way.
"""

from starlette.responses import Response

from handrail.console.account import sign_in_page, step_up_page
from handrail.console.door import Pages, Visit, cookie_name, safe
from handrail.errors import HandrailError, NotFound
from handrail.identity.passkeys import Challenge, Passkeys


def begin(visit: Visit) -> Response:
    """Ask for any passkey of this host."""
    to = safe(visit.said("to", "/inbox"))
    try:
        challenge = _passkeys(visit).begin(to)
    except HandrailError as error:
        return sign_in_page(visit, error, to=to)
    return _ask(visit, challenge, "get", "/login/passkey/answer", "/login")


def finish(visit: Visit) -> Response:
    """The browser's answer: signed in."""
    secret = _secret(visit)
    try:
        found = _passkeys(visit).finish(visit.said("state"), secret, visit.said("answer"))
    except HandrailError as error:
        return sign_in_page(visit, error, to="/inbox")
    visit.cookies[cookie_name(visit.request)] = found.token
    return visit.go(found.to)


def step_up(visit: Visit) -> Response:
    """Ask for one's own passkey for a decision; what was entered is kept."""
    to = safe(visit.said("step_up_to", "/inbox"))
    hidden = {"password", "step_up_to", "csrf", "key"}
    kept = {k: v for k, v in visit.form.items() if k not in hidden}
    try:
        challenge = _passkeys(visit).begin(to, who=visit.person, kept=kept)
    except HandrailError as error:
        return step_up_page(visit, error, to=to, kept=kept)
    return _ask(visit, challenge, "get", "/step-up/passkey/answer", to.rsplit("/", 1)[0] or "/")


def stepped_up(visit: Visit) -> Response:
    """The browser's answer: signed in again, and nothing decided yet."""
    visit.back = "/inbox"
    _ = visit.person
    found = _passkeys(visit).finish(
        visit.said("state"), _secret(visit), visit.said("answer"), session=visit.token
    )
    visit.cookies[cookie_name(visit.request)] = found.token
    visit.who = found.who
    visit.shown_at = "/inbox"
    return visit.page("step_up_go.html", kept=found.kept, to=safe(found.to))


def add(visit: Visit) -> Response:
    """Ask the browser for a new passkey."""
    visit.back = "/settings"
    challenge = _passkeys(visit).begin_adding(visit.person)
    return _ask(visit, challenge, "create", "/settings/passkeys/answer", "/settings")


def added(visit: Visit) -> Response:
    """Keep it under the name that the person gives it."""
    visit.back = "/settings"
    _passkeys(visit).add(
        visit.person, visit.said("name"), visit.said("state"), _secret(visit), visit.said("answer")
    )
    return visit.go("/settings")


def remove(visit: Visit) -> Response:
    """Remove one of one's own."""
    visit.back = "/settings"
    _passkeys(visit).remove(visit.person, visit.said("id"))
    return visit.go("/settings")


def _ask(visit: Visit, challenge: Challenge, work: str, action: str, back: str) -> Response:
    visit.cookies[_cookie(visit)] = challenge.secret
    visit.shown_at = "/inbox"
    return visit.page(
        "passkey.html", work=work, challenge=challenge, action=action, back=safe(back)
    )


def _secret(visit: Visit) -> str:
    visit.cookies[_cookie(visit)] = None
    return visit.request.cookies.get(_cookie(visit), "")


def _cookie(visit: Visit) -> str:
    return cookie_name(visit.request, "handrail-passkey")


def _passkeys(visit: Visit) -> Passkeys:
    if visit.ways.passkeys is None:
        raise NotFound(
            "there are no passkeys here", hint="They need https and a name; see the how-to."
        )
    return visit.ways.passkeys


PAGES: Pages = (
    ("/login/passkey", ("POST",), begin),
    ("/login/passkey/answer", ("POST",), finish),
    ("/step-up/passkey", ("POST",), step_up),
    ("/step-up/passkey/answer", ("POST",), stepped_up),
    ("/settings/passkeys", ("POST",), add),
    ("/settings/passkeys/answer", ("POST",), added),
    ("/settings/passkeys/removal", ("POST",), remove),
)
