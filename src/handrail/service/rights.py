"""Who stands behind a person's act, as the unit that records it sees them."""

from collections.abc import Sequence

from handrail.core.model import Person, SignedIn
from handrail.errors import NotAllowed
from handrail.store.contract import View

#: Who keeps the directory of people, agents and clients, for the whole organisation.
KEEPERS = ("service-desk-manager", "operations-leadership")


def active(view: View, who: SignedIn) -> Person:
    """The person. Raises `NotAllowed` when they have left since they signed in."""
    person = view.person(who.person)
    if person is None or not person.active:
        raise NotAllowed("this person is not active any more")
    return person


def holder(view: View, who: SignedIn, roles: Sequence[str], what: str) -> Person:
    """The person, who holds one of *roles* for every client. Raises `NotAllowed` naming *what*
    needs it."""
    person = active(view, who)
    if not any(person.holds(role, None) for role in roles):
        raise NotAllowed(f"{what} needs authority", hint=f"One of the roles: {', '.join(roles)}.")
    return person


def keeper_of(view: View, who: SignedIn | None) -> str:
    """The principal who changes the directory. Raises `NotAllowed` without authority."""
    if who is None:
        return "handrail"
    person = holder(view, who, KEEPERS, "changing the directory")
    return f"person:{person.id}"
