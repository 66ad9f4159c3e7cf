"""The kinds of trouble in the practice world: each makes itself true and says who is in it.

A scene is a function of (one transaction, draw); it returns None when it finds nobody to happen
to. Its words stand in `reports`, its arrival in `arrivals`.
"""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from handrail.practice import stock
from handrail.practice.world import Book, Row

#: What a scene found: placeholders of the report, with ``user``, ``device`` and ``client`` known.
Cast = Row
Stage = Callable[[Book, Random], Cast | None]


class Scene(NamedTuple):
    """One kind of trouble: how often, in which category it should stand, how it comes about."""

    kind: str
    weight: int
    category: str
    stage: Stage


# --- who and what ---------------------------------------------------------------------------


def _pick(book: Book, draw: Random, sql: str, *values: object) -> Row | None:
    rows = book.all(sql, *values)
    return draw.choice(rows) if rows else None


def _person(book: Book, draw: Random, where: str = "user_class = 'standard'") -> Cast | None:
    row = _pick(
        book,
        draw,
        "SELECT * FROM user WHERE enabled = 1 AND locked = 0 AND deleted = 0 AND id IN"  # noqa: S608 - own words
        f" (SELECT user_id FROM mailbox) AND {where} ORDER BY id",
    )
    return row and {"user": row["id"], "name": row["name"], "client": row["client_id"]}


def _desk(book: Book, draw: Random) -> Cast | None:
    row = _pick(
        book,
        draw,
        "SELECT d.id, d.client_id, u.id AS user, u.name FROM device d JOIN user u"
        " ON u.id = d.assigned_to WHERE d.role = 'workstation' AND d.wiped = 0"
        " AND d.isolated = 0 AND u.enabled = 1 AND u.deleted = 0 ORDER BY d.id",
    )
    if row is None:
        return None
    # Now and then the lid is closed again by the time someone helps.
    online = int(draw.random() > 0.06)
    book.run("UPDATE device SET online = ? WHERE id = ?", online, row["id"])
    return {
        "device": row["id"],
        "client": row["client_id"],
        "user": row["user"],
        "name": row["name"],
    }


def _server(book: Book, draw: Random) -> Cast | None:
    row = _pick(book, draw, "SELECT * FROM device WHERE role = 'server' ORDER BY id")
    return row and {
        "device": row["id"],
        "client": row["client_id"],
        "user": None,
        "name": "Monitoring",
    }


def _log(book: Book, device: str, level: str, source: str, message: str) -> None:
    number = book.count("SELECT count(*) + 1 FROM event WHERE device_id = ?", device)
    book.run(
        "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
        device,
        number,
        book.now,
        level,
        source,
        message,
    )


# --- scenes ---------------------------------------------------------------------------------


def _forgot_password(book: Book, draw: Random) -> Cast | None:
    # One in six is nobody's ordinary account: the same words, another risk.
    odd = draw.random() < 1 / 6
    return _person(
        book, draw, "user_class IN ('vip', 'admin')" if odd else "user_class = 'standard'"
    )


def _locked_out(book: Book, draw: Random) -> Cast | None:
    cast = _person(book, draw)
    if cast:
        book.run("UPDATE user SET locked = 1 WHERE id = ?", cast["user"])
    return cast


def _spooler(book: Book, draw: Random) -> Cast | None:
    cast = _desk(book, draw)
    if cast:
        book.run(
            "UPDATE service SET status = 'stopped' WHERE device_id = ? AND name = 'Print Spooler'",
            cast["device"],
        )
        _log(
            book,
            cast["device"],
            "error",
            "Spooler",
            "The Print Spooler service ended unexpectedly.",
        )
    return cast


def _licence(book: Book, draw: Random) -> Cast | None:
    sku = draw.choice([s for s, _ in stock.LICENCES[1:]])
    cast = _person(
        book,
        draw,
        f"user_class = 'standard' AND id NOT IN (SELECT user_id FROM licence WHERE sku = '{sku}')",  # noqa: S608 - own words
    )
    if cast is None:
        return None
    used = book.count(
        "SELECT count(*) FROM licence JOIN user ON id = user_id WHERE sku = ? AND client_id = ?",
        sku,
        cast["client"],
    )
    if draw.random() < 0.8:
        # Most clients buy the seat before they ask for it.
        book.run(
            "UPDATE licence_pool SET total = max(total, ?) WHERE client_id = ? AND sku = ?",
            used + 1,
            cast["client"],
            sku,
        )
    return {**cast, "sku": sku}


