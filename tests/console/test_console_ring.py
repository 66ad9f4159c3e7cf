"""Ring me, in the console and over the API: looking never proves that somebody was reached."""

import re
from typing import Any


def code_of(doors: Any) -> str:
    person, message = doors.house.mail.got[-1]
    assert person == "per_ben"
    return re.search(r"Code: (\S+)", "\n".join(message.lines)).group(1)


def unreached(doors: Any) -> None:
    doors.house.change("person", ("per_ben",), reached_at=None)
    doors.house.middle.keeper.forget()


def test_a_person_rings_and_types_the_code_that_came(doors: Any, ben: Any) -> None:
    unreached(doors)
    assert "No channel has reached you yet" in ben.get("/settings/availability").text

    answer = ben.post("/settings/ring")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/settings/availability?rung=1",
    )
    page = ben.get("/settings/availability?rung=1").text
    code = code_of(doors)
    assert code not in page
    assert "No channel has reached you yet" in page

    assert ben.post("/settings/rung", {"code": "AAAA-AAAA"}).status_code == 403
    assert ben.post("/settings/rung", {"code": code, "csrf": "forged"}).status_code == 403
    assert ben.post("/settings/rung", {"code": code}).status_code == 303
    assert "A channel reached you on" in ben.get("/settings/availability").text


def test_looking_with_get_and_head_reaches_nobody(doors: Any, ben: Any) -> None:
    unreached(doors)
    ben.post("/settings/ring")
    code = code_of(doors)
    _, message = doors.house.mail.got[-1]
    before = len(doors.house.entries())
    for path in (message.path, f"/settings/rung?code={code}", "/settings/ring"):
        for method in ("GET", "HEAD"):
            ben.client.request(method, path)
    assert len(doors.house.entries()) == before
    assert "No channel has reached you yet" in ben.get("/settings/availability").text


def test_over_the_api_too_and_never_with_an_agents_key(doors: Any, http: Any) -> None:
    unreached(doors)
    mine, agent = doors.of("per_ben"), doors.of("agt_one")
    ring, confirm = "/v1/availability/ring", "/v1/availability/ring/confirmation"
    assert http.post(ring, headers=agent).status_code in {401, 403}
    answer = http.post(ring, headers=mine)
    assert answer.json()["channel"] == "mailbox"
    assert "retry-after" in http.post(ring, headers=mine).headers
    code = {"code": code_of(doors)}
    assert code["code"] not in answer.text

    assert http.post(confirm, headers=agent, json=code).status_code in {401, 403}
    assert http.post(confirm, headers=doors.of("per_anna"), json=code).status_code == 403
    assert http.post(confirm, headers=mine, json=code).status_code == 200
    people = http.get("/v1/people", headers=mine).json()["items"]
    assert {p["id"] for p in people if p["reached"]} >= {"per_ben"}
