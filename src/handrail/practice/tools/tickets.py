"""Tickets of the help desk."""

from typing import Final

from handrail.errors import Conflict
from handrail.practice import arrivals
from handrail.practice.tools.base import (
    ARRAY,
    CLIENT,
    IDEMPOTENT,
    READ,
    STRING,
    USER,
    Said,
    Shelf,
    choice,
    client,
    number,
    text,
    user,
)
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()

CATEGORIES: Final = (
    "password",
    "access",
    "software",
    "hardware",
    "printing",
    "mail",
    "network",
    "security",
    "backup",
    "server",
    "licence",
    "onboarding",
    "offboarding",
    "question",
)
_STATUS: Final = ("new", "in progress", "waiting", "closed")
_TICKET: Final = text("Ticket id, such as HDG-1001.")
_CATEGORY: Final = choice("What the ticket is about.", *CATEGORIES)


def _ticket(book: Book, ticket_id: str) -> Row:
    return book.one(f"ticket {ticket_id}", "SELECT * FROM ticket WHERE id = ?", ticket_id)


def _open(book: Book, ticket_id: str) -> Row:
    row = _ticket(book, ticket_id)
    if row["status"] == "closed":
        raise Conflict(f"ticket {ticket_id} is already closed", hint="Reopen it first.")
    return row


@SHELF.tool(
    "list_clients",
    "List the clients of the organisation with industry, time zone and compliance regimes.",
    {},
    hints=READ,
)
def list_clients(book: Book, args: Row) -> Said:
    rows = book.all("SELECT id, name, industry, timezone, regimes FROM client ORDER BY id")
    return Said(f"{len(rows)} clients.", {"clients": rows})


@SHELF.tool(
    "list_tickets",
    "List tickets, oldest first. Filter by status and client.",
    {
        "status": choice("Only tickets in this status.", *_STATUS),
        "client_id": CLIENT,
        "limit": number("At most this many.", 1, 100),
    },
    optional=("status", "client_id", "limit"),
    returns={"tickets": ARRAY},
    hints=READ,
)
def list_tickets(book: Book, args: Row) -> Said:
    if args.get("status") == "new":
        arrivals.fill_queue(book)
    rows = book.all(
        "SELECT id, client_id, subject, category, priority, status, requester, assignee, opened"
        " FROM ticket WHERE status = coalesce(?, status) AND client_id = coalesce(?, client_id)"
        " ORDER BY rowid LIMIT ?",
        args.get("status"),
        args.get("client_id"),
        args.get("limit", 25),
    )
    return Said(f"{len(rows)} tickets.", {"tickets": rows})


@SHELF.tool(
    "get_ticket",
    "Read one ticket with its notes.",
    {"ticket_id": _TICKET},
    returns={"id": STRING, "client_id": STRING, "status": STRING, "category": STRING},
)
def get_ticket(book: Book, args: Row) -> Said:
    row = _ticket(book, args["ticket_id"])
    row["notes"] = book.all(
        "SELECT number, at, author, text, visibility FROM ticket_note WHERE ticket_id = ?"
        " ORDER BY number",
        row["id"],
    )
    return Said(f"{row['id']} ({row['status']}): {row['subject']}", row)


@SHELF.tool(
    "create_ticket",
    "Open a ticket for a client.",
    {
        "client_id": CLIENT,
        "subject": text("One line."),
        "description": text("What happened, as reported.", maxLength=4000),
        "category": _CATEGORY,
        "requester": USER,
    },
    optional=("category", "requester"),
)
def create_ticket(book: Book, args: Row) -> Said:
    site = client(book, args["client_id"])
    if "requester" in args:
        user(book, args["requester"], args["client_id"])
    ticket = arrivals.open_ticket(
        book,
        site,
        subject=args["subject"],
        description=args["description"],
        category=args.get("category", "question"),
        requester=args.get("requester"),
    )
    return Said(f"Opened {ticket}.", {"ticket_id": ticket, "status": "new"})