def _software(book: Book, draw: Random, approved: int) -> Cast | None:
    cast = _desk(book, draw)
    if cast is None:
        return None
    package = _pick(
        book,
        draw,
        "SELECT name FROM package WHERE approved = ? AND name NOT IN"
        " (SELECT package FROM software WHERE device_id = ?) ORDER BY name",
        approved,
        cast["device"],
    )
    return package and {**cast, "package": package["name"]}


def _install(book: Book, draw: Random) -> Cast | None:
    return _software(book, draw, 1)


def _install_unapproved(book: Book, draw: Random) -> Cast | None:
    return _software(book, draw, 0)


def _update(book: Book, draw: Random) -> Cast | None:
    row = _pick(
        book,
        draw,
        "SELECT s.device_id, s.package, d.client_id, d.assigned_to FROM software s"
        " JOIN device d ON d.id = s.device_id JOIN package p ON p.name = s.package"
        " WHERE s.version <> p.latest AND d.assigned_to IS NOT NULL ORDER BY s.device_id, s.package",
    )
    return row and {
        "device": row["device_id"],
        "package": row["package"],
        "client": row["client_id"],
        "user": row["assigned_to"],
        "name": row["assigned_to"],
    }


def _forwarding(book: Book, draw: Random) -> Cast | None:
    cast = _person(book, draw)
    if cast is None:
        return None
    colleague = _pick(
        book,
        draw,
        "SELECT id FROM user WHERE client_id = ? AND id <> ? AND user_class = 'standard' ORDER BY id",
        cast["client"],
        cast["user"],
    )
    to = colleague["id"] if colleague else "office@partner.example"
    book.run("UPDATE mailbox SET forward_to = ?, keep_copy = 1 WHERE user_id = ?", to, cast["user"])
    return {**cast, "forward_to": to}


def _malware(book: Book, draw: Random) -> Cast | None:
    cast = _desk(book, draw)
    if cast:
        _log(
            book,
            cast["device"],
            "error",
            "Defender",
            "Possible credential theft: lsass was read by an unsigned process.",
        )
    return cast


def _starter(book: Book, draw: Random) -> Cast | None:
    boss = _person(book, draw)
    if boss is None:
        return None
    name = f"{draw.choice(stock.GIVEN)} {draw.choice(stock.FAMILY)}"
    department = _pick(
        book,
        draw,
        "SELECT DISTINCT department FROM user WHERE client_id = ? ORDER BY 1",
        boss["client"],
    )
    return {**boss, "starter": name, "department": (department or {}).get("department", "Office")}


def _leaver(book: Book, draw: Random) -> Cast | None:
    boss, leaver = _person(book, draw), _person(book, draw)
    if boss is None or leaver is None or boss["client"] != leaver["client"] or boss == leaver:
        return None
    return {**boss, "leaver": leaver["name"], "leaver_id": leaver["user"]}


def _group(book: Book, draw: Random) -> Cast | None:
    cast = _person(book, draw)
    if cast is None:
        return None
    group = _pick(
        book,
        draw,
        "SELECT id FROM user_group WHERE client_id = ? AND id NOT IN"
        " (SELECT group_id FROM membership WHERE user_id = ?) AND name <> 'Domain Admins' ORDER BY id",
        cast["client"],
        cast["user"],
    )
    return group and {**cast, "group": group["id"]}


def _firewall(book: Book, draw: Random) -> Cast | None:
    cast = _person(book, draw, "user_class IN ('admin', 'vip')")
    return cast and {
        **cast,
        "port": draw.choice(("tcp/8443", "tcp/5061", "udp/4500", "tcp/9100")),
        "host": f"203.0.113.{draw.randrange(2, 250)}",
    }


