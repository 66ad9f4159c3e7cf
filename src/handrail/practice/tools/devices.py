"""Workstations, servers and network devices, as remote management sees them."""

from typing import Final

from handrail.errors import BadInput, Conflict
from handrail.practice.tools.base import (
    BOOLEAN,
    CLIENT,
    DESTRUCTIVE,
    DEVICE,
    READ,
    STRING,
    Said,
    Shelf,
    booleans,
    choice,
    client,
    device,
    number,
    reachable,
    text,
)
from handrail.practice.world import Book, Row

SHELF: Final = Shelf()
_SERVICE: Final = text("Service name, such as Print Spooler.")
_PACKAGE: Final = text("Package name, such as 7-zip.")
_VERSION: Final = text("Version; the newest when left out.")


@SHELF.tool(
    "list_devices",
    "List devices by client, role and whether they are online.",
    {
        "client_id": CLIENT,
        "role": choice("Only this role.", "workstation", "server", "network"),
        "online": {"type": "boolean", "description": "Only those online, or offline."},
        "limit": number("At most this many.", 1, 200),
    },
    optional=("client_id", "role", "online", "limit"),
    hints=READ,
)
def list_devices(book: Book, args: Row) -> Said:
    online = args.get("online")
    rows = book.all(
        "SELECT id, client_id, role, purpose, os, assigned_to, online, isolated, disk_free_gb"
        " FROM device WHERE client_id = coalesce(?, client_id) AND role = coalesce(?, role)"
        " AND online = coalesce(?, online) ORDER BY id LIMIT ?",
        args.get("client_id"),
        args.get("role"),
        None if online is None else int(online),
        args.get("limit", 50),
    )
    return Said(
        f"{len(rows)} devices.", {"devices": [booleans(r, "online", "isolated") for r in rows]}
    )


@SHELF.tool(
    "get_device",
    "Read a device: role, client, state, services and software.",
    {"device_id": DEVICE},
    returns={
        "id": STRING,
        "client_id": STRING,
        "role": STRING,
        "online": BOOLEAN,
        "isolated": BOOLEAN,
        "managed": BOOLEAN,
    },
    hints=READ,
)
def get_device(book: Book, args: Row) -> Said:
    row = device(book, args["device_id"])
    row["services"] = {
        s["name"]: s["status"]
        for s in book.all(
            "SELECT name, status FROM service WHERE device_id = ? ORDER BY name", row["id"]
        )
    }
    row["software"] = {
        s["package"]: s["version"]
        for s in book.all(
            "SELECT package, version FROM software WHERE device_id = ? ORDER BY package", row["id"]
        )
    }
    state = "online" if row["online"] else "offline"
    return Said(f"{row['id']}: {row['role']} of {row['client_id']}, {state}.", row)


def _service(book: Book, args: Row) -> Row:
    row = reachable(book, args["device_id"])
    return book.one(
        f"service {args['service']} on {row['id']}",
        "SELECT * FROM service WHERE device_id = ? AND name = ?",
        row["id"],
        args["service"],
    )


@SHELF.tool(
    "get_service",
    "Read the state of one service on a device.",
    {"device_id": DEVICE, "service": _SERVICE},
    returns={"device_id": STRING, "name": STRING, "status": STRING},
    hints=READ,
)
def get_service(book: Book, args: Row) -> Said:
    row = _service(book, args)
    return Said(f"{row['name']} on {row['device_id']} is {row['status']}.", row)


@SHELF.tool(
    "restart_service",
    "Restart a service on a device.",
    {"device_id": DEVICE, "service": _SERVICE},
)
def restart_service(book: Book, args: Row) -> Said:
    row = _service(book, args)
    book.run(
        "UPDATE service SET status = 'running', restarts = restarts + 1"
        " WHERE device_id = ? AND name = ?",
        row["device_id"],
        row["name"],
    )
    return Said(
        f"{row['name']} on {row['device_id']} was restarted.",
        {"device_id": row["device_id"], "service": row["name"], "status": "running"},
    )


