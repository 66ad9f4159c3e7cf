"""A house with a console: real pages over real services, on a clock that obeys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.testclient import TestClient

from handrail import console
from handrail.channels.console import ConsoleChannel
from handrail.identity.ways import Ways
from support.doors import Doors, served
from support.house import SIGNED, policy_files, row

URL = "http://testserver"
DESKTOP = {"viewport": {"width": 1360, "height": 900}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()


class Consoled(Doors):
    """Doors with the console beside the API; `url` is where the browser finds it."""

    url = URL
    ways = Ways()

    def build(self) -> FastAPI:
        app = super().build()
        console.mount(
            app,
            self.house.s,
            self.identity,
            self.clock,
            url=self.url,
            ways=self.ways,
            organisation=lambda: "Northgate Managed IT",
            present=ConsoleChannel(self.clock),
        )
        return app

    def size(self) -> int:
        """How long the record is."""
        return int(self.house.s.record.status()["size"])

    def csrf(self, person: str) -> str:
        return self.identity.who(self.session(person)).csrf

    def propose(self, tool: str = "add_firewall_rule", **arguments: Any) -> str:
        """A tier 3 call of the agent; its proposal's id."""
        acted = self.house.act(tool, **arguments)
        assert acted.proposal, acted
        self.house.sweep()
        return str(acted.proposal)

    def another_version(self, proposal: str) -> None:
        """A question is asked and answered, so that the next version waits."""
        self.house.answer("per_ben", proposal, "ask", note="Which port?")
        with self.store.read() as reader:
            found = reader.proposal(proposal)
        assert found is not None
        self.house.s.govern.answer_question(
            self.house.agent(), found["action"], "TCP 443, and nothing else."
        )

    def draft(self) -> str:
        """A draft of the policy that lowers a row, adds an unsigned one, and has a mistake."""
        drafts, who = self.house.s.drafts, self.house.who("per_anna")
        id = str(drafts.start(who, "less waiting for licences")["id"])
        found = drafts.show(id)
        text = found["files"]["matrix/all.yaml"].replace("tier: 2", "tier: 1")
        drafts.write(who, id, "matrix/all.yaml", text, found["digest"])
        new = "# Drafted by the import.\nrows:\n" + row("up.get_licences_again", 1)
        drafts.write(who, id, "matrix/new.yaml", new, drafts.show(id)["digest"])
        return id

    def state(self, proposal: str) -> str:
        """Where the newest version stands."""
        found = self.house.s.read.package(proposal, None, self.house.who("per_ben"))
        return str(found["state"])


FILES = policy_files(
    **{
        "matrix/two.yaml": SIGNED
        + "rows:\n"
        + row("up.unsigned_thing", 3, category="network", approvals="2", risk="The site goes dark"),
    }
)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Consoled]:
    doors = Consoled(tmp_path, files=FILES)
    try:
        yield doors
    finally:
        doors.close()


class Person:
    """Someone at a browser without a screen: pages and forms over HTTP, in one session."""

    def __init__(self, client: TestClient, doors: Consoled, who: str) -> None:
        self.client, self.doors, self.who, self.sent = client, doors, who, 0
        client.cookies.set("handrail", doors.session(who))

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, follow_redirects=False, **more)

    def post(self, path: str, data: dict[str, str] | None = None, **more: Any) -> Any:
        """Send a form as a page of ours would; *data* overrides what such a form carries."""
        self.sent += 1
        form = {"csrf": self.doors.csrf(self.who), "key": f"key-{self.who}-{self.sent}"}
        return self.client.post(path, data={**form, **(data or {})}, follow_redirects=False, **more)

    def answer(self, proposal: str, kind: str, **fields: str) -> Any:
        """Answer as the package's form would."""
        page = self.doors.house.s.read.package(proposal, None, self.doors.house.who(self.who))
        form = {"answer": kind, "package_digest": page["package_digest"], "version": "1"}
        return self.post(f"/proposals/{proposal}/answers", {**form, **fields})


@pytest.fixture
def http(doors: Consoled) -> Iterator[TestClient]:
    with TestClient(doors.app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ben(doors: Consoled, http: TestClient) -> Person:
    """The on-call senior: may decide."""
    return Person(http, doors, "per_ben")


@pytest.fixture
def dan(doors: Consoled) -> Iterator[Person]:
    """The service desk manager, who sponsors the agent and keeps the directory."""
    with TestClient(doors.app, raise_server_exceptions=False) as client:
        yield Person(client, doors, "per_dan")


@pytest.fixture
def anna(doors: Consoled) -> Iterator[Person]:
    """Account engineer, and over the service desk like Dan."""
    with TestClient(doors.app, raise_server_exceptions=False) as client:
        yield Person(client, doors, "per_anna")


@pytest.fixture
def eve(doors: Consoled) -> Iterator[Person]:
    """Someone without any role."""
    with TestClient(doors.app, raise_server_exceptions=False) as client:
        yield Person(client, doors, "per_eve")


# --- real browsers ---------------------------------------------------------------------------


# Playwright keeps an event loop running in this thread; other modules want to start their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


class Seen:
    """A served console, and people's browsers that look at it. Each must keep a quiet console."""

    def __init__(self, browser: Browser, doors: Consoled, url: str) -> None:
        self.browser, self.doors, self.url = browser, doors, url
        self.contexts: list[BrowserContext] = []
        self.noise: list[str] = []

    def page(self, who: str | None = "per_anna", *, js: bool = True, **device: Any) -> Page:
        """A new browser of *who*, signed in; of nobody when None."""
        context = self.browser.new_context(
            base_url=self.url,
            java_script_enabled=js,
            reduced_motion="reduce",
            **(device or DESKTOP),
        )
        self.contexts.append(context)
        context.set_default_timeout(10_000)
        if who is not None:
            session = {"name": "handrail", "value": self.doors.session(who), "url": self.url}
            context.add_cookies([session])
        page = context.new_page()
        page.on("pageerror", lambda error: self.noise.append(str(error)))
        page.on("console", self._hear)
        page.on("dialog", lambda dialog: self.noise.append(f"dialog: {dialog.message}"))
        return page

    def _hear(self, message: Any) -> None:
        # A refused answer is logged as a failed load; what matters here is scripts and policies.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.noise.append(message.text)


@pytest.fixture
def seen(chromium: Browser, doors: Consoled) -> Iterator[Seen]:
    with served(doors.app) as url:
        seen = Seen(chromium, doors, url)
        yield seen
        for context in seen.contexts:
            context.close()
    assert seen.noise == []
