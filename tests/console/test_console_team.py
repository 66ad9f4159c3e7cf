"""My availability, the team's cover and *Try it*: in forms, and in a real browser (SPEC 5, UX 4.8)."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

AXE = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text()
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HERE = "/settings/availability"
OFFICE = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "08:00-17:00")


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found["violations"]]


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_hours_are_set_and_taken_away_again(doors: Any, ben: Any) -> None:
    odd = ben.post("/settings/hours", {"zone": "Europe/Nowhere", **OFFICE})
    assert (odd.status_code, "no time zone" in odd.text) == (422, True)
    assert ben.post("/settings/hours", {"zone": "Europe/Prague", "mon": "9"}).status_code == 422

    assert ben.post("/settings/hours", {"zone": "Europe/Prague", **OFFICE}).status_code == 303
    page = ben.get(HERE).text
    assert 'value="Europe/Prague"' in page
    assert 'name="mon" type="text" value="08:00-17:00"' in page
    for other in ("per_anna", "per_dan"):
        doors.house.s.availability.set_hours(doors.house.who(other), "Europe/Prague", OFFICE)
    team = text_of(ben.get("/settings/team"))
    assert "Holes in the coming week" in team
    assert "Times are in Europe/Prague" in team

    assert ben.post("/settings/hours", {"none": "1"}).status_code == 303
    assert "day and night" in ben.get(HERE).text


def test_away_with_somebody_who_stands_in_waits_for_a_second_person(
    doors: Any, ben: Any, dan: Any, anna: Any, eve: Any
) -> None:
    """I27: Eve could not answer before, so a keeper who is neither of the two must agree."""
    form = {"until": "2026-01-20T09:00", "delegate": "per_eve"}
    assert ben.post("/settings/away", form).status_code == 303
    assert "Waits for a second person" in ben.get(HERE).text
    assert "Agree" not in ben.get(HERE).text

    waiting = re.search(r"/settings/delegations/(dlg_\w+)/agreement", dan.get(HERE).text)
    assert waiting is not None
    agreement = f"/settings/delegations/{waiting[1]}/agreement"
    assert ben.post(agreement).status_code == 403
    assert eve.post(agreement).status_code == 403
    assert dan.post(agreement).status_code == 303
    tried = text_of(dan.get("/settings/routing?type=up.add_firewall_rule&client=acme"))
    assert "Eve Stands in for Ben as on call senior" in tried
    assert "Ben Is away until 2026-01-20" in tried

    assert ben.post("/settings/away", {"until": ""}).status_code == 303
    assert "You stand in for nobody" in ben.get(HERE).text


def test_looking_asks_nobody_and_records_nothing(doors: Any, ben: Any) -> None:
    before, mails = doors.size(), len(doors.house.mail.got)
    for path in (HERE, "/settings/team", "/settings/team?span=week", "/settings/routing"):
        assert ben.get(path).status_code == 200
    assert ben.get("/settings/routing?type=up.add_firewall_rule").status_code == 200
    assert ben.get("/settings/routing?type=up.no_such").status_code == 404
    assert (doors.size(), len(doors.house.mail.got)) == (before, mails)


def test_a_team_that_no_channel_reached_is_told_what_happens(doors: Any, ben: Any) -> None:
    for person in ("per_anna", "per_ben", "per_cleo", "per_dan"):
        doors.house.change("person", (person,), reached_at=None)

    tried = text_of(ben.get("/settings/routing?type=up.add_firewall_rule&client=acme"))

    assert "everyone who may decide is alarmed at once" in tried
    assert tried.count("passes at once") == 3
    assert "reached by no channel within 31 days; may answer all the same" in tried


@pytest.mark.parametrize("js", [True, False], ids=["script", "no script"])
def test_somebody_says_they_are_away_on_a_phone(doors: Any, seen: Any, js: bool) -> None:
    page = seen.page("per_ben", js=js, **PHONE)
    page.goto(HERE)
    page.locator("#until").fill("2026-01-20T09:00")
    page.get_by_role("button", name="I am away").click()

    expect(page.locator("section").get_by_text("You are away until")).to_be_visible()
    page.get_by_role("button", name="I am back").click()
    expect(page.get_by_text("You are not away.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_the_pages_break_no_rule_and_reflow(
    doors: Any, seen: Any, scheme: str, device: str
) -> None:
    doors.house.s.availability.set_hours(doors.house.who("per_ben"), "Europe/Prague", OFFICE)
    page = seen.page("per_anna", **(PHONE if device == "phone" else DESKTOP))
    page.emulate_media(color_scheme=scheme)
    for path in (
        HERE,
        "/settings/team",
        "/settings/team?span=week",
        "/settings/routing?type=up.add_firewall_rule&client=acme",
    ):
        page.goto(path)
        for details in page.locator("main details").all():
            details.evaluate("d => d.open = true")
        assert violations(page) == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