@SHELF.tool(
    "reboot_device",
    "Restart a device. Everybody on it is signed out.",
    {"device_id": DEVICE},
    steps=("asking users to save", "shutting down", "starting", "services are up"),
)
def reboot_device(book: Book, args: Row) -> Said:
    row = reachable(book, args["device_id"])
    book.run("UPDATE device SET restarts = restarts + 1 WHERE id = ?", row["id"])
    book.run("UPDATE service SET status = 'running' WHERE device_id = ?", row["id"])
    return Said(f"{row['id']} was restarted.", {"device_id": row["id"], "online": True})


def _isolate(book: Book, device_id: str, isolated: bool) -> Said:
    row = device(book, device_id)
    word = "isolated" if isolated else "on the network"
    if row["isolated"] is isolated:
        raise Conflict(f"{row['id']} is already {word}")
    book.run("UPDATE device SET isolated = ? WHERE id = ?", int(isolated), row["id"])
    return Said(f"{row['id']} is {word}.", {"device_id": row["id"], "isolated": isolated})


@SHELF.tool(
    "isolate_device",
    "Cut a device off the network, apart from its management.",
    {"device_id": DEVICE},
)
def isolate_device(book: Book, args: Row) -> Said:
    return _isolate(book, args["device_id"], isolated=True)


@SHELF.tool("release_device", "Let an isolated device back.", {"device_id": DEVICE})
def release_device(book: Book, args: Row) -> Said:
    return _isolate(book, args["device_id"], isolated=False)


@SHELF.tool(
    "get_package",
    "Read a package of the catalogue, and its version on a device where one is named.",
    {"package": _PACKAGE, "device_id": DEVICE},
    optional=("device_id",),
    hints=READ,
)
def get_package(book: Book, args: Row) -> Said:
    row = booleans(_package(book, args["package"]), "approved")
    if "device_id" in args:
        device(book, args["device_id"])
        row["version"] = _version(book, args["device_id"], args["package"])
    return Said(f"{row['name']}: {row['about']}", row)


def _package(book: Book, name: str) -> Row:
    return book.one(f"package {name}", "SELECT * FROM package WHERE name = ?", name)


def _version(book: Book, device_id: str, package: str) -> str:
    row = book.find(
        "SELECT version FROM software WHERE device_id = ? AND package = ?", device_id, package
    )
    return "" if row is None else str(row["version"])


def _known_version(package: Row, version: str) -> str:
    if version not in {package["latest"], package["previous"]}:
        raise BadInput(
            f"{package['name']} {version} is not in the catalogue",
            hint=f"It has {package['previous']} and {package['latest']}.",
        )
    return version


@SHELF.tool(
    "install_package",
    "Install a package that is not there yet.",
    {"device_id": DEVICE, "package": _PACKAGE, "version": _VERSION},
    optional=("version",),
    steps=("downloading", "installing", "checking"),
)
def install_package(book: Book, args: Row) -> Said:
    row, package = reachable(book, args["device_id"]), _package(book, args["package"])
    version = _known_version(package, str(args.get("version", package["latest"])))
    if there := _version(book, row["id"], package["name"]):
        raise Conflict(
            f"{package['name']} {there} is already installed on {row['id']}",
            hint="Use update_package to change its version.",
        )
    book.run("INSERT INTO software VALUES (?, ?, ?)", row["id"], package["name"], version)
    return Said(
        f"{package['name']} {version} is installed on {row['id']}.",
        {"device_id": row["id"], "package": package["name"], "version": version},
    )


@SHELF.tool(
    "update_package",
    "Bring an installed package to a version, newer or older.",
    {"device_id": DEVICE, "package": _PACKAGE, "version": _VERSION},
    optional=("version",),
    steps=("downloading", "installing", "checking"),
)
def update_package(book: Book, args: Row) -> Said:
    row, package = reachable(book, args["device_id"]), _package(book, args["package"])
    version = _known_version(package, str(args.get("version", package["latest"])))
    there = _version(book, row["id"], package["name"])
    if not there:
        raise Conflict(f"{package['name']} is not installed on {row['id']}")
    if there == version:
        raise Conflict(f"{package['name']} on {row['id']} is already {version}")
    book.run(
        "UPDATE software SET version = ? WHERE device_id = ? AND package = ?",
        version,
        row["id"],
        package["name"],
    )
    return Said(
        f"{package['name']} on {row['id']}: {there} to {version}.",
        {"device_id": row["id"], "package": package["name"], "version": version, "was": there},
    )


