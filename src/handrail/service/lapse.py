"""What ends by itself around signing in: roles from groups that nobody said again, sign-ins that
never came back.

A role from a group counts only until its `until`, to the microsecond, in every unit (the store's
view leaves it out). Here it is written down, so that pages and chains see it too. Whoever has no
role left is signed out everywhere: they may have left, and nobody has said otherwise.
"""

from handrail.core.events import EventType
from handrail.store.contract import Change, Drop, Event, Rows, Store, View, Write


def lapse(store: Store, now: int) -> int:
    """Write down what has ended by *now* (microseconds); return how many roles did."""
    with store.read() as reader:
        aged = list(reader.aged_roles(now))
        stale = [r["hash"] for r in reader.stale_tries(now)]
        people = {r["person"] for r in aged}
        sessions = {p: [s["hash"] for s in reader.sessions(p)] for p in people}
    if not aged and not stale:
        return 0

    def unit(view: View) -> Rows:
        writes: list[Write] = [
            Drop("sign_in_try", (h,)) for h in stale if view.row("sign_in_try", h) is not None
        ]
        events = []
        for row in aged:
            key = (row["person"], row["role"], row["client"])
            held = view.row("person_role", *key)
            if held is None or held["until"] is None or held["until"] > view.now:
                continue  # said again meanwhile
            writes.append(Change("person_role", key, {"lapsed_at": view.now}))
            facts = {"person": key[0], "role": key[1], "client": key[2], "why": "lapsed"}
            clients = (key[2],) if key[2] else ()
            events.append(Event(EventType.ROLE_ENDED, "handrail", None, clients, facts))
        for person in people:
            found = view.person(person)
            if found is not None and not found.roles:
                writes += [
                    Drop("session", (h,))
                    for h in sessions[person]
                    if view.row("session", h) is not None
                ]
        return Rows(tuple(writes), tuple(events), control=bool(events), answer=len(events))

    count, _ = store.commit(unit)
    return int(count)
