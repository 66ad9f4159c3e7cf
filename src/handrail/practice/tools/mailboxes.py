"""Mailboxes: settings, and their content."""

from typing import Final

from handrail.practice.tools.base import (
    BOOLEAN,
    READ,
    STRING,
    USER,
    Said,
    Shelf,
    booleans,
    choice,
    flag,
    number,
    user,
)
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()


def _mailbox(book: Book, user_id: str) -> Row:
    row = user(book, user_id)
    box = book.one(f"a mailbox of {user_id}", "SELECT * FROM mailbox WHERE user_id = ?", row["id"])
    return {**booleans(box, "keep_copy"), "client_id": row["client_id"]}


@SHELF.tool(
    "get_mailbox",
    "Read a mailbox's settings: size, forwarding, automatic reply. No messages.",
    {"user_id": USER},
    returns={
        "user_id": STRING,
        "forward_to": STRING,
        "keep_copy": BOOLEAN,
        "auto_reply": STRING,
    },
    hints=READ,
)
def get_mailbox(book: Book, args: Row) -> Said:
    box = _mailbox(book, args["user_id"])
    where = box["forward_to"] or "nowhere"
    return Said(f"{box['user_id']}: {box['size_mb']} MB, forwards to {where}.", box)


@SHELF.tool("get_mailbox_rules", "List a mailbox's rules.", {"user_id": USER})
def get_mailbox_rules(book: Book, args: Row) -> Said:
    box = _mailbox(book, args["user_id"])
    rows = book.all(
        "SELECT name, condition, action FROM mailbox_rule WHERE user_id = ? ORDER BY name",
        box["user_id"],
    )
    return Said(f"{len(rows)} rules.", {"user_id": box["user_id"], "rules": rows})


@SHELF.tool(
    "read_mailbox",
    "Read messages of a mailbox, newest first.",
    {
        "user_id": USER,
        "folder": choice("Folder.", "Inbox", "Sent"),
        "query": {"type": "string", "description": "Part of a subject.", "maxLength": 100},
        "limit": number("At most this many.", 1, 20),
    },
    optional=("folder", "query", "limit"),
    hints=READ,
)
def read_mailbox(book: Book, args: Row) -> Said:
    box = _mailbox(book, args["user_id"])
    rows = book.all(
        "SELECT id, folder, sender, subject, body, received FROM message WHERE user_id = ?"
        " AND folder = coalesce(?, folder) AND subject LIKE ? ORDER BY id DESC LIMIT ?",
        box["user_id"],
        args.get("folder"),
        f"%{args.get('query', '')}%",
        args.get("limit", 5),
    )
    return Said(f"{len(rows)} messages.", {"user_id": box["user_id"], "messages": rows})


@SHELF.tool(
    "set_mailbox_forwarding",
    "Set or, with an empty address, turn off the forwarding of a mailbox.",
    {
        "user_id": USER,
        "forward_to": {
            "type": "string",
            "description": "Address to forward to; empty turns forwarding off.",
            "maxLength": 200,
        },
        "keep_copy": flag("Whether a copy stays in the mailbox."),
    },
    optional=("keep_copy",),
)
def set_mailbox_forwarding(book: Book, args: Row) -> Said:
    box = _mailbox(book, args["user_id"])
    keep = args.get("keep_copy", False)
    book.run(
        "UPDATE mailbox SET forward_to = ?, keep_copy = ? WHERE user_id = ?",
        args["forward_to"],
        int(keep),
        box["user_id"],
    )
    return Said(
        f"{box['user_id']} forwards to {args['forward_to'] or 'nowhere'}.",
        {"user_id": box["user_id"], "forward_to": args["forward_to"], "keep_copy": keep},
    )


@SHELF.tool(
    "set_out_of_office",
    "Set or, with an empty text, turn off the automatic reply of a mailbox.",
    {
        "user_id": USER,
        "message": {
            "type": "string",
            "description": "The reply; empty turns it off.",
            "maxLength": 1000,
        },
    },
)
def set_out_of_office(book: Book, args: Row) -> Said:
    box = _mailbox(book, args["user_id"])
    book.run("UPDATE mailbox SET auto_reply = ? WHERE user_id = ?", args["message"], box["user_id"])
    state = "on" if args["message"] else "off"
    return Said(
        f"Automatic reply of {box['user_id']} is {state}.",
        {"user_id": box["user_id"], "auto_reply": args["message"]},
    )