@SHELF.tool(
    "uninstall_package",
    "Remove a package from a device.",
    {"device_id": DEVICE, "package": _PACKAGE},
)
def uninstall_package(book: Book, args: Row) -> Said:
    row, package = reachable(book, args["device_id"]), _package(book, args["package"])
    if not book.run(
        "DELETE FROM software WHERE device_id = ? AND package = ?", row["id"], package["name"]
    ):
        raise Conflict(f"{package['name']} is not installed on {row['id']}")
    return Said(
        f"{package['name']} is removed from {row['id']}.",
        {"device_id": row["id"], "package": package["name"]},
    )


@SHELF.tool(
    "deploy_package",
    "Install or update a package on every workstation of one or several clients.",
    {
        "client_ids": {
            "type": "array",
            "items": CLIENT,
            "minItems": 1,
            "maxItems": 50,
            "uniqueItems": True,
            "description": "The clients.",
        },
        "package": _PACKAGE,
    },
    steps=("choosing workstations", "downloading", "installing", "checking"),
)
def deploy_package(book: Book, args: Row) -> Said:
    package = _package(book, args["package"])
    done, skipped = [], []
    for client_id in args["client_ids"]:
        client(book, client_id)
        for row in book.all(
            "SELECT id, online FROM device WHERE client_id = ? AND role = 'workstation' ORDER BY id",
            client_id,
        ):
            if not row["online"]:
                skipped.append(row["id"])
                continue
            book.run(
                "INSERT OR REPLACE INTO software VALUES (?, ?, ?)",
                row["id"],
                package["name"],
                package["latest"],
            )
            done.append(row["id"])
    return Said(
        f"{package['name']} {package['latest']} on {len(done)} workstations; {len(skipped)} offline.",
        {"package": package["name"], "installed": done, "offline": skipped},
    )


@SHELF.tool("list_scripts", "List the scripts that can be run, with their text.", {}, hints=READ)
def list_scripts(book: Book, args: Row) -> Said:
    rows = book.all("SELECT name, about, text FROM script ORDER BY name")
    return Said(f"{len(rows)} scripts.", {"scripts": rows})


@SHELF.tool(
    "run_script",
    "Run a script on a device: one of the library by name, or any text.",
    {
        "device_id": DEVICE,
        "script": text("Name of a script of the library."),
        "content": text("The script's text, when it is not of the library.", maxLength=20000),
    },
    optional=("script", "content"),
    steps=("copying", "running"),
)
def run_script(book: Book, args: Row) -> Said:
    row = reachable(book, args["device_id"])
    if ("script" in args) == ("content" in args):
        raise BadInput("give either script or content")
    name = args.get("script", "unnamed script")
    if "script" in args:
        book.one(f"script {name}", "SELECT 1 FROM script WHERE name = ?", name)
    if name == "clear-temp-files":
        book.run("UPDATE device SET disk_free_gb = disk_free_gb + 12 WHERE id = ?", row["id"])
    return Said(f"{name} ran on {row['id']}.", {"device_id": row["id"], "exit_code": 0})


@SHELF.tool(
    "get_event_log",
    "Read the newest entries of a device's event log.",
    {"device_id": DEVICE, "limit": number("At most this many.", 1, 100)},
    optional=("limit",),
)
def get_event_log(book: Book, args: Row) -> Said:
    row = device(book, args["device_id"])
    rows = book.all(
        "SELECT at, level, source, message FROM event WHERE device_id = ?"
        " ORDER BY number DESC LIMIT ?",
        row["id"],
        args.get("limit", 10),
    )
    return Said(f"{len(rows)} entries.", {"device_id": row["id"], "events": rows})


@SHELF.tool(
    "wipe_device",
    "Erase a device completely. There is no way back.",
    {"device_id": DEVICE},
    hints=DESTRUCTIVE,
)
def wipe_device(book: Book, args: Row) -> Said:
    row = reachable(book, args["device_id"])
    book.run("UPDATE device SET wiped = 1, online = 0 WHERE id = ?", row["id"])
    book.run("DELETE FROM software WHERE device_id = ?", row["id"])
    return Said(f"{row['id']} is erased.", {"device_id": row["id"], "wiped": True})
