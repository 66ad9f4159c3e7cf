"""A new installation, as its first person meets it: from the set-up link to a policy in force."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from handrail import config
from handrail.clock import FakeClock
from handrail.serving import application
from handrail.wiring import House, build

PASSWORD = "correct horse battery staple"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = build(config.load({}, data=tmp_path / "data"), clock=FakeClock())
    found.start()
    yield found
    found.close()


@pytest.fixture
def first(house: House) -> Iterator[TestClient]:
    """The first person, signed in by the link that the server prints."""
    with TestClient(application(house), base_url="http://127.0.0.1:8640") as http:
        form = {"name": "Ann", "email": "a@x.example", "password": PASSWORD, "again": PASSWORD}
        answer = http.post(f"/setup/{house.identity.set_up_link()}", data=form)
        assert answer.status_code == 200, answer.text[:300]
        yield http


def fields(page: str) -> dict[str, str]:
    """What the hidden fields of a form hold."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def done(page: str) -> list[str]:
    """The titles of the steps that are done."""
    cards = re.findall(
        r'<h2 id="s-[a-z]+">([^<]+)</h2><span class="end"><span class="chip( ok)?">', page
    )
    return [title for title, ok in cards if ok]


def test_a_new_installation_leads_to_first_steps_and_begins_with_one_click(
    house: House, first: TestClient
) -> None:
    page = first.get("/inbox")
    assert page.url.path == "/start"
    assert "0 of 7 are done" in page.text
    assert done(page.text) == []

    answer = first.post("/start/policy", data=fields(page.text))

    assert answer.url.path == "/start"
    assert done(answer.text) == ["A policy is in force"]
    policy = house.services.policies.current()
    assert len(policy.rows) > 20
    assert not any(row.signed for row in policy.matrix())  # nothing runs alone before people sign
    assert any(policy.ground([str(house.settings.data).lower()]))  # its own ground is in it
    assert first.get("/inbox").url.path == "/inbox"
    assert first.get("/matrix").status_code == 200


def test_what_is_done_is_looked_up_and_never_ticked_off(house: House, first: TestClient) -> None:
    first.post("/start/policy", data=fields(first.get("/start").text))
    house.services.directory.set_client(None, "acme", "Acme")
    house.services.directory.add_person(None, "Ben", "b@x.example", [])

    assert done(first.get("/start").text) == [
        "A policy is in force", "A second person", "Your clients",
    ]  # fmt: skip


def test_a_second_starter_policy_is_refused(first: TestClient) -> None:
    page = first.get("/start").text
    first.post("/start/policy", data=fields(page))

    again = first.post("/start/policy", data={**fields(page), "key": "another"})

    assert again.status_code == 409
    assert "in force already" in again.text