@SHELF.tool(
    "add_ticket_note",
    "Add a note to a ticket. A public note is sent to the requester.",
    {
        "ticket_id": _TICKET,
        "text": text("The note.", maxLength=4000),
        "visibility": choice("Who may read it.", "internal", "public"),
    },
    optional=("visibility",),
)
def add_ticket_note(book: Book, args: Row) -> Said:
    row = _open(book, args["ticket_id"])
    number_ = book.count("SELECT count(*) + 1 FROM ticket_note WHERE ticket_id = ?", row["id"])
    book.run(
        "INSERT INTO ticket_note VALUES (?, ?, ?, 'agent', ?, ?)",
        row["id"],
        number_,
        book.now,
        args["text"],
        args.get("visibility", "internal"),
    )
    return Said(f"Note {number_} added to {row['id']}.", {"ticket_id": row["id"], "note": number_})


@SHELF.tool(
    "update_ticket_category",
    "Change the category of a ticket.",
    {"ticket_id": _TICKET, "category": _CATEGORY},
    hints=IDEMPOTENT,
)
def update_ticket_category(book: Book, args: Row) -> Said:
    row = _open(book, args["ticket_id"])
    book.run("UPDATE ticket SET category = ? WHERE id = ?", args["category"], row["id"])
    return Said(
        f"{row['id']} moved from {row['category']} to {args['category']}.",
        {"ticket_id": row["id"], "category": args["category"]},
    )


@SHELF.tool(
    "assign_ticket",
    "Assign a ticket; an empty assignee puts it back into the queue.",
    {
        "ticket_id": _TICKET,
        "assignee": {"type": "string", "description": "Who takes it.", "maxLength": 80},
    },
    hints=IDEMPOTENT,
)
def assign_ticket(book: Book, args: Row) -> Said:
    row = _open(book, args["ticket_id"])
    status = row["status"]
    if not args["assignee"]:
        status = "new"
    elif status == "new":
        status = "in progress"
    book.run(
        "UPDATE ticket SET assignee = ?, status = ? WHERE id = ?",
        args["assignee"],
        status,
        row["id"],
    )
    return Said(
        f"{row['id']} is with {args['assignee'] or 'nobody'}.",
        {"ticket_id": row["id"], "assignee": args["assignee"], "status": status},
    )


@SHELF.tool(
    "set_ticket_status",
    "Set an open ticket to in progress or waiting.",
    {"ticket_id": _TICKET, "status": choice("The new status.", "new", "in progress", "waiting")},
)
def set_ticket_status(book: Book, args: Row) -> Said:
    row = _open(book, args["ticket_id"])
    book.run("UPDATE ticket SET status = ? WHERE id = ?", args["status"], row["id"])
    return Said(
        f"{row['id']} is {args['status']}.", {"ticket_id": row["id"], "status": args["status"]}
    )


@SHELF.tool(
    "close_ticket",
    "Close a ticket with its resolution.",
    {"ticket_id": _TICKET, "resolution": text("What solved it.", maxLength=2000)},
)
def close_ticket(book: Book, args: Row) -> Said:
    row = _open(book, args["ticket_id"])
    book.run(
        "UPDATE ticket SET status = 'closed', resolution = ? WHERE id = ?",
        args["resolution"],
        row["id"],
    )
    return Said(f"{row['id']} closed.", {"ticket_id": row["id"], "status": "closed"})


@SHELF.tool(
    "reopen_ticket",
    "Open a closed ticket again.",
    {
        "ticket_id": _TICKET,
        "status": choice("The status it gets.", "new", "in progress", "waiting"),
    },
    optional=("status",),
)
def reopen_ticket(book: Book, args: Row) -> Said:
    row = _ticket(book, args["ticket_id"])
    if row["status"] != "closed":
        raise Conflict(f"ticket {row['id']} is not closed")
    status = args.get("status", "in progress")
    book.run("UPDATE ticket SET status = ?, resolution = '' WHERE id = ?", status, row["id"])
    return Said(f"{row['id']} is {status} again.", {"ticket_id": row["id"], "status": status})
