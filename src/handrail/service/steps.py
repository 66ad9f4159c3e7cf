"""The steps of a reversal: what is undone one by one, each at most once (SPEC 4, I19).

A step is *waiting* until its begin is durable, *begun* until its end is. So a process that dies
leaves no doubt about what was never sent: *waiting* steps can still be run, *begun* ones are
unknown and never sent again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from handrail.core.action import State
from handrail.core.events import EventType
from handrail.errors import Closed
from handrail.service import codec, incident, outcome
from handrail.service.outcome import Outcome
from handrail.store.contract import Change, Event, Put, Row, Rows, View

STATES = {State.DONE: "done", State.FAILED: "failed", State.UNKNOWN: "unknown"}


def opened(view: View, action: str, count: int) -> list[Put]:
    """Rows for *count* steps; none where they stand already."""
    if view.row("reversal_step", action, 0) is not None:
        return []
    blank = {"state": "waiting", "at": view.now, "ended_at": None, "outcome": None}
    return [Put("reversal_step", {"action": action, "n": n, **blank}) for n in range(count)]


def begun(view: View, action: str, n: int) -> Rows:
    """The begin of one step. Raises `Closed` when it was begun before: never twice."""
    row = view.row("reversal_step", action, n)
    if row is None or row["state"] != "waiting":
        raise Closed("this part was undone already, or tried")
    return Rows((Change("reversal_step", (action, n), {"state": "begun", "at": view.now}),))


def ended(view: View, action: str, n: int, came: Outcome, clients: Sequence[str], of: int) -> Rows:
    """The end of one step; of a list, with its entry."""
    row = view.row("reversal_step", action, n)
    if row is None or row["state"] != "begun":
        raise Closed("its end is recorded")
    state = STATES[came.state]
    values = {"state": state, "ended_at": view.now, "outcome": came.text}
    change = Change("reversal_step", (action, n), values)
    if of == 1:
        return Rows((change,))
    facts = {"step": n + 1, "of": of, "state": state, "why": came.code}
    return Rows(
        (change,), (Event(EventType.REVERSAL_STEP, "handrail", action, tuple(clients), facts),)
    )


def of(view: View, action: str) -> list[Row]:
    """Every step of the reversal of *action*, in order."""
    found: list[Row] = []
    while (row := view.row("reversal_step", action, len(found))) is not None:
        found.append(row)
    return found


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """How many steps there are, and in which states."""
    states = [row["state"] for row in rows]
    names = ("waiting", "begun", "done", "failed", "unknown")
    return {"total": len(states), **{name: states.count(name) for name in names}}


def summed_up(counts: dict[str, int], names: Sequence[str] = ()) -> str:
    """A sentence on a list that was undone: how many, and which need a hand."""
    bad = counts["failed"] + counts["unknown"] + counts["begun"]
    text = f"Restored {counts['done']} of {counts['total']}."
    if bad:
        which = f": {', '.join(names)}" if names else ""
        text += f" {bad} {'needs' if bad == 1 else 'need'} a hand{which}."
    if counts["waiting"]:
        text += f" {counts['waiting']} not tried."
    return text


def lost(view: View, action: str) -> Rows:
    """What a reversal comes to that an earlier process left begun: said, and an incident."""
    row, acted = view.row("reversal", action), view.row("action", action)
    if row is None or acted is None or row["state"] != "begun":
        return Rows()
    steps = of(view, action)
    hanging = [s for s in steps if s["state"] == "begun"]
    writes: list[Put | Change] = [
        Change("reversal_step", (action, s["n"]), {"state": "unknown", "ended_at": view.now})
        for s in hanging
    ]
    untried = bool(steps) and not hanging and all(s["state"] == "waiting" for s in steps)
    counts = counted([{**s, "state": "unknown"} if s in hanging else s for s in steps])
    text = _UNTRIED if untried else outcome.STOPPED.text
    if counts["total"] > 1:
        text = f"{text} {summed_up(counts)}"
    state = State.FAILED if untried else State.UNKNOWN
    values: dict[str, Any] = {"state": STATES[state], "ended_at": view.now, "outcome": text}
    writes.append(Change("reversal", (action,), values))
    clients = tuple(codec.load(acted["clients"]))
    kind = EventType.REVERSAL_FAILED if untried else EventType.REVERSAL_UNKNOWN
    code = "not-sent" if untried else outcome.STOPPED.code
    facts = {"why": code, "steps": counts["total"], "done": counts["done"]}
    events = [Event(kind, "handrail", action, clients, facts)]
    put, event = failed(acted, f"{row['id']}_{view.now}", text, view.now)
    return Rows((*writes, put), (*events, event))


_UNTRIED = "Handrail stopped before anything was sent; reverse it again."


def failed(action: Row, ref: str, text: str, now: int) -> tuple[Put, Event]:
    """The incident of a reversal that did not restore everything, with what comes next."""
    clients = tuple(codec.load(action["clients"]))
    id = "inc_" + ref.partition("_")[2]
    put = incident.found(
        id,
        action=action["id"],
        client=clients[0] if clients else "",
        now=now,
        title=f"The reversal failed: {action['sentence']}"[:200],
        text=f"{text} Next: 1. look at the target, 2. put right by hand what is not as before, "
        "3. close this incident with cause and remedy.",
    )
    facts = {"incident": id, "severity": "significant", "why": "a reversal failed"}
    return put, Event(EventType.INCIDENT_FOUND, "handrail", action["id"], clients, facts)
