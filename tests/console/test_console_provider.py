"""Single sign-on at the console: the forms, the way back, and who can't be led astray."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from starlette.testclient import TestClient

from handrail.clock import FakeClock
from handrail.identity import groups
from handrail.identity.oidc import Provider, Registration
from handrail.identity.single_sign_on import BACK, SingleSignOn, Terms
from handrail.identity.ways import Ways
from support.provider import Front, provider

from .conftest import FILES, URL, Consoled, Person

BEN = {"email": "ben@x.example", "email_verified": True, "groups": []}


class Through(Consoled):
    """A console with single sign-on."""

    front: Front

    def build(self) -> Any:
        known = Registration(
            issuer=self.front.url, client_id="handrail", secret="x", redirect=URL + BACK
        )
        terms = Terms(groups=groups.load("Leads: security-lead"), name="Northgate ID")
        way = SingleSignOn(
            self.identity, self.store, self.clock, Provider(known, self.clock), terms
        )
        self.ways = Ways(provider=way)
        self.front.clock = self.clock
        return super().build()


@pytest.fixture(scope="module")
def real() -> Iterator[Front]:
    with provider(FakeClock(datetime.now(UTC))) as front:
        yield front


@pytest.fixture
def doors(tmp_path: Path, real: Front) -> Iterator[Through]:
    real.answer, real.alter = {}, None
    real.person("ben", **BEN)
    Through.front = real
    doors = Through(tmp_path, files=FILES)
    try:
        yield doors
    finally:
        doors.close()


def leads_to(response: Any) -> str:
    """Where the page goes on to by itself."""
    assert response.status_code == 200, response.text
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', response.text)
    assert found is not None
    return unescape(found[1])


def way_back(front: Front, url: str, sub: str = "ben") -> str:
    return BACK + "?" + "&".join(f"{k}={v}" for k, v in front.consent(url, sub).items())


def sign_in(http: TestClient, front: Front, to: str = "/feed", sub: str = "ben") -> Any:
    begun = http.post(BACK, data={"to": to})
    return http.get(way_back(front, leads_to(begun), sub), follow_redirects=False)


def test_the_sign_in_page_offers_both_ways_and_the_provider_signs_in(doors, http, real):
    page = http.get("/login").text
    assert "Sign in with Northgate ID" in page
    assert 'name="password"' in page

    back = sign_in(http, real)

    assert (back.status_code, back.headers["location"]) == (303, "/feed")
    kept = [h for h in back.headers.get_list("set-cookie") if h.startswith("handrail=")]
    assert len(kept) == 1
    assert "httponly" in kept[0].lower()
    assert "samesite=lax" in kept[0].lower()
    assert http.get("/feed").status_code == 200
    # The secret of the way there is gone.
    assert any('handrail-sign-in=""' in h for h in back.headers.get_list("set-cookie"))


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_no_sign_in_leads_elsewhere(doors, http, real, to):
    assert sign_in(http, real, to).headers["location"] == "/inbox"


def test_the_way_back_works_once_in_one_browser_and_never_by_head(doors, http, real):
    url = way_back(real, leads_to(http.post(BACK, data={"to": "/feed"})))
    http.head(url)
    with TestClient(doors.app) as other:  # another person's link
        refused = other.get(url, follow_redirects=False)
        assert refused.status_code == 401
        assert "handrail=" not in str(refused.headers.get("set-cookie"))
    assert http.get(url, follow_redirects=False).status_code == 401  # used up by that


def test_a_session_that_was_there_before_is_not_raised(doors, http, real):
    """Session fixation: signing in makes a token that nobody had."""
    http.cookies.set("handrail", "planted")
    assert sign_in(http, real).status_code == 303
    tokens = [c.value for c in http.cookies.jar if c.name == "handrail"]
    assert any(t != "planted" for t in tokens)
    with TestClient(doors.app) as other:
        other.cookies.set("handrail", "planted")
        assert other.get("/feed", follow_redirects=False).status_code == 303


def test_a_form_of_another_site_begins_nothing(doors, http, real):
    response = http.post(BACK, data={"to": "/"}, headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 403


def test_a_provider_that_is_away_is_said_and_the_password_stays(doors, http, real):
    real.answer["/.well-known/openid-configuration"] = Response(status_code=503)
    page = http.post(BACK, data={"to": "/feed"})
    assert page.status_code == 503
    assert "be reached" in page.text
    assert 'name="password"' in page.text


def test_without_passwords_the_pages_ask_for_none(doors, http, real):
    doors.identity.with_passwords = False
    page = http.get("/login").text
    assert 'name="password"' not in page
    assert http.post("/login", data={"email": "a", "password": "b"}).status_code == 403


def test_stepping_up_at_the_provider_keeps_what_was_entered(doors, http, real):
    ben = Person(http, doors, "per_ben")
    proposal = doors.propose()
    doors.clock.advance(timedelta(minutes=16))
    asked = ben.answer(proposal, "approve", risk="1", note="Read twice")
    assert asked.status_code == 403
    assert "Sign in again with Northgate ID" in asked.text
    gone = ben.post("/step-up/provider", _hidden(asked.text))

    back = http.get(way_back(real, leads_to(gone)), follow_redirects=False)

    assert back.status_code == 200
    assert "You are signed in again" in back.text
    assert "code=" not in back.text  # a live page never fetches the way back again
    assert doors.state(proposal) == "waiting"  # coming back decides nothing
    kept = _hidden(back.text)
    assert kept["note"] == "Read twice"
    sent = http.post(f"/proposals/{proposal}/answers", data=kept, follow_redirects=False)
    assert sent.status_code == 303
    assert doors.state(proposal) == "approved"


def test_a_step_up_that_came_back_as_somebody_else_raises_nothing(doors, http, real):
    ben = Person(http, doors, "per_ben")
    real.person("anna", email="anna@x.example", email_verified=True)
    gone = ben.post("/step-up/provider", {"step_up_to": "/inbox"})
    back = http.get(way_back(real, leads_to(gone), "anna"), follow_redirects=False)
    assert back.status_code == 401
    assert "somebody else" in back.text
    assert doors.identity.who(doors.session("per_ben")).person == "per_ben"


def _hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_without_a_provider_there_is_no_way_there(tmp_path):
    plain = Consoled(tmp_path, files=FILES)
    try:
        with TestClient(plain.app) as http:
            assert "Northgate ID" not in http.get("/login").text
            assert http.post(BACK, data={"to": "/"}).status_code == 404
            assert http.get(BACK).status_code == 404
    finally:
        plain.close()