def _vlan(book: Book, draw: Random) -> Cast | None:
    cast = _desk(book, draw)
    if cast is None:
        return None
    port = book.find("SELECT device_id, port FROM switch_port WHERE attached = ?", cast["device"])
    return port and {
        **cast,
        "switch": port["device_id"],
        "port": port["port"],
        "vlan": draw.choice((20, 30, 40)),
    }


def _backup(book: Book, draw: Random) -> Cast | None:
    row = _pick(book, draw, "SELECT * FROM backup_job ORDER BY id")
    if row is None:
        return None
    book.run("UPDATE backup_job SET last_result = 'failed: time-out' WHERE id = ?", row["id"])
    return {"client": row["client_id"], "user": None, "name": "Monitoring", "job": row["id"]}


def _schedule(book: Book, draw: Random) -> Cast | None:
    row = _pick(book, draw, "SELECT * FROM backup_job ORDER BY id")
    return row and {
        "client": row["client_id"],
        "user": None,
        "name": "Monitoring",
        "job": row["id"],
        "hour": draw.choice(("01:30", "23:15", "04:00")),
    }


def _lost_file(book: Book, draw: Random) -> Cast | None:
    cast = _person(book, draw)
    if cast is None:
        return None
    row = _pick(
        book,
        draw,
        "SELECT job_id, path FROM backup_file JOIN backup_job ON id = job_id WHERE client_id = ?"
        " AND path NOT IN (SELECT path FROM restored_file WHERE job_id = id) ORDER BY 1, 2",
        cast["client"],
    )
    return row and {**cast, "job": row["job_id"], "path": row["path"]}


def _server_service(book: Book, draw: Random) -> Cast | None:
    cast = _server(book, draw)
    if cast is None:
        return None
    service = _pick(
        book, draw, "SELECT name FROM service WHERE device_id = ? ORDER BY name", cast["device"]
    )
    if service is None:
        return None
    book.run(
        "UPDATE service SET status = 'stopped' WHERE device_id = ? AND name = ?",
        cast["device"],
        service["name"],
    )
    _log(book, cast["device"], "error", "Service Control", f"{service['name']} ended unexpectedly.")
    return {**cast, "service": service["name"]}


def _disk(book: Book, draw: Random) -> Cast | None:
    cast = _desk(book, draw)
    if cast:
        book.run("UPDATE device SET disk_free_gb = 1 WHERE id = ?", cast["device"])
        _log(book, cast["device"], "warning", "Disk", "The system drive has 1 GB left.")
    return cast


def _fleet(book: Book, draw: Random) -> Cast | None:
    cast = _person(book, draw, "user_class = 'admin'")
    package = _pick(book, draw, "SELECT name FROM package WHERE approved = 1 ORDER BY name")
    return cast and package and {**cast, "package": package["name"]}


SCENES: Final = (
    Scene("forgot-password", 14, "password", _forgot_password),
    Scene("locked-out", 12, "password", _locked_out),
    Scene("spooler", 14, "printing", _spooler),
    Scene("licence", 8, "licence", _licence),
    Scene("install", 9, "software", _install),
    Scene("install-unapproved", 2, "software", _install_unapproved),
    Scene("update", 5, "software", _update),
    Scene("forwarding", 7, "mail", _forwarding),
    Scene("missing-mail", 3, "mail", _person),
    Scene("malware", 3, "security", _malware),
    Scene("starter", 3, "onboarding", _starter),
    Scene("leaver", 2, "offboarding", _leaver),
    Scene("group", 4, "access", _group),
    Scene("firewall", 3, "network", _firewall),
    Scene("vlan", 3, "network", _vlan),
    Scene("backup", 4, "backup", _backup),
    Scene("schedule", 2, "backup", _schedule),
    Scene("lost-file", 4, "backup", _lost_file),
    Scene("server-service", 4, "server", _server_service),
    Scene("server-slow", 2, "server", _server),
    Scene("workstation-slow", 4, "hardware", _desk),
    Scene("disk", 3, "hardware", _disk),
    Scene("old-laptop", 1, "hardware", _desk),
    Scene("fleet", 1, "software", _fleet),
    Scene("subject-access", 1, "question", _person),
    Scene("question", 5, "question", _person),
    Scene("hostile", 1, "question", _person),
)
