"""`handrail rehearse --all` at the practice MSP: every safe target that a row declares, over a real
connection, by the environment's own data (SPEC 4)."""

from handrail.practice.world import World
from handrail.wiring import House

from .test_practice_reversal import house, the, world_path

__all__ = ["house", "world_path"]


def test_every_declared_safe_target_proves_its_rollback(house: House, world: World) -> None:
    _, who = the(house)
    rehearsals = house.services.rehearsals
    types = rehearsals.types()
    assert len(types) == 6
    before = world.dump()
    for type in types:
        begun = rehearsals.run(who, type)
        assert begun["state"] == "acted", (type, begun)
        for _ in range(2):  # its two checks, without their delay
            rehearsals.move_on(begun["id"])
        assert rehearsals.one(begun["id"])["state"] == "proven", (type, rehearsals.one(begun["id"]))
        assert world.dump() == before, type
