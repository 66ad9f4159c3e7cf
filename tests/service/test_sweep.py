"""A sweep of many: they share commits, and none stands in another's way."""

import threading

from handrail.errors import HandrailError


def _propose(house, count):
    return [house.act("add_firewall_rule") for _ in range(count)]


def test_one_that_cannot_be_moved_along_stops_none_of_the_others(house):
    acted = _propose(house, 300)
    house.change("proposal", (acted[40].proposal, 1), chain="no chain")
    house.change("proposal", (acted[290].proposal, 1), chain='{"steps": [], "also": 3}')

    house.sweep()

    asked = {e["action"] for e in house.entries() if e["type"] == "handrail:proposal:asked"}
    assert asked == {a.id for n, a in enumerate(acted) if n not in {40, 290}}


def test_I3_answers_that_race_with_a_sweep_of_many_decide_once(house):
    acted = _propose(house, 60)
    house.sweep()
    said = []

    def answers(person, kind, more):
        for one in acted:
            try:
                house.answer(person, one.proposal, kind, **more)
            except HandrailError:
                continue  # somebody else was first
            said.append((one.id, kind))

    threads = [
        threading.Thread(target=answers, args=("per_anna", "approve", {})),
        threading.Thread(target=answers, args=("per_anna", "deny", {"reason": "duplicate"})),
        threading.Thread(target=lambda: [house.sweep(minutes=20) for _ in range(8)]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.sweep(days=3)

    ended: dict[str, list[str]] = {}
    ends = ("denied", "lapsed", "done", "refused", "failed")
    for entry in house.entries():
        end = entry["type"].rpartition(":")[2]
        if end in ends and entry.get("action"):
            ended.setdefault(entry["action"], []).append(end)
    assert all(len(set(ended[a.id])) == 1 for a in acted), ended
    denied = {id for id, kind in said if kind == "deny"}
    began = {e["action"] for e in house.entries() if e["type"] == "handrail:action:begun"}
    assert not denied & began
