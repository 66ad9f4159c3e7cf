"""What the command line starts but does not contain: the composition root passes it in.

A door knows no implementation, so `serve`, `verify` and the others arrive here as functions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from handrail.config import Settings
from handrail.core.model import Client, Person
from handrail.core.reconcile import Known
from handrail.errors import HandrailError

Say = Callable[[str], None]


class NotHeld(HandrailError):
    """Something that was checked does not hold; ``where`` says at what."""

    code = "not-held"

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.where = where


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `doctor` looked at."""

    name: str
    ok: bool
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a reader of the record remembers: keys of witnesses, and checkpoints or proofs kept."""

    witnesses: Sequence[str] = ()
    kept: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What of the record is exported: everything, or one client's entries between two instants;
    and the table beside it, `jsonl`, `csv` or none."""

    client: str = ""
    since: datetime | None = None
    until: datetime | None = None
    table: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a store on this computer knows about a policy's people, and the files of one version."""

    people: Sequence[Person]
    clients: Sequence[Client]
    files: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """The functions behind the commands that run or inspect a store."""

    serve: Callable[[Settings, Say], None]
    demo: Callable[[Settings, Say], None]
    #: Verify a published folder with a public key and the keys of witnesses; raises `NotHeld`.
    verify: Callable[[Path, str, Memory], Mapping[str, Any]]
    #: Witness logs until stopped: folder, name, logs' keys, whether they are new, host, port.
    witness: Callable[[Path, str, Sequence[str], bool, str, int, Say], None]
    #: Bring a held copy abreast of a published folder with the log's key; raises `NotHeld`.
    mirror: Callable[[Path, Path, str], Mapping[str, Any]]
    #: The paths of every tile of a log of that many entries.
    tiles: Callable[[int], Iterable[str]]
    #: The public key of the installation that the settings name, empty when there is none.
    key: Callable[[Settings], str]
    #: Write the record, or a part of it, into an empty folder.
    export: Callable[[Settings, Path, Part], Mapping[str, Any]]
    #: Write a verified backup into an empty folder; put one in the place of a lost database.
    backup: Callable[[Settings, Path, Say], Mapping[str, Any]]
    restore: Callable[[Path, Settings, Say], Mapping[str, Any]]
    #: Copy a SQLite database into an empty PostgreSQL one; returns what was copied.
    copy: Callable[[str, str, Say], Mapping[str, Any]]
    doctor: Callable[[Settings], Iterable[Finding]]
    #: The people and clients of a store, and the files of the policy version named, if one is.
    kept: Callable[[Settings, str], Kept]
    #: What began of a connection between two instants.
    began: Callable[[Settings, str, tuple[datetime, datetime]], Sequence[Known]]
    #: A policy folder's files over the recorded past: since, until, and how far it is.
    backtest: Callable[
        [Settings, Mapping[str, str], datetime | None, datetime | None, Callable[[int], None]],
        Mapping[str, Any],
    ]
    #: The raw tools of a live MCP server: name, command line or URL, headers.
    offered: Callable[[str, Sequence[str], str, Mapping[str, str]], Sequence[Mapping[str, Any]]]
    #: Run one benchmark, or all, on a record of so many entries; returns what it measured.
    bench: Callable[[str | None, Say, int], Mapping[str, Any]]
