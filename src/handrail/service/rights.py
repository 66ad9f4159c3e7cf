"""Who stands behind a person's act, as the unit that records it sees them."""

from collections.abc import Sequence

from handrail.core.model import Person, SignedIn
from handrail.errors import NotAllowed
from handrail.store.contract import View


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
