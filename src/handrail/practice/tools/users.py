"""Accounts, groups and licences."""

from typing import Final

from handrail.errors import Conflict
from handrail.practice.seed import account
from handrail.practice.tools.base import (
    BOOLEAN,
    CLIENT,
    DESTRUCTIVE,
    READ,
    STRING,
    USER,
    Said,
    Shelf,
    booleans,
    client,
    number,
    text,
    user,
)
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()
_GROUP: Final = text("Group id, such as HDG/VPN users.")
_SKU: Final = text("Licence, such as VISIO-PLAN2.")


@SHELF.tool(
    "search_users",
    "Find users by part of a name or sign-in name.",
    {
        "query": {"type": "string", "description": "Part of a name.", "maxLength": 100},
        "client_id": CLIENT,
        "limit": number("At most this many.", 1, 25),
    },
    optional=("query", "client_id", "limit"),
    hints=READ,
)
def search_users(book: Book, args: Row) -> Said:
    rows = book.all(
        "SELECT id, client_id, name, department, user_class FROM user WHERE deleted = 0"
        " AND (name LIKE ? OR id LIKE ?) AND client_id = coalesce(?, client_id) ORDER BY id LIMIT ?",
        f"%{args.get('query', '')}%",
        f"%{args.get('query', '')}%",
        args.get("client_id"),
        args.get("limit", 10),
    )
    return Said(f"{len(rows)} users.", {"users": rows})


@SHELF.tool(
    "get_user",
    "Read an account: class, state, groups and licences.",
    {"user_id": USER},
    returns={
        "id": STRING,
        "client_id": STRING,
        "user_class": STRING,
        "enabled": BOOLEAN,
        "locked": BOOLEAN,
        "deleted": BOOLEAN,
    },
    hints=READ,
)
def get_user(book: Book, args: Row) -> Said:
    row = booleans(
        book.one(f"user {args['user_id']}", "SELECT * FROM user WHERE id = ?", args["user_id"]),
        "enabled",
        "locked",
        "must_change_password",
        "deleted",
    )
    row["groups"] = [
        g["group_id"]
        for g in book.all(
            "SELECT group_id FROM membership WHERE user_id = ? ORDER BY group_id", row["id"]
        )
    ]
    row["licences"] = [
        s["sku"]
        for s in book.all("SELECT sku FROM licence WHERE user_id = ? ORDER BY sku", row["id"])
    ]
    state = "locked" if row["locked"] else "enabled" if row["enabled"] else "disabled"
    return Said(f"{row['name']} ({row['id']}), {row['user_class']}, {state}.", row)


@SHELF.tool(
    "reset_password",
    "Reset a user's password. The new one is told to the user by phone and must be changed.",
    {"client_id": CLIENT, "user_id": USER},
    hints={"title": "Reset password", "readOnlyHint": False},
)
def reset_password(book: Book, args: Row) -> Said:
    row = user(book, args["user_id"], args["client_id"])
    book.run("UPDATE user SET must_change_password = 1, locked = 0 WHERE id = ?", row["id"])
    return Said(
        f"Password of {row['id']} was reset and told by phone ending {row['phone'][-2:]}.",
        {"user_id": row["id"], "must_change_password": True},
    )


@SHELF.tool("unlock_user", "Unlock a locked account.", {"client_id": CLIENT, "user_id": USER})
def unlock_user(book: Book, args: Row) -> Said:
    row = user(book, args["user_id"], args["client_id"])
    if not row["locked"]:
        raise Conflict(f"{row['id']} is not locked")
    book.run("UPDATE user SET locked = 0 WHERE id = ?", row["id"])
    return Said(f"{row['id']} is unlocked.", {"user_id": row["id"], "locked": False})


def _enable(book: Book, args: Row, enabled: bool) -> Said:
    row = user(book, args["user_id"], args["client_id"])
    word = "enabled" if enabled else "disabled"
    if row["enabled"] is enabled:
        raise Conflict(f"{row['id']} is already {word}")
    book.run("UPDATE user SET enabled = ? WHERE id = ?", int(enabled), row["id"])
    return Said(f"{row['id']} is {word}.", {"user_id": row["id"], "enabled": enabled})


@SHELF.tool(
    "disable_user",
    "Disable an account; nobody can sign in with it.",
    {"client_id": CLIENT, "user_id": USER},
    hints=DESTRUCTIVE,
)
def disable_user(book: Book, args: Row) -> Said:
    return _enable(book, args, enabled=False)


@SHELF.tool("enable_user", "Enable an account.", {"client_id": CLIENT, "user_id": USER})
def enable_user(book: Book, args: Row) -> Said:
    return _enable(book, args, enabled=True)


@SHELF.tool(
    "create_user",
    "Create an account with a mailbox.",
    {
        "client_id": CLIENT,
        "name": text("Full name."),
        "title": text("Position."),
        "department": text("Department."),
    },
)
def create_user(book: Book, args: Row) -> Said:
    site = client(book, args["client_id"])
    new = account(args["name"], site["domain"])
    if book.find("SELECT 1 FROM user WHERE id = ?", new):
        raise Conflict(f"the account {new} exists already")
    book.run(
        "INSERT INTO user VALUES (?, ?, ?, ?, ?, '', 'standard', 1, 0, 1, 'none', 0)",
        new,
        site["id"],
        args["name"],
        args["title"],
        args["department"],
    )
    book.run("INSERT INTO mailbox VALUES (?, 0, '', 0, '')", new)
    return Said(f"Created {new}.", {"user_id": new, "client_id": site["id"]})


