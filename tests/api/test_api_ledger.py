"""Searching the record over HTTP: by client, agent, person, action, tier, outcome, regime, time
and text; in pages and as JSON Lines."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

Search = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def search(http, doors) -> Search:
    headers = doors.of("per_dan")

    def entries(**params):
        answer = http.get("/v1/ledger/entries", params=params, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    return entries


def test_entries_are_found_by_what_they_are_about(search, doors):
    house = doors.house
    house.change("client", ("harbor",), regimes='["hipaa"]')
    done = house.act("restart_service").id
    waits = house.act("add_firewall_rule", agent="agt_two", client="harbor").id
    house.sweep(hours=1)
    later = house.act("restart_service").id

    def about(**params):
        return {e["action"] for e in search(**params) if e["action"]}

    assert about() == {done, waits, later}
    assert about(client="harbor") == {waits}
    assert about(agent="agt_two") == about(tier=3) == about(state="waiting") == {waits}
    assert about(regime="hipaa") == {waits}
    assert about(tier=[1, 3]) == about()
    assert about(text="FIREWALL", type="handrail:action:proposed") == {waits}
    assert about(action=done, type="handrail:action:done") == {done}
    assert about(since=next(e["at"] for e in search(action=later)[::-1])) == {later}
    assert later not in about(until=search(action=later)[-1]["at"])
    assert {e["who"] for e in search(person="per_dan")} == {house.s.read.names()["per_dan"]}
    assert search(person="per_nobody") == search(text="not written anywhere") == []


def test_json_lines_are_the_same_entries_with_a_link_onward(http, doors, search):
    for _ in range(3):
        doors.house.act("restart_service")
    wanted = [e["seq"] for e in search(client="acme")]

    found, address = [], "/v1/ledger/entries?client=acme&lines=true&limit=2"
    while address:
        page = http.get(address, headers=doors.of("per_dan"))
        assert page.headers["content-type"] == "application/jsonl"
        found += [orjson.loads(line)["seq"] for line in page.content.splitlines()]
        address = page.links["next"]["url"] if "next" in page.links else ""

    assert found == wanted


@pytest.mark.parametrize(
    "query", ["tier=5", "tier=x", "state=maybe", "type=nothing:at:all", "until=2026-01-01T00:00:00"]
)
def test_what_no_entry_can_be_is_refused_with_the_reason(http, doors, query):
    answer = http.get(f"/v1/ledger/entries?{query}", headers=doors.of("per_dan"))

    assert answer.status_code in {400, 422}
    assert answer.json()["hint"]
