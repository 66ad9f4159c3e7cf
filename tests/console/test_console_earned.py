"""What an action type has earned, and what broke, as people see it and decide on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from support.earning import TYPE, ask, decided, earn, files, rehearsed

from .conftest import Consoled, Person


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Consoled]:
    made = Consoled(tmp_path, files=files())
    try:
        yield made
    finally:
        made.close()


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_evidence_stands_on_the_row_and_people_promote_demote_and_release(
    doors: Consoled, http: TestClient
) -> None:
    decided(doors.house, 6, deny=(2,))
    page = words(Person(http, doors, "per_anna").get(f"/matrix/{TYPE}").text)
    assert "Denied: would harm" in page  # what speaks against it stands first
    assert page.index("Denied: would harm") < page.index("Rate missing")
    assert "more clean decisions in a row would be enough" in page
    assert "Promote to tier" not in page

    earn(doors.house, 120)
    desk = Person(http, doors, "per_dan")  # it is two months later
    text = desk.get(f"/matrix/{TYPE}").text
    assert "Nominated for tier 2" in words(text)
    (digest,) = re.findall(r'name="evidence" value="([0-9a-f]{64})"', text)
    assert TYPE in words(desk.get("/matrix").text).split("Find")[0]
    form = {"evidence": digest, "rationale": "it went well"}
    assert desk.post(f"/matrix/{TYPE}/promotion", form).status_code == 303
    assert ask(doors.house).tier == 2
    assert "tier 2 here" in words(desk.get(f"/matrix/{TYPE}").text)

    anyone = Person(http, doors, "per_eve")
    anyone.client.cookies.set("handrail", doors.session("per_eve"))
    done = anyone.post(f"/matrix/{TYPE}/demotion", {"reason": "I saw it fail", "client": ""})
    assert done.status_code == 303
    assert "I saw it fail." in words(anyone.get(f"/matrix/{TYPE}").text)
    assert ask(doors.house).tier == 3
    assert anyone.post(f"/matrix/{TYPE}/release", {"reason": "ok"}).status_code == 403
    desk.client.cookies.set("handrail", doors.session("per_dan"))
    assert desk.post(f"/matrix/{TYPE}/release", {"reason": "looked"}).status_code == 303
    assert "I saw it fail" not in words(desk.get(f"/matrix/{TYPE}").text)


def test_an_open_breaker_stands_in_the_top_bar_and_people_close_it(
    doors: Consoled, http: TestClient
) -> None:
    doors.house.upstream.fault = lambda order: "failed"
    for _ in range(3):
        doors.house.act("restart_service")
    doors.house.s.evidence.once()
    doors.house.middle.keeper.forget()
    desk = Person(http, doors, "per_dan")
    assert "3 breakers open" in words(desk.get("/inbox").text)
    page = desk.get("/breakers").text
    assert "Breaker: up.restart_service at Acme" in words(page)
    (id, *_) = re.findall(r'id="(brk_[^"]+)"', page)
    form = {"cause": "a bug", "remedy": "fixed"}
    assert desk.post(f"/breakers/{id}/probation", form).status_code == 303
    assert desk.post(f"/breakers/{id}/closure", {"reason": "it went well"}).status_code == 303
    assert "You proposed this. A second person must agree." in words(desk.get("/breakers").text)
    second = Person(http, doors, "per_ben")
    assert second.post(f"/breakers/{id}/closure", {"reason": "agreed"}).status_code == 303
    assert "2 breakers open" in words(second.get("/breakers").text)
    assert "Closed by Ben." in words(second.get("/breakers").text)


def test_an_agents_key_and_a_stranger_move_nothing(doors: Consoled, http: TestClient) -> None:
    rehearsed(doors.house)
    for path in (f"/matrix/{TYPE}/promotion", f"/matrix/{TYPE}/demotion", "/breakers/x/closure"):
        assert http.post(path, data={"reason": "x"}, follow_redirects=False).status_code == 401
    key = {"Authorization": f"Bearer {doors.key()}"}
    body = {"reason": "x"}
    for path in (f"matrix/{TYPE}/demotion", f"matrix/{TYPE}/release", "breakers/x/close"):
        assert http.post(f"/v1/{path}", json=body, headers=key).status_code == 403