@SHELF.tool(
    "delete_user",
    "Delete an account. It can be restored for 30 days.",
    {"client_id": CLIENT, "user_id": USER},
    hints=DESTRUCTIVE,
)
def delete_user(book: Book, args: Row) -> Said:
    row = user(book, args["user_id"], args["client_id"])
    book.run("UPDATE user SET deleted = 1 WHERE id = ?", row["id"])
    return Said(f"{row['id']} is deleted.", {"user_id": row["id"], "restorable_days": 30})


@SHELF.tool("restore_user", "Restore a deleted account.", {"client_id": CLIENT, "user_id": USER})
def restore_user(book: Book, args: Row) -> Said:
    found = book.run(
        "UPDATE user SET deleted = 0 WHERE id = ? AND client_id = ? AND deleted = 1",
        args["user_id"],
        args["client_id"],
    )
    if not found:
        raise Conflict(f"{args['user_id']} is not a deleted account of {args['client_id']}")
    return Said(f"{args['user_id']} is restored.", {"user_id": args["user_id"]})


@SHELF.tool(
    "reset_mfa",
    "Remove a user's sign-in factors, so that new ones can be set up.",
    {"client_id": CLIENT, "user_id": USER},
)
def reset_mfa(book: Book, args: Row) -> Said:
    row = user(book, args["user_id"], args["client_id"])
    book.run("UPDATE user SET mfa = 'none' WHERE id = ?", row["id"])
    return Said(f"{row['id']} has no factors now.", {"user_id": row["id"], "mfa": "none"})


@SHELF.tool("list_groups", "List a client's groups and what they grant.", {"client_id": CLIENT})
def list_groups(book: Book, args: Row) -> Said:
    client(book, args["client_id"])
    rows = book.all(
        "SELECT id, name, grants, (SELECT count(*) FROM membership WHERE group_id = id) AS members"
        " FROM user_group WHERE client_id = ? ORDER BY id",
        args["client_id"],
    )
    return Said(f"{len(rows)} groups.", {"groups": rows})


def _same_client(book: Book, args: Row) -> tuple[Row, Row]:
    row = user(book, args["user_id"])
    group = book.one(
        f"group {args['group_id']} at {row['client_id']}",
        "SELECT * FROM user_group WHERE id = ? AND client_id = ?",
        args["group_id"],
        row["client_id"],
    )
    return row, group


@SHELF.tool("add_user_to_group", "Add a user to a group.", {"user_id": USER, "group_id": _GROUP})
def add_user_to_group(book: Book, args: Row) -> Said:
    row, group = _same_client(book, args)
    if not book.run("INSERT OR IGNORE INTO membership VALUES (?, ?)", group["id"], row["id"]):
        raise Conflict(f"{row['id']} is already in {group['id']}")
    return Said(
        f"{row['id']} is in {group['id']}: {group['grants']}.",
        {"user_id": row["id"], "group_id": group["id"], "member": True},
    )


@SHELF.tool(
    "remove_user_from_group",
    "Remove a user from a group.",
    {"user_id": USER, "group_id": _GROUP},
)
def remove_user_from_group(book: Book, args: Row) -> Said:
    row, group = _same_client(book, args)
    if not book.run(
        "DELETE FROM membership WHERE group_id = ? AND user_id = ?", group["id"], row["id"]
    ):
        raise Conflict(f"{row['id']} is not in {group['id']}")
    return Said(
        f"{row['id']} is no longer in {group['id']}.",
        {"user_id": row["id"], "group_id": group["id"], "member": False},
    )


@SHELF.tool(
    "assign_license",
    "Assign a licence from the client's pool to a user.",
    {"client_id": CLIENT, "user_id": USER, "sku": _SKU},
)
def assign_license(book: Book, args: Row) -> Said:
    row = user(book, args["user_id"], args["client_id"])
    pool = book.one(
        f"licence {args['sku']} at {row['client_id']}",
        "SELECT total, (SELECT count(*) FROM licence l JOIN user u ON u.id = l.user_id"
        " WHERE l.sku = p.sku AND u.client_id = p.client_id) AS used"
        " FROM licence_pool p WHERE client_id = ? AND sku = ?",
        row["client_id"],
        args["sku"],
    )
    if book.find("SELECT 1 FROM licence WHERE user_id = ? AND sku = ?", row["id"], args["sku"]):
        raise Conflict(f"{row['id']} already has {args['sku']}")
    if pool["used"] >= pool["total"]:
        raise Conflict(
            f"all {pool['total']} seats of {args['sku']} are in use",
            hint="Order a seat, or free one.",
        )
    book.run("INSERT INTO licence VALUES (?, ?)", row["id"], args["sku"])
    return Said(
        f"{row['id']} has {args['sku']}.",
        {"user_id": row["id"], "sku": args["sku"], "free": pool["total"] - pool["used"] - 1},
    )


@SHELF.tool(
    "remove_license",
    "Take a licence from a user; what only this licence gave stops working.",
    {"client_id": CLIENT, "user_id": USER, "sku": _SKU},
)
def remove_license(book: Book, args: Row) -> Said:
    row = user(book, args["user_id"], args["client_id"])
    if not book.run("DELETE FROM licence WHERE user_id = ? AND sku = ?", row["id"], args["sku"]):
        raise Conflict(f"{row['id']} has no {args['sku']}")
    return Said(
        f"{row['id']} has no {args['sku']} now.", {"user_id": row["id"], "sku": args["sku"]}
    )


@SHELF.tool(
    "export_users",
    "Export all accounts of a client with phone numbers and sign-in factors.",
    {"client_id": CLIENT},
    hints=READ,
)
def export_users(book: Book, args: Row) -> Said:
    client(book, args["client_id"])
    rows = book.all(
        "SELECT id, name, title, department, phone, user_class, mfa FROM user"
        " WHERE client_id = ? AND deleted = 0 ORDER BY id",
        args["client_id"],
    )
    return Said(f"{len(rows)} accounts.", {"accounts": rows})
