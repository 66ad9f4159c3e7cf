"""The banner of a live shadow scope on every page, and its own page (SPEC 2)."""

from typing import Any


def test_a_live_scope_is_on_every_page_until_it_is_enforced(doors: Any, dan: Any) -> None:
    scope = doors.house.s.shadows.open(doors.house.who("per_dan"), "up", "to see")
    doors.house.act("add_firewall_rule")
    for path in ("/inbox", "/feed", "/matrix", "/settings"):
        assert "In shadow: up" in dan.get(path).text, path
    (action,) = doors.house.actions()
    assert "Passed in shadow" in dan.get(f"/actions/{action['id']}").text
    page = dan.get(f"/shadow/{scope['id']}")
    assert page.status_code == 200
    assert "Enforce now" in page.text
    assert f"/actions/{action['id']}" in page.text
    assert dan.post(f"/shadow/{scope['id']}/end").status_code == 303
    assert "In shadow" not in dan.get("/inbox").text


def test_I27_the_page_of_a_proposal_takes_a_second_person(doors: Any, dan: Any, anna: Any) -> None:
    doors.house.act("add_firewall_rule")
    scope = doors.house.s.shadows.open(doors.house.who("per_dan"), "up", "to see")
    path = f"/shadow/{scope['id']}"
    assert "Take it back" in dan.get(path).text
    dan.post(f"{path}/agreement")
    assert doors.house.s.shadows.live() == []
    assert anna.post(f"{path}/agreement").status_code == 303
    assert [s["id"] for s in doors.house.s.shadows.live()] == [scope["id"]]
