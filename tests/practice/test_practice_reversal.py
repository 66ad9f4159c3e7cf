"""Every tier 2 tool of the practice MSP through Handrail and over a real connection: act, reverse,
and the environment's own data are as they were (SPEC 4, I19)."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from handrail import config
from handrail.core.model import Agent, Request, SignedIn, Tier, Trigger
from handrail.demo import AGENT, CONNECTION, VISITOR, _furnish, _key
from handrail.errors import Conflict
from handrail.practice.world import World
from handrail.wiring import House, build


@pytest.fixture
def world_path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "practice.db"


@pytest.fixture
def house(tmp_path: Path, world: World) -> Iterator[House]:
    made = build(config.load({"HOME": str(tmp_path)}, data=tmp_path / "data"))
    made.lock.take()
    made.host.start()
    _furnish(made)
    _key(made)
    yield made
    made.close()


def the(house: House) -> tuple[Agent, SignedIn]:
    with house.store.read() as reader:
        person = next(p["id"] for p in reader.people() if p["email"] == VISITOR)
        agent = next(a["id"] for a in reader.agents() if a["name"] == AGENT)
    who = SignedIn(person=person, name="You", signed_in_at=house.clock.now(), via="console")
    house.middle.keeper.forget()
    return house.middle.keeper.current().agents[agent], who


def test_I19_every_tier_2_tool_is_reversed_by_the_environments_own_data(
    house: House, world: World, good_calls: dict[str, dict]
) -> None:
    agent, who = the(house)
    rows = [
        row
        for row in house.services.policies.current().matrix()
        if row.tier is Tier.NOTIFY and row.rollback is not None
    ]
    reversed_, proposed, plain = [], [], []
    for row in rows:
        tool = row.type.partition(".")[2]
        if tool not in good_calls or row.effect == "read":
            continue
        request = Request(
            connection=CONNECTION,
            tool=tool,
            arguments=orjson.dumps(good_calls[tool]["arguments"]),
            trigger=Trigger("ticket", f"T-{len(reversed_)}"),
            reasoning="The ticket asks for it.",
            confidence=950,
        )
        before = world.dump()
        acted = house.services.govern.act(agent, request)
        assert (acted.tier, acted.state) == (Tier.NOTIFY, "done"), (tool, acted.text)
        if row.rollback is None or not row.rollback.one_click:
            with pytest.raises(Conflict):  # said plainly, and nothing is tried
                house.services.reversals.reverse(who, acted.id)
            plain.append(tool)
            continue
        assert world.dump() != before, tool
        done = house.services.reversals.reverse(who, acted.id)
        if row.protective:
            assert done["state"] == "proposed", tool
            proposed.append(tool)
            continue
        assert (done["state"], done["verified"]) == ("done", True), (tool, done)
        assert world.dump() == before, f"{tool} left something changed"
        reversed_.append(tool)

    assert set(reversed_) == {
        "assign_license",
        "set_mailbox_forwarding",
        "set_out_of_office",
        "install_package",
        "update_package",
        "uninstall_package",
        "restore_file",
    }
    assert (proposed, plain) == (["isolate_device"], ["reboot_device"])
