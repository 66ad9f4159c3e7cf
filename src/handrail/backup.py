"""Copies that can be relied on: `handrail backup` and `handrail restore` (DOORS; LEDGER).

A backup is a folder: the database as one moment has it, the keys that open what is sealed in it,
directory files, and a manifest with a digest of each. It is taken beside a running server, and is
verified before it is called one: the database is whole, and its entries give the root that its
head states.

What signs the record is **not** in it. So a copy that is put back is noticed: on the same machine
the signer remembers more than the copy holds, elsewhere there is no signer that remembers it.
Either way nothing begins until two people have accepted what is missing (`ledger reopen`).
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from handrail.clock import Clock, rfc3339
from handrail.config import Settings
from handrail.errors import BadInput, HandrailError
from handrail.ledger import merkle
from handrail.ledger.memory import replace_durably

MANIFEST = "backup.json"
FORMAT = "handrail-backup/1"
_PREFIX = "sqlite:///"
_CHUNK = 1 << 20
_PAGES = 2_000  # database pages copied between two moments for others

Say = Callable[[str], None]


class NotWhole(HandrailError):
    """A backup that does not hold; nothing was put in its place."""

    code = "not-whole"


def backup(settings: Settings, out: Path, clock: Clock, say: Say) -> dict[str, Any]:
    """Write a verified backup of the installation of *settings* into the folder *out*, which is
    empty. Raises `BadInput`, `NotWhole`."""
    database = _database(settings)
    if not database.exists():
        raise BadInput(f"there is no database {database}", hint="Name one with --data.")
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(out.iterdir()):
        raise BadInput(f"{out} is not empty", hint="Name a new folder.")
    say(f"copying {database}")
    _copy(database, out / "handrail.db")
    # After the database: the key of all that is sealed was on disk before it was sealed.
    keys = settings.data / "keys"
    (out / "keys").mkdir(mode=0o700)
    _copy(keys / "keys.db", out / "keys" / "keys.db")
    _file(keys / "master.key", out / "keys" / "master.key")
    for file in _files(settings.data / "directory"):
        _file(file, out / "directory" / file.relative_to(settings.data / "directory"))
    say("verifying the copy")
    head = verified(out / "handrail.db")
    manifest = {
        "format": FORMAT,
        "at": rfc3339(clock.now()),
        **head,
        "files": {
            str(path.relative_to(out)): _digest(path) for path in _files(out) if path.is_file()
        },
    }
    replace_durably(out / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return {"out": str(out), **head}


def restore(source: Path, settings: Settings, say: Say) -> dict[str, Any]:
    """Put the backup in the folder *source* in the place of a database that is gone.

    Raises `BadInput` where there is one still: move it away, it may be the newer. Raises
    `NotWhole` when the backup is not what it was; nothing is put anywhere then."""
    database, keys = _database(settings), settings.data / "keys"
    if database.exists():
        raise BadInput(
            f"{database} is still there",
            hint="Move it away first, and keep it: it may hold what the backup lacks.",
        )
    manifest = _manifest(source)
    say("verifying the backup")
    for name, digest in manifest["files"].items():
        path = source / name
        if not path.resolve().is_relative_to(source.resolve()) or not path.is_file():
            raise NotWhole(f"{name} is not in the backup")
        if _digest(path) != digest:
            raise NotWhole(f"{name} is not what was backed up")
    head = verified(source / "handrail.db")
    if any(head[name] != manifest[name] for name in ("origin", "size", "root")):
        raise NotWhole("the database is not the one that the manifest states")
    wanted = set(manifest["files"]) - {"handrail.db"}
    if (keys / "master.key").exists():
        # Keys that are there are the newer ones, if they are the same installation's.
        if _digest(keys / "master.key") != manifest["files"].get("keys/master.key"):
            raise BadInput(
                f"{keys} holds the keys of another installation",
                hint="Restore into another folder: --data.",
            )
        wanted -= {"keys/master.key", "keys/keys.db"}
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    say(f"putting it into {settings.data}")
    for name in sorted(wanted):
        _file(source / name, settings.data / name)
    database.parent.mkdir(parents=True, exist_ok=True)
    draft = database.with_name(database.name + ".restored")
    _file(source / "handrail.db", draft)
    for beside in ("-wal", "-shm"):
        database.with_name(database.name + beside).unlink(missing_ok=True)
    draft.replace(database)  # last: before it there is no database, and a second try goes on
    return {"data": str(settings.data), "at": manifest["at"], **head}


def verified(database: Path) -> dict[str, Any]:
    """What the head of *database* states, once it is whole and its entries give it. Raises
    `NotWhole`."""
    try:
        connection = sqlite3.connect(f"file:{database}?immutable=1", uri=True)
        try:
            trouble = [line for (line,) in connection.execute("PRAGMA integrity_check")]
            if trouble != ["ok"]:
                raise NotWhole(f"the database is damaged: {trouble[0]}")
            origin, size, root = connection.execute(
                "SELECT origin, size, root FROM head"
            ).fetchone() or ("", 0, b"")
            frontier: merkle.Frontier = ()
            count = 0
            for seq, body in connection.execute("SELECT seq, body FROM entry ORDER BY seq"):
                if seq != count:
                    raise NotWhole(f"entry {count} is missing")
                raw = body if isinstance(body, bytes) else str(body).encode()
                frontier = merkle.extend(frontier, count, merkle.hash_leaf(raw))
                count += 1
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise NotWhole(f"the database cannot be read: {error}") from error
    if count != size or merkle.root(frontier) != bytes(root):
        raise NotWhole(f"its {count} entries do not give the head, which states {size}")
    return {"origin": origin, "size": size, "root": bytes(root).hex()}


def _database(settings: Settings) -> Path:
    if not settings.database.startswith(_PREFIX):
        raise BadInput("only a database in a file is backed up", hint="sqlite:///PATH.")
    return Path(settings.database.removeprefix(_PREFIX))


def _copy(source: Path, target: Path) -> None:
    """The database *source* as one moment has it, also while others write."""
    try:
        reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        writing = sqlite3.connect(target)
        try:
            target.chmod(0o600)
            reading.backup(writing, pages=_PAGES)
        finally:
            writing.close()
            reading.close()
    except (sqlite3.Error, OSError) as error:
        raise NotWhole(f"{source} cannot be copied: {error}") from error


def _file(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(source, target)
        target.chmod(0o600)
    except OSError as error:
        raise NotWhole(f"{source} cannot be copied: {error}") from error


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _manifest(source: Path) -> Mapping[str, Any]:
    try:
        found = orjson.loads((source / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{source} holds no backup: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BadInput(f"{source} holds no backup of this version")
    named = isinstance(found.get("files"), dict) and {"handrail.db", "keys/keys.db"} <= set(
        found["files"]
    )
    if not named or not {"origin", "size", "root", "at"} <= set(found):
        raise NotWhole("the manifest is not whole")
    return found
