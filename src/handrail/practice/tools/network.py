"""Firewalls and switches."""

from typing import Final

from handrail.errors import Conflict
from handrail.practice.tools.base import (
    CLIENT,
    DEVICE,
    READ,
    Said,
    Shelf,
    booleans,
    choice,
    client,
    device,
    number,
    text,
)
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()
_RULE: Final = text("Name of the rule, such as LAN-to-WAN-web.")
_PORT: Final = number("Port of the switch.", 1, 48)


@SHELF.tool(
    "list_firewall_rules",
    "List a client's firewall rules in the order in which they apply.",
    {"client_id": CLIENT},
    hints=READ,
)
def list_firewall_rules(book: Book, args: Row) -> Said:
    client(book, args["client_id"])
    rows = book.all(
        "SELECT * FROM firewall_rule WHERE client_id = ? ORDER BY position", args["client_id"]
    )
    return Said(f"{len(rows)} rules.", {"rules": rows})


def _rule(book: Book, args: Row) -> Row:
    return book.one(
        f"firewall rule {args['name']} at {args['client_id']}",
        "SELECT * FROM firewall_rule WHERE client_id = ? AND name = ?",
        args["client_id"],
        args["name"],
    )


@SHELF.tool(
    "get_firewall_rule",
    "Read one firewall rule.",
    {"client_id": CLIENT, "name": _RULE},
    hints=READ,
)
def get_firewall_rule(book: Book, args: Row) -> Said:
    row = _rule(book, args)
    return Said(
        f"{row['position']}. {row['name']}: {row['action']} {row['service']} from {row['source']}"
        f" to {row['destination']}.",
        row,
    )


@SHELF.tool(
    "add_firewall_rule",
    "Add a firewall rule at a position; later rules move down.",
    {
        "client_id": CLIENT,
        "name": _RULE,
        "action": choice("What it does.", "allow", "deny"),
        "source": text("Where from: a network or any."),
        "destination": text("Where to: a network or any."),
        "service": text("Protocol and port, such as tcp/445, or any."),
        "position": number("Where it stands; the end when left out.", 1, 500),
    },
    optional=("position",),
    # The maker of this upstream says so; it is not true, and must not lower anything.
    hints={"readOnlyHint": False, "destructiveHint": False},
)
def add_firewall_rule(book: Book, args: Row) -> Said:
    site = client(book, args["client_id"])
    if book.find(
        "SELECT 1 FROM firewall_rule WHERE client_id = ? AND name = ?", site["id"], args["name"]
    ):
        raise Conflict(f"a firewall rule {args['name']} exists already at {site['id']}")
    end = book.count(
        "SELECT coalesce(max(position), 0) + 1 FROM firewall_rule WHERE client_id = ?", site["id"]
    )
    position = min(args.get("position", end), end)
    book.run(
        "UPDATE firewall_rule SET position = position + 1 WHERE client_id = ? AND position >= ?",
        site["id"],
        position,
    )
    book.run(
        "INSERT INTO firewall_rule VALUES (?, ?, ?, ?, ?, ?, ?)",
        site["id"],
        args["name"],
        position,
        args["action"],
        args["source"],
        args["destination"],
        args["service"],
    )
    return Said(
        f"Rule {args['name']} stands at position {position}.",
        {"client_id": site["id"], "name": args["name"], "position": position},
    )


@SHELF.tool(
    "remove_firewall_rule",
    "Remove a firewall rule; later rules move up.",
    {"client_id": CLIENT, "name": _RULE},
)
def remove_firewall_rule(book: Book, args: Row) -> Said:
    row = _rule(book, args)
    book.run(
        "DELETE FROM firewall_rule WHERE client_id = ? AND name = ?", row["client_id"], row["name"]
    )
    book.run(
        "UPDATE firewall_rule SET position = position - 1 WHERE client_id = ? AND position > ?",
        row["client_id"],
        row["position"],
    )
    return Said(
        f"Rule {row['name']} is removed.", {"client_id": row["client_id"], "name": row["name"]}
    )


def _port(book: Book, args: Row) -> Row:
    switch = device(book, args["device_id"])
    row = book.one(
        f"port {args['port']} of {switch['id']}",
        "SELECT * FROM switch_port WHERE device_id = ? AND port = ?",
        switch["id"],
        args["port"],
    )
    return booleans(row, "enabled")


@SHELF.tool(
    "get_switch_port",
    "Read a port of a switch: VLAN and what is attached.",
    {"device_id": DEVICE, "port": _PORT},
    hints=READ,
)
def get_switch_port(book: Book, args: Row) -> Said:
    row = _port(book, args)
    attached = row["attached"] or "nothing"
    return Said(f"Port {row['port']} is in VLAN {row['vlan']}, {attached} attached.", row)


@SHELF.tool(
    "set_port_vlan",
    "Put a port of a switch into a VLAN.",
    {"device_id": DEVICE, "port": _PORT, "vlan": number("VLAN.", 1, 4094)},
)
def set_port_vlan(book: Book, args: Row) -> Said:
    row = _port(book, args)
    book.run(
        "UPDATE switch_port SET vlan = ? WHERE device_id = ? AND port = ?",
        args["vlan"],
        row["device_id"],
        row["port"],
    )
    return Said(
        f"Port {row['port']} of {row['device_id']}: VLAN {row['vlan']} to {args['vlan']}.",
        {"device_id": row["device_id"], "port": row["port"], "vlan": args["vlan"]},
    )
