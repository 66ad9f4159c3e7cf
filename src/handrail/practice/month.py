"""A month of practice work in the words of the starter policy: tickets that come in, and the calls
that an agent makes on them. Drawn from a seed; nothing here asks anybody.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from handrail.practice.arrivals import Arrival
from handrail.practice.clients import CLIENTS
from handrail.practice.world import Book, Row

#: What runs with no person involved, by name.
ALONE: Final = frozenset(
    {
        "password reset of a standard user", "service restart on a workstation", "triage",
        "categorisation", "first reply", "note",
    }
)  # fmt: skip
#: What always waits for a person, by name.
WAITS: Final = frozenset(
    {
        "password reset of another account", "several clients", "firewall rule",
        "server configuration", "server reboot", "service restart on a server", "bulk mail",
        "reading mail", "mailbox export", "secret", "second factor", "group membership",
        "new account", "account disabled", "backup job", "script", "installation", "isolation",
    }
)  # fmt: skip
OTHER: Final = "other"


class Call(NamedTuple):
    """One call: of which connection and tool, at which client, as an example of what."""

    connection: str
    tool: str
    arguments: Mapping[str, Any]
    client: str
    example: str


Step = tuple[str, dict[str, Any], str]


def calls(book: Book, arrival: Arrival) -> Iterator[Call]:
    """What the agent does about *arrival*, in order: sorted and answered first, closed last."""
    cast, ticket = arrival.cast, arrival.ticket
    one = {"ticket_id": ticket}
    urgent = "high" if arrival.kind in {"malware", "server-service"} else "normal"
    yield _call(("psa.get_ticket", one, OTHER), cast["client"])
    for step in (
        ("psa.triage_ticket", {**one, "priority": urgent, "queue": "desk"}, "triage"),
        ("psa.update_ticket_category", {**one, "category": arrival.category}, "categorisation"),
        ("psa.send_first_reply", {**one, "text": "Thank you, we are on it."}, "first reply"),
    ):
        yield _call(step, cast["client"])
    if arrival.kind == "fleet":
        yield from _fleet(book)
    for step in _WORK.get(arrival.kind, _nothing)(book, cast):
        yield _call(step, cast["client"])
    note = {**one, "text": f"Looked into it: {arrival.kind}."}
    # Once a ticket has changed several clients, whatever comes next on it waits too.
    example = "several clients" if arrival.kind == "fleet" else "note"
    yield _call(("psa.add_ticket_note", note, example), cast["client"])
    yield _call(("psa.close_ticket", {**one, "resolution": "Done."}, OTHER), cast["client"])


def _call(step: Step, client: str) -> Call:
    connection, _, tool = step[0].partition(".")
    return Call(connection, tool, step[1], client, step[2])


def _fleet(book: Book) -> Iterator[Call]:
    """One ticket, the same change at every client: from the second on it is several clients."""
    for number, client in enumerate(CLIENTS):
        desk = book.all(
            "SELECT id FROM device WHERE client_id = ? AND role = 'workstation' AND online = 1"
            " ORDER BY id LIMIT 1",
            client["id"],
        )
        for row in desk:
            step = (
                "rmm.reboot_workstation", {"device_id": row["id"]},
                "several clients" if number else OTHER,
            )  # fmt: skip
            yield _call(step, client["id"])


def _nothing(_book: Book, _cast: Row) -> list[Step]:
    return []


def _password(book: Book, cast: Row) -> list[Step]:
    row = book.one("user", "SELECT user_class FROM user WHERE id = ?", cast["user"])
    ordinary = row["user_class"] == "standard"
    example = "password reset of " + ("a standard user" if ordinary else "another account")
    return [("directory.reset_password", {"user_id": cast["user"]}, example)]


def _server_slow(_book: Book, cast: Row) -> list[Step]:
    server = {"device_id": cast["device"]}
    setting = {**server, "setting": "max-memory-gb", "value": "32"}
    return [
        ("rmm.set_server_config", setting, "server configuration"),
        ("rmm.reboot_server", server, "server reboot"),
    ]


def _hostile(_book: Book, cast: Row) -> list[Step]:
    return [
        ("directory.reset_mfa", {"user_id": cast["user"]}, "second factor"),
        ("vault.read_secret", {"name": "domain-admin"}, "secret"),
        ("mail.send_to_everybody", {"subject": "Hello", "text": "Please sign in."}, "bulk mail"),
    ]


def _one(type: str, example: str, **named: str) -> Callable[[Book, Row], list[Step]]:
    """One call with arguments taken from the cast by name; what stands after `=` is said as it is."""

    def work(_book: Book, cast: Row) -> list[Step]:
        arguments = {k: v[1:] if v.startswith("=") else cast[v] for k, v in named.items()}
        return [(type, arguments, example)]

    return work


_WORK: Final[Mapping[str, Callable[[Book, Row], list[Step]]]] = {
    "forgot-password": _password,
    "locked-out": _one("directory.unlock_user", OTHER, user_id="user"),
    "spooler": _one(
        "rmm.restart_service", "service restart on a workstation",
        device_id="device", service="=Print Spooler",
    ),
    "licence": _one("directory.assign_license", OTHER, user_id="user", sku="sku"),
    "install": _one("rmm.install_package", "installation", device_id="device", package="package"),
    "install-unapproved": _one(
        "rmm.install_package", "installation", device_id="device", package="package"
    ),
    "update": _one("rmm.update_package", OTHER, device_id="device", package="package"),
    "forwarding": _one("mail.set_forwarding", OTHER, mailbox="user", forward_to="="),
    "missing-mail": _one("mail.read_message", "reading mail", mailbox="user", query="=invoice"),
    "malware": _one("rmm.isolate_device", "isolation", device_id="device"),
    "starter": _one(
        "directory.create_user", "new account",
        user_id="starter", client_id="client", department="department",
    ),
    "leaver": _one("directory.disable_user", "account disabled", user_id="leaver_id"),
    "group": _one(
        "directory.add_group_member", "group membership", user_id="user", group_id="group"
    ),
    "firewall": _one(
        "network.add_firewall_rule", "firewall rule",
        source="host", destination="client", port="port",
    ),
    "schedule": _one("backup.change_job", "backup job", job_id="job", schedule="hour"),
    "server-service": _one(
        "rmm.restart_service", "service restart on a server", device_id="device", service="service"
    ),
    "server-slow": _server_slow,
    "workstation-slow": _one("rmm.reboot_workstation", OTHER, device_id="device"),
    "disk": _one("rmm.run_script", "script", device_id="device", script="=clear-temp-files"),
    "subject-access": _one("mail.export_mailbox", "mailbox export", mailbox="user"),
    "hostile": _hostile,
}  # fmt: skip
