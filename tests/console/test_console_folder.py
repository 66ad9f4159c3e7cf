"""What is wrong in the watched folder stands on the page of the policy, and is gone once it is put
right (I18)."""

from datetime import UTC, datetime
from typing import Any

from handrail.connectors.calendars import Source
from handrail.service.folder import Folder
from support.house import policy_files


def watched(doors: Any, files: dict[str, str]) -> Folder:
    policies = doors.house.s.policies
    policies.watched = Folder(policies, lambda: files)
    policies.watched.look(settled=True)
    return policies.watched


def test_a_bad_folder_is_shown_until_it_is_put_right(doors: Any, dan: Any) -> None:
    files = policy_files()
    good = files["handrail.yaml"]
    folder = watched(doors, files)
    assert "The folder holds" not in dan.get("/settings/policy").text

    files["handrail.yaml"] = good + "colour: <b>red</b>\n"
    folder.look()
    folder.look()
    page = dan.get("/settings/policy").text
    assert "The folder holds no policy that can be taken up." in page
    assert "unknown key &#39;colour&#39;" in page

    files["handrail.yaml"] = good
    folder.look()
    folder.look()
    assert "The folder holds" not in dan.get("/settings/policy").text


def test_I27_a_folder_that_lowers_is_shown_with_why(doors: Any, dan: Any) -> None:
    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "actions_per_hour: 100000", "actions_per_hour: 200000"
    )
    watched(doors, files)

    page = dan.get("/settings/policy").text

    assert "The folder holds another policy." in page
    assert "the setting actions_per_hour changed" in page


def test_the_api_says_the_same(doors: Any, http: Any) -> None:
    headers = doors.of("per_anna")
    assert http.get("/v1/policy", headers=headers).json()["folder"] is None

    files = policy_files()
    files["rules/x.yaml"] = "rules: [\n"
    watched(doors, files)

    folder = http.get("/v1/policy", headers=headers).json()["folder"]
    assert folder["state"] == "wrong"
    assert folder["problems"][0]["file"] == "rules/x.yaml"
    assert folder["problems"][0]["severity"] == "error"


def test_a_dry_run_says_what_changes_and_what_is_wrong(doors: Any, http: Any) -> None:
    headers = doors.of("per_anna")
    files = policy_files()
    files["handrail.yaml"] += "settings_: {}\n"
    refused = http.post("/v1/policy/versions?dry_run=true", json={"files": files}, headers=headers)
    assert refused.status_code == 422

    files = policy_files()
    files["rules/x.yaml"] = (
        "rules:\n  - {name: r, tier: 3, because: x, when: 'client.risk == \"hihg\" || clients.count > 7'}\n"
    )
    found = http.post("/v1/policy/versions?dry_run=true", json={"files": files}, headers=headers)
    body = found.json()
    assert body["published"] is False
    assert body["difference"]["two_people"] is False
    assert "become stricter" in body["difference"]["sentence"]
    assert any(p["code"] == "unknown-word" for p in body["problems"])


def test_a_calendar_that_cannot_be_read_is_said(doors: Any, dan: Any, http: Any) -> None:
    url = "https://calendar.example/x.ics"
    never = Source(url=url, at=None, trouble="it is down")
    old = Source(url=url, at=datetime(2026, 11, 2, 8, 0, tzinfo=UTC), trouble="it is down")
    policies, headers = doors.house.s.policies, doors.of("per_anna")
    assert http.get("/v1/policy", headers=headers).json()["calendars"] == []

    policies.sources = lambda: [never]
    assert "There never was a copy" in dan.get("/settings/policy").text
    policies.sources = lambda: [old]
    assert "Its copy of 2026-11-02 08:00 UTC holds" in dan.get("/settings/policy").text
    (said,) = http.get("/v1/policy", headers=headers).json()["calendars"]
    assert said == {"url": url, "read_at": "2026-11-02T08:00:00Z", "trouble": "it is down"}
