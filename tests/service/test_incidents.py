"""Incidents: opened by people, checks and signed reports; linked, followed up, closed (SPEC 1, 7)."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from handrail.api import incident_hook
from handrail.channels.incoming import Incoming, sources
from handrail.channels.webhook import signature
from handrail.errors import BadInput, Closed, NotAllowed, NotFound
from support.doors import Doors, opened

KEY, OTHER = b"k" * 32, b"o" * 32


def line(name: str, key: bytes) -> str:
    return f"{name} whsec_{base64.b64encode(key).decode()}\n"


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with opened(tmp_path) as doors:
        yield doors


@pytest.fixture
def http(doors: Doors) -> Iterator[TestClient]:
    known = Incoming(sources(line("halo", KEY) + line("monitor", OTHER)))
    incident_hook.mount(doors.app, known, doors.house.s, doors.clock)
    with TestClient(doors.app, raise_server_exceptions=False) as client:
        yield client


def send(http: TestClient, doors: Doors, body: Any, *, id: str = "msg_1", key: bytes = KEY,
         age: int = 0, **headers: str) -> Any:  # fmt: skip
    raw, at = orjson.dumps(body), int(doors.clock.now().timestamp()) - age
    sent = {
        "webhook-id": id, "webhook-timestamp": str(at),
        "webhook-signature": "v1,other " + signature(key, id, at, raw), **headers,
    }  # fmt: skip
    return http.post("/hooks/incidents", content=raw, headers=sent)


HARM = {"severity": "significant", "title": "The printers are gone", "hit": True}


def test_a_ticket_system_reports_harm_once(doors: Doors, http: TestClient) -> None:
    house = doors.house
    one, two = house.act("restart_service").id, house.act("restart_service").id
    first = send(http, doors, {**HARM, "ticket": "T-acme"})
    assert first.status_code == 201, first.text
    again = send(http, doors, {**HARM, "ticket": "T-acme"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert send(http, doors, HARM, id="msg_1", key=OTHER).status_code == 201  # its own ids
    found = house.s.read.incident(first.json()["id"])
    assert {a["id"] for a in found["actions"]} == {one, two}  # what was changed for that ticket
    assert (found["by"], found["hit"], found["client"]) == ("halo", True, "acme")
    assert sum(e["type"] == "handrail:incident:found" for e in house.entries()) == 2


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"key": b"x" * 32}, 403),
        ({"age": 301}, 403),
        ({"age": -301}, 403),
        ({"webhook-timestamp": "1"}, 403),
        ({"webhook-id": "another"}, 403),
        ({"webhook-signature": ""}, 403),
        ({"body": {"severity": "awful", "title": "x"}}, 400),
        ({"body": {**HARM, "action": "act_none"}}, 404),
        ({"body": {**HARM, "close": True}}, 400),
        ({"body": {**HARM, "text": "x" * 70_000}}, 400),
    ],
)
def test_what_is_not_signed_or_not_understood_opens_nothing(
    doors: Doors, http: TestClient, how: dict[str, Any], status: int
) -> None:
    found = send(http, doors, how.pop("body", HARM), **how)
    assert found.status_code == status, found.text
    assert doors.house.s.read.incidents() == []


@pytest.mark.parametrize(
    "text", ["", "halo", "Halo whsec_x", line("handrail", KEY), line("a1", KEY) + line("b1", KEY)]
)
def test_a_file_of_secrets_that_could_mislead_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        sources(text)


def test_links_follow_ups_and_closure_stand_in_a_timeline(doors: Doors) -> None:
    house, s = doors.house, doors.house.s
    ben, dan = house.who("per_ben"), house.who("per_dan")
    one, two = house.act("restart_service").id, house.act("assign_licence", sku="E3").id
    made = s.incidents.open(ben, action=one, severity="major", title="Down", hit=True)["id"]
    due = doors.clock.now() + timedelta(days=2)
    for act in (
        lambda: s.incidents.link(ben, made, two, "the same cause"),
        lambda: s.incidents.follow_up(ben, made, "Patch", "per_ben", due),
        lambda: s.incidents.close(ben, made, "a patch", "rolled back"),
    ):
        with pytest.raises(NotAllowed):  # it is for who answers for this client
            act()
    house.change("client", ("acme",), account_engineer="per_ben")
    s.incidents.link(ben, made, two, "the same cause")
    with pytest.raises(Closed):
        s.incidents.link(dan, made, two, "again")
    assert [i["id"] for i in s.read.incidents(action=two)] == [made]
    s.incidents.unlink(dan, made, two, "it was not")
    with pytest.raises(NotFound):
        s.incidents.unlink(dan, made, one, "the first stays")
    s.incidents.link(dan, made, two, "it was after all")
    todo = s.incidents.follow_up(dan, made, "Patch", "per_eve", due)["follow_up"]
    with pytest.raises(BadInput):
        s.incidents.follow_up(dan, made, "Patch", "per_eve", doors.clock.now())
    s.incidents.close(dan, made, "a patch", "rolled back")
    with pytest.raises(Closed):
        s.incidents.close(dan, made, "a patch", "rolled back")
    house.clock.advance(timedelta(days=3))
    assert [f["id"] for f in s.read.follow_ups(overdue=True)] == [todo]
    s.incidents.finish(house.who("per_eve"), todo, "Patched all")
    with pytest.raises(Closed):
        s.incidents.finish(dan, todo, "Patched all")

    found = s.read.incident(made)
    assert (found["cause"], found["remedy"], found["state"]) == ("a patch", "rolled back", "closed")
    assert found["follow_ups"][0]["state"] == "done"
    kinds = [e["type"] for e in found["timeline"]]
    assert kinds[0] == "handrail:action:begun"
    assert [k for k in kinds if "incident" in k or "follow" in k] == [
        "person:incident:opened", "person:incident:linked", "person:incident:unlinked",
        "person:incident:linked", "person:follow-up:set", "person:incident:closed",
        "person:follow-up:done",
    ]  # fmt: skip
    assert len({e["seq"] for e in found["timeline"]}) == len(kinds)


def test_the_api_filters_pages_and_refuses_agents(doors: Doors, http: TestClient) -> None:
    house, mine = doors.house, doors.of("per_dan")
    for n in range(3):
        doors.clock.advance(timedelta(seconds=1))
        body = {"severity": "minor", "title": f"slip {n}", "client": ("acme", "harbor")[n % 2]}
        made = http.post("/v1/incidents", json=body, headers=mine).json()["id"]
    first = http.get("/v1/incidents?limit=2", headers=mine).json()
    rest = http.get(f"/v1/incidents?limit=2&cursor={first['next']}", headers=mine).json()
    assert [i["title"] for i in first["items"] + rest["items"]] == ["slip 2", "slip 1", "slip 0"]
    assert rest["next"] is None
    at = http.get("/v1/incidents?client=harbor&state=open", headers=mine).json()
    assert [i["title"] for i in at["items"]] == ["slip 1"]
    sent = {"text": "Write it down", "owner": "per_dan", "due": "2099-01-01"}
    assert http.post(f"/v1/incidents/{made}/follow-ups", json=sent, headers=mine).status_code == 201
    (todo,) = http.get("/v1/incidents/follow-ups", headers=mine).json()["items"]
    key = doors.of("agt_one")
    before = len(house.entries())
    for path, body in (
        (f"{made}/closing", {"cause": "x", "remedy": "y"}),
        (f"{made}/links", {"action": "act_1", "reason": "y"}),
        (f"{made}/follow-ups", sent),
        (f"follow-ups/{todo['id']}/done", {"note": "x"}),
    ):
        assert http.post(f"/v1/incidents/{path}", json=body, headers=key).status_code == 403
    assert http.get(f"/v1/incidents/{made}", headers=key).status_code == 403
    assert len(house.entries()) == before
