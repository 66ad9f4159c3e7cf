"""What Handrail itself rests on, as far as this computer and its record can tell (SPEC 2, own
ground): `init` writes it into the policy, `doctor` says what a policy does not cover.

What it can't know stays people's to add: the groups that mean roles, channels, calendars,
backups, and the accounts by which Handrail's connections sign in.
"""

import getpass
import glob
import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from handrail.core.arguments import visible
from handrail.core.policy import Policy, load
from handrail.core.starter_policy import starter

#: Names that half the world shares: as own ground they would refuse what has nothing to do with us.
_SHARED = frozenset(
    "localhost root admin administrator user users ubuntu debian system service test host server "
    "docker container nobody default guest".split()
)
_PLACE = re.compile(r"^own_ground:.*\n", re.MULTILINE)


def here(data: Path, url: str) -> dict[str, str]:
    """Names of this computer that Handrail rests on, each with why."""
    found: dict[str, str] = {}

    def add(name: str, why: str) -> None:
        plain = name.strip().lower()
        if len(plain) > 3 and plain not in _SHARED and not re.fullmatch(r"[\d.:]+", plain):
            found.setdefault(plain, why)

    add(socket.gethostname(), "The host that Handrail runs on")
    add(urlsplit(url).hostname or "", "Where people and agents reach Handrail")
    add(str(data.resolve()), "Its data folder: database, keys, record")
    with suppress(KeyError, OSError):  # a container's user may have no name
        add(getpass.getuser(), "The account that Handrail runs as")
    return found


def people(addresses: Iterable[str]) -> dict[str, str]:
    """The accounts of the people who approve, each with why."""
    return {address.lower(): "Somebody who approves" for address in sorted(addresses) if address}


def uncovered(policy: Policy, names: Mapping[str, str]) -> dict[str, str]:
    """Those of *names* that no pattern of the policy's own ground covers."""
    return {n: why for n, why in names.items() if not any(policy.ground([visible(n)]))}


def lines(names: Mapping[str, str]) -> list[str]:
    """*names* as entries of `own_ground`, one a line."""
    return [
        f"  - {{pattern: {_quoted(glob.escape(name) + ('*' if '/' in name else ''))}, why: {_quoted(why)}}}"
        for name, why in names.items()
    ]


def filled(text: str, names: Mapping[str, str]) -> str:
    """The main file's *text* with *names* among its own ground."""
    place = _PLACE.search(text)
    if place is None or not names:
        return text
    added = "".join(line + "\n" for line in lines(names))
    return text[: place.end()] + added + text[place.end() :]


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def grounded(names: Mapping[str, str]) -> dict[str, str]:
    """The starter policy with *names* (each with why) among its own ground."""
    texts = starter()
    own = uncovered(load(texts), names)
    return {**texts, "handrail.yaml": filled(texts["handrail.yaml"], own)}
