"""How the practice world begins: deterministic by seed.

Six clients, sixty people, eighty workstations, fourteen servers, a firewall and a switch each,
and everything that belongs to them. Same seed, same world, row for row.
"""

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Final

from handrail.practice import stock
from handrail.practice.clients import CLIENTS, SITES, Site
from handrail.practice.world import Book, chance

#: The day the practice world begins at; only texts show it, nothing is decided by it.
BEGINNING: Final = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


#: The safe target of rehearsals, at a client of low risk.
LAB_USER, LAB_DEVICE = "rehearsal@tallgrass.example", "TGF-LAB-01"


def fill(seed: int) -> Callable[[Book], None]:
    """Return what fills an empty world by *seed* (for `World.create`)."""

    def filling(book: Book) -> None:
        book.set("seed", seed)
        book.set("arrived", 0)
        _organisation(book)
        draw = chance(seed, "people")
        given, family = list(stock.GIVEN), list(stock.FAMILY)
        draw.shuffle(given)
        draw.shuffle(family)
        names = zip(given, family, strict=True)
        for site in SITES:
            people = [next(names) for _ in range(site.people)]
            _client(book, site)
            _people(book, site, people, chance(seed, "people", site.client))
            _devices(book, site, chance(seed, "devices", site.client))
            _network(book, site)
            _backups(book, site)
        _laboratory(book)

    return filling


def _laboratory(book: Book) -> None:
    """A user and a workstation that nobody works with: the safe target of rehearsals."""
    user, device, client = LAB_USER, LAB_DEVICE, "tallgrass-foods"
    book.run(
        "INSERT INTO user VALUES (?, ?, 'Rehearsal account', 'Laboratory', 'IT', '+1 555 0000',"
        " 'standard', 1, 0, 0, 'app', 0)",
        user,
        client,
    )
    book.run("INSERT INTO mailbox VALUES (?, 10, '', 0, '')", user)
    book.run(
        "INSERT INTO device VALUES (?, ?, 'workstation', 'laboratory', 'Windows 11 25H2', ?,"
        " '10.20.250.10', 1, 1, 0, 0, 200, 0)",
        device,
        client,
        user,
    )
    for row in book.all("SELECT name, previous FROM package WHERE name = '7-zip'"):
        book.run("INSERT INTO software VALUES (?, ?, ?)", device, row["name"], row["previous"])


