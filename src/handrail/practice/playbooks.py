"""What the practice agent does about each kind of ticket: a fixed list, no language model.

`recognise` reads the words of a ticket, `work` takes it from assignment to its end. Each playbook
reads first and acts then; what cannot be finished goes to the second line with a note that says
why.
"""

import re
from collections.abc import Callable
from typing import Final

from handrail.practice import plays_people as people
from handrail.practice import plays_systems as systems
from handrail.practice.casework import AGENT, SECOND_LINE, Case, Part, Steps, Wait

Playbook = Callable[[Case], Steps]

#: The first pattern found in subject or text names the kind and the right category.
_KINDS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), kind, category)
    for pattern, kind, category in (
        (r"ignore all earlier|<script", "hostile", "security"),
        (r"data protection law", "subject-access", "question"),
        (r"security alert|clicked (a link|something)", "malware", "security"),
        (r"locked", "locked-out", "password"),
        (r"password", "forgot-password", "password"),
        (r"print", "spooler", "printing"),
        (r"forwarding", "forwarding", "mail"),
        (r"gone from my inbox", "missing-mail", "mail"),
        (r"new starter", "starter", "onboarding"),
        (r"disable the account", "leaver", "offboarding"),
        (r"access to \w+/|add me to", "group", "access"),
        (r"the vendor needs", "firewall", "network"),
        (r"vlan", "vlan", "network"),
        (r"backup failed", "backup", "backup"),
        (r"opening hours", "schedule", "backup"),
        (r"restore it", "lost-file", "backup"),
        (r"erase", "old-laptop", "hardware"),
        (r"vendor advisory", "fleet", "software"),
        (r"^update ", "update", "software"),
        (r"install|software request", "install", "software"),
        (r"licence|^need [A-Z-]+\d*\n", "licence", "licence"),
        (r"disk full", "disk", "hardware"),
        (r"not running since", "server-service", "server"),
        (r"is very slow", "server-slow", "server"),
        (r"frozen", "workstation-slow", "hardware"),
    )
)


def recognise(words: str) -> tuple[str, str]:
    """Return (kind, category) of a ticket by its words; ``question`` when nothing fits."""
    for pattern, kind, category in _KINDS:
        if pattern.search(words):
            return kind, category
    return "question", "question"


def work(case: Case) -> Steps:
    """Take up the ticket, follow its playbook, and end it or hand it over."""
    yield from case.desk("assign_ticket", {"assignee": AGENT})
    kind, category = recognise(case.words)
    if case.slip == "stale" and category != "question":
        category = "question"  # files it where nobody will look
    if case.ticket["category"] != category:
        yield from case.desk("update_ticket_category", {"category": category})
    solved = yield from PLAYBOOKS[kind](case)
    yield from _end(case, solved)
    return solved


def resume(case: Case, action: str) -> Steps:
    """Go on with a ticket that an earlier run of the program left waiting for *action*."""
    reply = yield Wait(action)
    yield from case.desk("set_ticket_status", {"status": "in progress"})
    solved = "Done after a person's decision." if reply.ok else None
    if solved is None:
        case.notes.append(f"{action} {reply.state}: {reply.text}"[:900])
    yield from _end(case, solved)
    return solved


def give_back(case: Case) -> Steps:
    """Hand over a ticket that an earlier run of the program left in the middle."""
    case.notes.append("The agent was started anew and no longer knows where this stood.")
    yield from _end(case, None)
    return None


def _end(case: Case, solved: str | None) -> Part:
    if solved:
        yield from case.note(solved)
        return (yield from case.desk("close_ticket", {"resolution": solved}))
    yield from case.note("Not finished. " + " | ".join(case.notes or ["A person should look."]))
    return (yield from case.desk("assign_ticket", {"assignee": SECOND_LINE}))


PLAYBOOKS: Final[dict[str, Playbook]] = {
    "forgot-password": people.forgot_password,
    "locked-out": people.locked_out,
    "licence": people.licence,
    "starter": people.starter,
    "leaver": people.leaver,
    "group": people.group,
    "forwarding": people.forwarding,
    "missing-mail": people.missing_mail,
    "spooler": systems.spooler,
    "install": systems.install,
    "install-unapproved": systems.install,
    "update": systems.update,
    "malware": systems.malware,
    "server-slow": systems.reboot,
    "workstation-slow": systems.reboot,
    "disk": systems.disk,
    "old-laptop": systems.old_laptop,
    "fleet": systems.fleet,
    "server-service": systems.server_service,
    "firewall": systems.firewall,
    "vlan": systems.vlan,
    "backup": systems.backup,
    "schedule": systems.schedule,
    "lost-file": systems.lost_file,
    "question": people.question,
    "subject-access": people.subject_access,
    "hostile": people.hostile,
}
