"""A house in which an action type earns less oversight: what people decide, over days."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from handrail.core.action import State
from handrail.core.model import Trigger
from support.house import LICENCE, House, policy_files, row

TYPE = "up.assign_licence"
EARNS = {
    **LICENCE,
    "start": "3",
    "bucket": "args.sku",
    "rehearsal": "{arguments: {n: lab, client: acme, sku: E3}}",
}


def files(tier: int = 1, **more: str) -> dict[str, str]:
    found = policy_files()
    found["matrix/all.yaml"] = found["matrix/all.yaml"].replace(
        row(TYPE, 2, **LICENCE), row(TYPE, tier, **{**EARNS, **more})
    )
    found["handrail.yaml"] = found["handrail.yaml"].replace(
        "max_targets: 100000}",
        "max_targets: 100000, decisions_per_hour: 1000, decisions_per_shift: 1000,"
        " in_flight_later: 1000, in_flight_after_promotion: 1000, notices_per_shift: 1000,"
        " audit_share: 1}",
    )
    return found


def ask(house: House, *, sku: str = "E3", client: str = "acme", trigger: str = "") -> Any:
    """One call of the type, for a ticket of its own."""
    request = house.request("assign_licence", client=client, sku=sku)
    request = replace(request, trigger=Trigger("ticket", trigger or f"T-{house.n}"))
    return house.s.govern.act(house.agent(), request)


def decided(house: House, n: int, *, by: tuple[str, ...] = ("per_anna", "per_ben", "per_dan"),
            days: float = 0.5, deny: tuple[int, ...] = (), **how: Any) -> None:  # fmt: skip
    """*n* proposals, one after the other over time, approved by *by* in turn."""
    for i in range(n):
        waiting = ask(house, **how)
        assert waiting.state is State.WAITING, waiting
        who = by[i % len(by)]
        if i in deny:
            house.answer(who, waiting.proposal, "deny", reason="would-harm")
        else:
            house.answer(who, waiting.proposal)
            house.sweep(seconds=11)
            house.sweep(seconds=31)  # its check
            assert house.state(waiting.id) == "done"
        house.clock.advance(timedelta(days=days))


def rehearsed(house: House) -> None:
    for _ in range(3):
        house.s.rehearsals.run(house.who("per_ben"), TYPE)
        house.sweep(seconds=31)
        house.sweep(seconds=31)


def digest(house: House) -> str:
    house.clock.advance(timedelta(minutes=2))
    house.s.evidence.once()
    with house.store.read() as reader:
        (nominated,) = reader.nominations(type=TYPE)
    return str(nominated["digest"])


def earn(house: House, n: int = 62) -> str:
    """Enough evidence for 3 → 2; return the digest of the nomination."""
    decided(house, n)
    rehearsed(house)
    return digest(house)