def account(name: str, domain: str) -> str:
    """The sign-in name of a person: ``Björn Nyström`` → ``bjorn.nystrom@domain``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{plain.lower().replace(' ', '.')}@{domain}"


def _organisation(book: Book) -> None:
    for name, about, text in stock.SCRIPTS:
        book.run("INSERT INTO script VALUES (?, ?, ?)", name, about, text)
    for package in stock.PACKAGES:
        book.run("INSERT INTO package VALUES (?, ?, ?, ?, ?)", *package)
    for number, title, text in stock.RUNBOOKS:
        book.run(
            "INSERT INTO document VALUES (?, NULL, 'runbook', ?, ?)",
            number,
            f"{number} {title}",
            text,
        )


def _client(book: Book, site: Site) -> None:
    known = next(c for c in CLIENTS if c["id"] == site.client)
    book.run(
        "INSERT INTO client VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        site.client,
        known["name"],
        site.code,
        site.industry,
        site.city,
        known["timezone"],
        json.dumps(known["regimes"]),
        site.domain,
    )
    for kind, title, text in stock.SHEETS:
        book.run(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?)",
            f"{site.code}-{kind.upper().replace(' ', '-')}",
            site.client,
            kind,
            title.format(name=known["name"], code=site.code),
            text.format(name=known["name"], code=site.code),
        )
    for name, grants in (
        *((department, "files of the department") for department in site.departments),
        ("VPN users", "remote access"),
        ("Domain Admins", "everything"),
    ):
        book.run(
            "INSERT INTO user_group VALUES (?, ?, ?, ?)",
            f"{site.code}/{name}",
            site.client,
            name,
            grants,
        )


def _people(book: Book, site: Site, names: list[tuple[str, str]], draw: Random) -> None:
    classes = ["vip", "admin", "service", *["standard"] * (site.people - 3)]
    assigned = dict.fromkeys((sku for sku, _ in stock.LICENCES), 0)
    for number, (user_class, (given, family)) in enumerate(zip(classes, names, strict=True)):
        service = user_class == "service"
        name = f"svc {site.servers[0].lower()}" if service else f"{given} {family}"
        user = (
            f"svc-{site.servers[0].lower()}@{site.domain}"
            if service
            else account(name, site.domain)
        )
        department = site.departments[number % len(site.departments)]
        book.run(
            "INSERT INTO user VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, 0, ?, 0)",
            user,
            site.client,
            name,
            draw.choice(stock.TITLES[user_class]),
            department,
            f"+1 555 01{number:02d}",
            user_class,
            "none" if service else draw.choice(("app", "app", "key", "sms")),
        )
        groups = [department] if user_class in {"standard", "vip"} else []
        groups += ["Domain Admins"] if user_class in {"admin", "service"} else []
        groups += ["VPN users"] if not service and draw.random() < 0.4 else []
        for group in groups:
            book.run("INSERT INTO membership VALUES (?, ?)", f"{site.code}/{group}", user)
        if service:
            continue
        skus = ["M365-BUSINESS", *(s for s, _ in stock.LICENCES[1:] if draw.random() < 0.15)]
        for sku in skus:
            assigned[sku] += 1
            book.run("INSERT INTO licence VALUES (?, ?)", user, sku)
        _mailbox(book, user, draw)
    for sku, spare in stock.LICENCES:
        book.run(
            "INSERT INTO licence_pool VALUES (?, ?, ?)", site.client, sku, assigned[sku] + spare
        )


def _mailbox(book: Book, user: str, draw: Random) -> None:
    book.run("INSERT INTO mailbox VALUES (?, ?, '', 0, '')", user, draw.randrange(200, 9000))
    book.run(
        "INSERT INTO mailbox_rule VALUES (?, 'Newsletters', 'subject has \"newsletter\"',"
        " 'move to Reading')",
        user,
    )
    for number, (folder, subject, body) in enumerate(stock.MESSAGES, 1):
        book.run(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)",
            f"{user}#{number}",
            user,
            folder,
            "office@partner.example",
            subject,
            body,
            book.now,
        )


def _devices(book: Book, site: Site, draw: Random) -> None:
    owners = [
        row["id"]
        for row in book.all(
            "SELECT id FROM user WHERE client_id = ? AND user_class <> 'service' ORDER BY id",
            site.client,
        )
    ]
    places = [d.upper().replace(" ", "")[:5] for d in site.departments]
    numbers = {place: count(1) for place in places}
    for number in range(site.workstations):
        place = places[number % len(places)]
        name = f"{site.code}-{place}-{next(numbers[place]):02d}"
        owner = owners[number] if number < len(owners) else None
        # One workstation in ten is out of reach: closed laptops are what a help desk meets.
        online = int(owner is not None or draw.random() < 0.5)
        _device(book, site, name, "workstation", owner, number + 10, online, draw)
        for service in stock.WORKSTATION_SERVICES:
            book.run("INSERT INTO service VALUES (?, ?, 'running', 0)", name, service)
        for package, latest, previous, _, _ in stock.PACKAGES:
            if package in stock.STANDARD_SOFTWARE:
                version = latest if draw.random() < 0.5 else previous
                book.run("INSERT INTO software VALUES (?, ?, ?)", name, package, version)
    for number, short in enumerate(site.servers):
        name = f"{site.code}-{short}"
        _device(book, site, name, "server", None, number + 200, 1, draw)
        for service in stock.SERVER_SERVICES[short.rstrip("0123456789")]:
            book.run("INSERT INTO service VALUES (?, ?, 'running', 0)", name, service)
        for setting, value in stock.SERVER_CONFIG:
            book.run("INSERT INTO server_config VALUES (?, ?, ?)", name, setting, value)


def _device(
    book: Book,
    site: Site,
    name: str,
    role: str,
    owner: str | None,
    host: int,
    online: int,
    draw: Random,
) -> None:
    system = {"workstation": "Windows 11 25H2", "server": "Windows Server 2025"}.get(role, "FW 7.6")
    octet = [s.client for s in SITES].index(site.client) + 20
    book.run(
        "INSERT INTO device VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, 0, 0, ?, 0)",
        name,
        site.client,
        role,
        "desk" if role == "workstation" else name.partition("-")[2].rstrip("0123456789"),
        system,
        owner,
        f"10.{octet}.10.{host}",
        online,
        draw.randrange(8, 300),
    )
    for number, (source, message) in enumerate(
        (("Kernel", "The system started."), ("Update", "Updates were installed.")), 1
    ):
        book.run(
            "INSERT INTO event VALUES (?, ?, ?, 'info', ?, ?)",
            name,
            number,
            book.now,
            source,
            message,
        )


def _network(book: Book, site: Site) -> None:
    draw = chance("network", site.client)
    for short, host in (("FW01", 1), ("SW01", 2)):
        _device(book, site, f"{site.code}-{short}", "network", None, host, 1, draw)
    desks = book.all(
        "SELECT id FROM device WHERE client_id = ? AND role = 'workstation' ORDER BY id",
        site.client,
    )
    for port in range(1, 25):
        attached = desks[port - 1]["id"] if port <= len(desks) else ""
        book.run(
            "INSERT INTO switch_port VALUES (?, ?, 10, ?, ?)",
            f"{site.code}-SW01",
            port,
            attached,
            int(bool(attached)),
        )
    for position, rule in enumerate(stock.FIREWALL, 1):
        name, *rest = rule
        book.run(
            "INSERT INTO firewall_rule VALUES (?, ?, ?, ?, ?, ?, ?)",
            site.client,
            name,
            position,
            *rest,
        )


def _backups(book: Book, site: Site) -> None:
    for short in site.servers:
        job = f"{site.code}-{short}-nightly"
        book.run(
            "INSERT INTO backup_job VALUES (?, ?, ?, 'daily 22:00', 30, 'succeeded', 0)",
            job,
            site.client,
            f"{site.code}-{short}",
        )
        for path, size in stock.BACKUP_FILES:
            book.run("INSERT INTO backup_file VALUES (?, ?, ?)", job, path, size)
