"""What is done to servers: services that stop and start, and their settings."""

from typing import Final

from handrail.errors import Conflict
from handrail.practice.tools.base import (
    DESTRUCTIVE,
    DEVICE,
    READ,
    STRING,
    Said,
    Shelf,
    reachable,
    text,
)
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()
_SERVICE: Final = text("Service name, such as SQL Server.")
_SETTING: Final = text("Setting, such as max-memory-gb.")


def _switch(book: Book, args: Row, status: str) -> Said:
    row = reachable(book, args["device_id"])
    service = book.one(
        f"service {args['service']} on {row['id']}",
        "SELECT * FROM service WHERE device_id = ? AND name = ?",
        row["id"],
        args["service"],
    )
    if service["status"] == status:
        raise Conflict(f"{service['name']} on {row['id']} is already {status}")
    book.run(
        "UPDATE service SET status = ? WHERE device_id = ? AND name = ?",
        status,
        row["id"],
        service["name"],
    )
    return Said(
        f"{service['name']} on {row['id']} is {status}.",
        {"device_id": row["id"], "service": service["name"], "status": status},
    )


@SHELF.tool(
    "stop_service",
    "Stop a service; what depends on it stops working.",
    {"device_id": DEVICE, "service": _SERVICE},
    hints=DESTRUCTIVE,
)
def stop_service(book: Book, args: Row) -> Said:
    return _switch(book, args, "stopped")


@SHELF.tool("start_service", "Start a service.", {"device_id": DEVICE, "service": _SERVICE})
def start_service(book: Book, args: Row) -> Said:
    return _switch(book, args, "running")


def _setting(book: Book, args: Row) -> Row:
    row = reachable(book, args["device_id"])
    return book.one(
        f"setting {args['setting']} of {row['id']}",
        "SELECT * FROM server_config WHERE device_id = ? AND setting = ?",
        row["id"],
        args["setting"],
    )


@SHELF.tool(
    "get_server_config",
    "Read one setting of a server.",
    {"device_id": DEVICE, "setting": _SETTING},
    returns={"device_id": STRING, "setting": STRING, "value": STRING},
    hints=READ,
)
def get_server_config(book: Book, args: Row) -> Said:
    row = _setting(book, args)
    return Said(f"{row['setting']} of {row['device_id']} is {row['value']}.", row)


@SHELF.tool(
    "set_server_config",
    "Change one setting of a server; it stays after a restart.",
    {"device_id": DEVICE, "setting": _SETTING, "value": text("The new value.")},
)
def set_server_config(book: Book, args: Row) -> Said:
    row = _setting(book, args)
    book.run(
        "UPDATE server_config SET value = ? WHERE device_id = ? AND setting = ?",
        args["value"],
        row["device_id"],
        row["setting"],
    )
    return Said(
        f"{row['setting']} of {row['device_id']}: {row['value']} to {args['value']}.",
        {"device_id": row["device_id"], "setting": row["setting"], "value": args["value"]},
    )
