"""Signing in, and again for a decision, through the single sign-on provider.

* It begins with a form. The page that answers leads on by itself, without JavaScript, and is no
  redirect: browsers hold redirects of a form to our own `form-action`.
* The browser keeps a secret meanwhile; without it what comes back opens nothing.
* Coming back is a GET, as the protocol has it. It signs in, and decides nothing (UX 1.6).
"""

from starlette.responses import Response

from handrail.console.account import sign_in_page, step_up_page
from handrail.console.door import Pages, Visit, cookie_name, safe
from handrail.errors import HandrailError, NotFound
from handrail.identity.single_sign_on import BACK, SingleSignOn


def begin(visit: Visit) -> Response:
    """Off to the provider."""
    to = safe(visit.said("to", "/inbox"))
    try:
        leaving = _provider(visit).begin(to)
    except HandrailError as error:
        return sign_in_page(visit, error, to=to)
    visit.cookies[_secret(visit)] = leaving.secret
    return visit.page("provider_go.html", url=leaving.url, provider=_provider(visit).name)


def step_up(visit: Visit) -> Response:
    """Off to the provider to sign in anew for a decision; what was entered is kept."""
    _ = visit.person
    to = safe(visit.said("step_up_to", "/inbox"))
    kept = {
        k: v for k, v in visit.form.items() if k not in {"password", "step_up_to", "csrf", "key"}
    }
    try:
        leaving = _provider(visit).begin(to, session=visit.token, kept=kept)
    except HandrailError as error:
        return step_up_page(visit, error, to=to, kept=kept)
    visit.cookies[_secret(visit)] = leaving.secret
    visit.shown_at = "/inbox"
    return visit.page("provider_go.html", url=leaving.url, provider=_provider(visit).name)


def back(visit: Visit) -> Response:
    """The provider's answer. Whatever comes of it, it can't be used again."""
    if visit.request.method == "HEAD":
        return Response()
    try:
        back = _provider(visit).finish(
            state=visit.query("state"),
            secret=visit.request.cookies.get(_secret(visit), ""),
            code=visit.request.query_params.get("code", "")[:4000],
            error=visit.query("error"),
            iss=visit.query("iss"),
            session=visit.token,
        )
    except HandrailError as error:
        visit.cookies[_secret(visit)] = None
        return sign_in_page(visit, error, to="/inbox")
    visit.cookies[_secret(visit)] = None
    visit.cookies[cookie_name(visit.request)] = back.token
    visit.who = back.who
    if back.stepped_up:
        visit.shown_at = "/inbox"
        return visit.page("step_up_go.html", kept=back.kept, to=safe(back.to))
    return visit.go(back.to)


def _provider(visit: Visit) -> SingleSignOn:
    if visit.ways.provider is None:
        raise NotFound("no single sign-on is set up here", hint="Sign in with your password.")
    return visit.ways.provider


def _secret(visit: Visit) -> str:
    return cookie_name(visit.request, "handrail-sign-in")


PAGES: Pages = (
    (BACK, ("POST",), begin),
    (BACK, ("GET",), back),
    ("/step-up/provider", ("POST",), step_up),
)
