"""Passkeys and single sign-on in a real Chromium, with its virtual authenticator."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from handrail.clock import FakeClock
from handrail.identity import groups
from handrail.identity.oidc import Provider, Registration
from handrail.identity.passkeys import Passkeys
from handrail.identity.single_sign_on import BACK, SingleSignOn, Terms
from handrail.identity.ways import Ways
from support.authenticator import Authenticator
from support.doors import served
from support.provider import Front, free_port, provider

from .conftest import FILES, Consoled, Person, Seen

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


class Keyed(Consoled):
    """A console with passkeys, and single sign-on where a provider stands."""

    port = 0
    front: Front | None = None

    def build(self) -> Any:
        self.url = f"http://localhost:{self.port}"
        single = None
        if self.front is not None:
            self.front.clock = self.clock
            known = Registration(
                issuer=self.front.url, client_id="handrail", secret="x", redirect=self.url + BACK
            )
            single = SingleSignOn(
                self.identity,
                self.store,
                self.clock,
                Provider(known, self.clock),
                Terms(groups=groups.load(""), name="Northgate ID"),
            )
        keys = Passkeys(self.identity, self.store, self.clock, self.url)
        self.ways = Ways(provider=single, passkeys=keys)
        return super().build()


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with provider(FakeClock(datetime.now(UTC))) as front:
        front.person("ben", email="ben@x.example", email_verified=True)
        yield front


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Keyed]:
    Keyed.port, Keyed.front = free_port(), None
    doors = Keyed(tmp_path, files=FILES)
    try:
        yield doors
    finally:
        doors.close()


@pytest.fixture
def there(chromium: Browser, front: Front, tmp_path: Path) -> Iterator[Seen]:
    Keyed.port, Keyed.front = free_port(), front
    doors = Keyed(tmp_path, files=FILES)
    with served(doors.app, Keyed.port):
        seen = Seen(chromium, doors, doors.url)
        yield seen
        for context in seen.contexts:
            context.close()
    doors.close()
    assert seen.noise == []


def device(page: Page, *, verified: bool = True) -> Any:
    """A virtual authenticator of the page's browser; its CDP session and id."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verified,
        "automaticPresenceSimulation": True,
    }
    added = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, added["authenticatorId"]


def add_passkey(page: Page) -> None:
    page.goto("/settings")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_label("What you call it").fill("Laptop")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("Laptop", exact=True)).to_be_visible()


def axe(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found["violations"]]


@pytest.mark.browser
def test_a_passkey_from_adding_it_to_approving_with_it(there: Seen) -> None:
    page = there.page("per_ben")
    cdp, id = device(page)
    add_passkey(page)
    assert len(cdp.send("WebAuthn.getCredentials", {"authenticatorId": id})["credentials"]) == 1

    page.get_by_role("button", name="Sign out").first.click()
    page.goto("/login?to=/feed")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(re.compile("/feed$"))

    proposal = there.doors.propose()
    there.doors.clock.advance(timedelta(minutes=16))
    page.goto(f"/proposals/{proposal}")
    if (risk := page.locator("input[name=risk]")).count():
        risk.first.check()
    page.get_by_label(re.compile("^Note")).first.fill("Read twice")
    page.get_by_role("button", name=re.compile("^Approve")).first.click()
    expect(page.get_by_role("heading", name="Sign in again to approve")).to_be_visible()
    assert there.doors.state(proposal) == "waiting"
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="You are signed in again")).to_be_visible()
    assert there.doors.state(proposal) == "waiting"  # a passkey is not an answer
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_role("heading", name="You are signed in again")).to_be_hidden()
    assert there.doors.state(proposal) == "approved"

    page.goto("/settings")
    page.get_by_role("button", name="Remove the passkey Laptop").click()
    expect(page.get_by_text("Laptop", exact=True)).to_be_hidden()


@pytest.mark.browser
def test_a_device_that_verifies_nobody_makes_no_passkey(there: Seen) -> None:
    page = there.page("per_ben")
    device(page, verified=False)
    page.goto("/settings")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("#passkey-said")).to_contain_text("did not work")
    page.get_by_role("link", name="Back").click()
    assert there.doors.ways.passkeys.of("per_ben") == []


@pytest.mark.browser
def test_single_sign_on_in_a_browser_under_the_pages_own_policy(there: Seen) -> None:
    """The way to the provider is no redirect of a form: `form-action 'self'` would stop it."""
    for js in (True, False):
        page = there.page(None, js=js)
        page.goto("/login?to=/feed")
        page.get_by_role("button", name="Sign in with Northgate ID").click()
        page.locator("input[name=sub]").first.fill("ben")
        page.locator("input[name=sub]").first.press("Enter")
        expect(page).to_have_url(re.compile("/feed$"))


@pytest.mark.browser
def test_the_pages_of_signing_in_are_clean_in_both_themes(there: Seen) -> None:
    for scheme in ("light", "dark"):
        for size in ({}, PHONE):
            page = there.page("per_ben", **size)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            device(page)
            page.goto("/settings")
            assert axe(page) == []
            page.get_by_role("button", name="Add a passkey").click()
            expect(page.get_by_role("button", name="Make it")).to_be_visible()
            assert axe(page) == []
            page = there.page(None, **size)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.goto("/login")
            assert axe(page) == []
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0


# --- without a browser -------------------------------------------------------------------------


def challenge(page: str) -> tuple[str, str]:
    """(options, state) of the page that asks."""
    from html import unescape

    options = re.search(r'data-options="([^"]*)"', page)
    state = re.search(r'name="state" value="([^"]*)"', page)
    assert options is not None
    assert state is not None
    return unescape(options[1]), state[1]


def test_the_forms_need_their_session_and_their_own_browser(doors: Any, http: TestClient) -> None:
    ben = Person(http, doors, "per_ben")
    made = Authenticator(origin=doors.url)
    assert ben.post("/settings/passkeys", {"csrf": "forged"}).status_code == 403
    options, state = challenge(ben.post("/settings/passkeys").text)
    answer = {"state": state, "answer": made.create(options), "name": "Key"}
    with TestClient(doors.app) as other:  # the same person in a browser that was not asked
        elsewhere = Person(other, doors, "per_ben")
        assert elsewhere.post("/settings/passkeys/answer", answer).status_code == 401
    assert doors.ways.passkeys.of("per_ben") == []

    options, state = challenge(ben.post("/settings/passkeys").text)
    answer = {"state": state, "answer": made.create(options), "name": "Key"}
    assert ben.post("/settings/passkeys/answer", answer).status_code == 303
    assert "Key" in ben.get("/settings").text
    doors.clock.advance(timedelta(minutes=16))
    assert "Sign in again" in ben.post("/settings/passkeys").text


def test_a_wrong_answer_shows_the_sign_in_page_again(doors: Any, http: TestClient) -> None:
    options, state = challenge(http.post("/login/passkey", data={"to": "/feed"}).text)
    answer = Authenticator(origin=doors.url).get(options)
    page = http.post("/login/passkey/answer", data={"state": state, "answer": answer})
    assert page.status_code == 401
    assert "signs nobody in" in page.text
    assert 'name="password"' in page.text


def test_where_browsers_take_no_passkeys_nothing_offers_them(tmp_path: Path) -> None:
    plain = Consoled(tmp_path, files=FILES)
    try:
        with TestClient(plain.app) as http:
            assert "passkey" not in http.get("/login").text.lower()
            assert http.post("/login/passkey").status_code == 404
    finally:
        plain.close()
