"""A governance review: its agenda comes from the record, its decisions from people (SPEC 8)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.clock import FakeClock
from handrail.core.model import Evidence, Trigger
from handrail.core.review_notes import reading_floor
from handrail.errors import BadInput, Closed, Conflict, NotAllowed, NotFound, Stale
from handrail.privacy.seal import open_sealer
from handrail.store.database import open_store
from support.house import House, policy_files, row

FEBRUARY = "rvw_2026-02"


def files() -> dict[str, str]:
    found = policy_files()
    found["matrix/all.yaml"] += row("up.unsigned_thing", 3, category="network")
    found["handrail.yaml"] = found["handrail.yaml"].replace(
        "max_targets: 100000}",
        "max_targets: 100000, decisions_per_hour: 1000, decisions_per_shift: 1000}\n"
        "holidays: {here: {dates: [2026-03-02, 2026-03-03]}, there: {dates: [2026-03-02]}}",
    )
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """January is usual; February holds planted findings, and as many things that look like one."""
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    keys: Path = tmp_path_factory.mktemp("keys")
    made = House(store, open_sealer(keys), clock, files=files())
    _month(made)
    yield made
    store.close()
    made.sealer.close()


def at(house: House, day: int, hour: int = 10, month: int = 2) -> None:
    """Move to an hour of a day, taking along what is due on the way."""
    to = datetime(2026, month, day, hour, tzinfo=UTC)
    house.clock.advance(max(timedelta(0), to - house.clock.now()))
    house.middle.sweep.once()


def act(
    house: House, tool: str, agent: str = "agt_one", *, read: int | None = None, **arguments: Any
) -> Any:
    """One call for a ticket of its own, resting on the *read* at that position."""
    request = house.request(tool, **arguments)
    evidence = () if read is None else (Evidence("the licences it has", entry=read),)
    request = replace(request, trigger=Trigger("ticket", f"T-{house.n}"), evidence=evidence)
    return house.s.govern.act(house.agent(agent), request)


def decide(house: House, waiting: Any, person: str, kind: str = "approve", read: float = 60,
           **more: Any) -> None:  # fmt: skip
    """Open the package, read it for *read* seconds, and answer."""
    house.middle.sweep.once()
    house.s.answers.opened(house.who(person), waiting.proposal, 1)
    house.clock.advance(timedelta(seconds=read))
    house.answer(person, waiting.proposal, kind, **more)


def _month(house: House) -> None:
    for day in range(6, 24):  # what is usual: both agents, acme, in the morning
        at(house, day, month=1)
        for agent in ("agt_one", "agt_two"):
            for _ in range(3):
                act(house, "restart_service", agent)

    at(house, 2)
    # 1. A tier 1 action that did not go as specified. Decoy: one that could not be reached.
    house.upstream.fault = lambda order: "failed"
    act(house, "restart_service")
    house.upstream.fault = lambda order: "not sent"
    act(house, "get_user")
    house.upstream.fault = lambda order: None
    # 2. A tier 2 action that a person reversed. Decoy: one that a person found right.
    wrong = act(house, "assign_licence", sku="E3")
    house.s.reversals.reverse(house.who("per_anna"), wrong.id)
    act(house, "remove_licence", sku="E3")
    house.middle.sweep.once()
    house.s.notices.acknowledge(house.who("per_ben"), _notice(house), "looks right")

    # 3. An incident that nobody closed, 4. and a follow-up that is late. Decoys: one that was
    # closed, a follow-up that was done in time, one that is due later.
    incidents, dan = house.s.incidents, house.who("per_dan")
    for n in range(2):
        harm = incidents.open(dan, severity="minor", title=f"A slip {n}", client="acme")["id"]
        due = house.clock.now() + timedelta(days=3)
        todo = incidents.follow_up(dan, harm, "Write it down", "per_ben", due)["follow_up"]
        if n:
            incidents.finish(house.who("per_ben"), todo, "Written")
            incidents.follow_up(dan, harm, "Tell them", "per_ben", due + timedelta(days=60))
            incidents.close(dan, harm, "a slip", "written down")

    at(house, 3)
    # 5. A type that is often denied, for stale data: 6. by the read that it rested on. Decoys: a
    # type that is approved, a denial for another reason, a read that nothing wrong rested on.
    looked = act(house, "get_licences").id
    (seq,) = [e["seq"] for e in house.entries() if e["action"] == looked and "begun" in e["type"]]
    act(house, "get_user")
    for n in range(6):
        waiting = act(house, "add_firewall_rule", read=seq if n else None)
        deny = {"kind": "deny", "reason": "stale-data" if n else "preference"} if n < 2 else {}
        decide(house, waiting, "per_ben", read=90, **deny)
    for _ in range(6):
        decide(house, act(house, "unsigned_thing"), "per_dan", read=90)

    at(house, 4)
    # 7. Somebody who approves faster than anybody reads, 8. five within a minute. Decoy: one who
    # takes their time (above), and who approves few.
    waiting = [act(house, "unsigned_thing") for _ in range(6)]
    for one in waiting:
        decide(house, one, "per_anna", read=3)
    decide(house, act(house, "unsigned_thing"), "per_ben", read=3)

    at(house, 5)
    # 9. Proposals that nobody answered, which 10. moved on past each role, at the same hours. Decoy:
    # proposals that were answered in time (above).
    for _ in range(5):
        act(house, "unsigned_thing")
    for _ in range(30):
        house.sweep(hours=1)

    at(house, 10)
    # 11. An agent that asks far more than usual. Decoy: the other one, at twice its usual.
    for _ in range(15):
        act(house, "restart_service")
    for _ in range(6):
        act(house, "restart_service", "agt_two")
    at(house, 12)
    # 12. A client for which an agent never acted. Decoy: the same agent for its usual client.
    act(house, "restart_service", "agt_two", client="harbor")
    act(house, "restart_service", "agt_two")
    at(house, 2, month=3)
    house.s.reviews.scheduled()


def _notice(house: House) -> str:
    with house.store.read() as reader:
        return str(next(n["id"] for n in reader.notices(open_only=True)))


def items(house: House) -> dict[str, dict[str, Any]]:
    found = house.s.reviews.one(FEBRUARY)
    return {i["key"]: i for s in found["sections"] for i in s["items"]}


def test_what_was_planted_is_found_and_no_decoy(house: House) -> None:
    """Every item is compared: a decoy would be one too many."""
    found = {k for k, i in items(house).items() if not i["figure"]}
    with house.store.read() as reader:
        (harm,) = (i["id"] for i in reader.incidents(state="open", client="acme"))
        (late,) = (f["id"] for f in reader.follow_ups(incident=harm))
    planted = {
        f"incident:{harm}",
        f"follow-up:{late}",
        "shift:1",  # January had none of tier 3
        "shift:3",
        "tier-1:up.restart_service",
        "tier-2:up.assign_licence",
        "rate:up.add_firewall_rule",
        "stale-data:up.get_licences",
        "fast:per_anna",
        "burst:per_anna",
        "lapsed",
        "escalated:account-engineer",
        "escalated:on-call-senior",
        "hour:11",  # the open incident halves the windows
        "hour:12",
        "volume:agt_one",
        "client:agt_two",
    }
    assert found == planted
    assert items(house)[f"follow-up:{late}"]["text"].endswith("was 23 days late.")
    decoys = {
        "tier-1:up.get_user", "tier-2:up.remove_licence", "rate:up.unsigned_thing",
        "preference:up", "stale-data:up.get_user", "wrong-target:up", "fast:per_ben",
        "fast:per_dan", "burst:per_ben", "burst:per_dan", "unopened:per_dan",
        "no-denials:per_anna", "volume:agt_two", "client:agt_one", "hour:agt_one", "hour:10",
    }  # fmt: skip
    assert not found & decoys
    assert items(house)["tier-1:up.restart_service"]["number"] == "1"
    assert items(house)["volume:agt_one"]["text"].startswith("one asked 15 times in a day")


def test_nobody_reads_a_package_faster_than_its_words_take() -> None:
    """EVIDENCE 4: 6 seconds, or 35 % of the words at 238 a minute."""
    assert reading_floor(0) == 6_000_000
    assert reading_floor(238) == 21_000_000


def test_it_is_made_once_and_said_to_be_overdue(house: House) -> None:
    house.s.reviews.scheduled()
    (february,) = [r for r in house.s.reviews.listed() if r["id"] == FEBRUARY]
    # The fifth working day has ended: the 2nd is a holiday of everybody, the 3rd is not.
    assert february["due_at"] == "2026-03-10T00:00:00.000000Z"
    assert not february["overdue"]
    assert house.s.reviews.one(FEBRUARY)["left"] > 0
    opened = [e for e in house.entries() if e["type"] == "handrail:review:opened"]
    assert [e["facts"]["review"] for e in opened] == ["rvw_2026-01", FEBRUARY]
    at(house, 10, month=3)
    assert FEBRUARY in {r["id"] for r in house.s.reviews.overdue()}


def test_people_answer_every_item_before_it_is_signed(house: House) -> None:
    who, reviews = house.who("per_dan"), house.s.reviews
    agenda = reviews.one(FEBRUARY)["agenda"]
    keys = [k for k, i in items(house).items() if not i["figure"]]
    with pytest.raises(NotAllowed):
        reviews.answer(house.who("per_eve"), FEBRUARY, keys[0], "keep", "fine")
    with pytest.raises(BadInput, match="owner"):
        reviews.answer(who, FEBRUARY, keys[0], "action", "somebody should")
    with pytest.raises(NotFound):
        reviews.answer(who, FEBRUARY, "tier-1:up.nothing", "keep", "fine")
    with pytest.raises(Conflict, match="no answer"):
        reviews.sign(who, FEBRUARY, "all well", agenda)
    for key in keys[1:]:
        reviews.answer(who, FEBRUARY, key, "keep", "looked into")
    reviews.answer(
        who, FEBRUARY, keys[0], "action", "mend the runbook", owner="per_ben", due="2026-03-20"
    )
    assert reviews.one(FEBRUARY)["left"] == 0
    with pytest.raises(Stale):
        reviews.sign(who, FEBRUARY, "all well", "0" * 64)
    done = reviews.sign(who, FEBRUARY, "Dan and Ben were there.", agenda)
    (entry,) = [e for e in house.entries() if e["type"] == "person:review:signed"]
    assert entry["facts"]["minute"] == done["minute"]
    with pytest.raises(Closed):
        reviews.answer(who, FEBRUARY, keys[0], "keep", "later")
    assert FEBRUARY not in {r["id"] for r in reviews.overdue()}


def test_the_annual_one_walks_through_the_framework(house: House) -> None:
    house.clock.advance(datetime(2027, 1, 2, tzinfo=UTC) - house.clock.now())
    house.s.reviews.scheduled()
    found = house.s.reviews.one("rvw_2026")
    keys = {i["key"] for s in found["sections"] for i in s["items"]}
    assert {
        "framework:tiers", "framework:routing", "framework:compliance", "framework:thresholds",
    } <= keys  # fmt: skip
    assert found["due_at"] == "2027-02-01T00:00:00.000000Z"
    # What is still open comes back each month, however old: February's harm, both late follow-ups.
    december = house.s.reviews.one("rvw_2026-12")
    (section,) = [s for s in december["sections"] if s["name"] == "incidents"]
    kinds = [i["key"].partition(":")[0] for i in section["items"]]
    assert sorted(kinds) == ["follow-up", "follow-up", "incident"]
