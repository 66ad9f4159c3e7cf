"""`handrail connect`: put Handrail between the MCP clients of this computer and their servers.

1. find the clients' configurations, and show what would change;
2. register each server as a connection, its credentials moved into Handrail, and each client as
   an agent with a key, all as the signed-in person;
3. rewrite each file, atomically and beside a backup, to run `handrail gateway`.

`--undo` puts every file back, byte for byte, and revokes the keys. Where we die between two
steps, the file is still the old one, and a second run registers what is missing under new names.
"""

import hashlib
import os
import re
import shutil
import socket
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
import typer

from handrail.cli import talk
from handrail.cli.clients import Configuration, Server, found
from handrail.cli.gateway import keys
from handrail.cli.remote import Remote, connected
from handrail.cli.session import folder
from handrail.cli.shadow import follow
from handrail.config import DEFAULT_PORT
from handrail.core import importing
from handrail.errors import BadInput, HandrailError

RECORD = "connect.json"
BACKUP = ".before-handrail"
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Move:
    """One server that goes behind Handrail: as which connection, and how it is reached."""

    server: Server
    name: str
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done to one file, for `--undo`."""

    file: str
    backup: str
    mode: int
    written: str  #: SHA-256 of what was written: a file changed since is not ours to put back
    url: str
    agent: str
    prefix: str
    connections: list[str]


def connect(
    undo: Annotated[bool, typer.Option("--undo", help="Put every file back as it was.")] = False,
    config: Annotated[
        list[Path] | None,
        typer.Option("--config", metavar="FILE", help="Only this file; may be repeated."),
    ] = None,
    client: Annotated[
        str, typer.Option("--client", metavar="ID", help="All of it belongs to this client.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Let calls pass for 14 days, and record them.")
    ] = False,
) -> None:
    """Put Handrail between the MCP clients of this computer and their servers."""
    chosen = [path.resolve() for path in config or ()]
    with connected() as remote:
        if undo:
            _undo(remote, chosen)
            return
        places = [(_client_of(p), p) for p in chosen] or [*found(Path.home(), Path.cwd())]
        _connect(remote, list(_readable(places)), client, yes=yes, shadow=shadow)


# --- in between -----------------------------------------------------------------------------------


def _connect(
    remote: Remote,
    configurations: Iterable[Configuration],
    client: str,
    *,
    yes: bool,
    shadow: bool,
) -> None:
    taken = _taken(remote)
    planned = [(c, list(_moves(remote.url, c, taken))) for c in configurations]
    planned = [(configuration, moves) for configuration, moves in planned if moves]
    if not planned:
        talk.say("Nothing to connect.")
        return
    for configuration, moves in planned:
        _show(configuration, moves)
    if not yes:
        if not talk.interactive():
            raise BadInput("nobody is here to agree", hint="Add --yes.")
        typer.confirm("Go on?", abort=True)
    for configuration, moves in planned:
        _apply(remote, configuration, moves, client, shadow=shadow)


def _taken(remote: Remote) -> set[str]:
    """The names of every connection that the server has."""
    names: set[str] = set()
    cursor: str | None = None
    while True:
        page = remote.get("connections", limit=500, cursor=cursor)
        names |= {str(c["name"]) for c in page["items"]}
        cursor = page["next"]
        if not cursor:
            return names


def _readable(places: Iterable[tuple[str, Path]]) -> Iterator[Configuration]:
    for client, path in places:
        try:
            yield Configuration(client, path)
        except FileNotFoundError:
            raise BadInput(f"there is no file {path}") from None
        except BadInput as error:
            talk.note(error.message)


def _moves(url: str, configuration: Configuration, taken: set[str]) -> Iterator[Move]:
    """The servers of a file that can go behind Handrail; says why of those that can't."""
    for server in configuration.servers:
        if server.ours:
            continue
        try:
            definition = server.connection()
            if definition["kind"] == "mcp-stdio" and urlsplit(url).hostname not in _LOCAL:
                raise BadInput(f"its command would run at {url}, not on this computer")
        except BadInput as error:
            talk.note(f"{configuration.path}: {server.name} stays as it is: {error.message}")
            continue
        name = _free(server.name, taken)
        taken.add(name)
        yield Move(server, name, definition)


def _free(name: str, taken: set[str]) -> str:
    """A connection's name for a server's that nobody has yet."""
    base = _UNFIT.sub("-", name).strip("-")[:80] or "server"
    tried, n = base, 1
    while tried in taken:
        n += 1
        tried = f"{base}-{n}"
    return tried


def _show(configuration: Configuration, moves: Iterable[Move]) -> None:
    """The difference, without a value of any credential."""
    talk.say(f"{configuration.client}  {configuration.path}")
    for move in moves:
        raw = dict(move.server.raw)
        for name in ("env", "headers"):
            if isinstance(raw.get(name), dict):
                raw[name] = dict.fromkeys(raw[name], _HIDDEN)
        talk.say(f"  - {'.'.join(move.server.path)}  {orjson.dumps(raw).decode()}")
        talk.say(f"  + handrail gateway --connection {move.name}")


def _apply(
    remote: Remote,
    configuration: Configuration,
    moves: Iterable[Move],
    client: str,
    *,
    shadow: bool,
) -> None:
    """Register, keep the key, back up, write. Only what was registered is rewritten."""
    registered: list[Move] = []
    scopes: list[str] = []
    for move in moves:
        body = {"name": move.name, **move.definition, **({"client": client} if client else {})}
        try:
            made = remote.post("connections", body)
        except talk.Told as told:
            if told.status in {401, 403}:
                raise
            talk.note(f"{move.server.name} stays as it is: {told.message}. {told.hint}")
            continue
        talk.say(f"{move.name}: {made['definitions']} definitions, now pinned.")
        registered.append(move)
        if shadow:  # before an agent can reach it: nothing is ever blocked
            scopes.append(_in_shadow(remote, move.name))
    if not registered:
        return
    names = [move.name for move in registered]
    agent = remote.post(
        "agents",
        {
            "name": f"{configuration.client} on {socket.gethostname()}"[:120],
            "purpose": f"Works from {configuration.path}"[:500],
            "version": "unregistered",
            "connections": names,
        },
    )
    issued = remote.post(f"agents/{agent['id']}/keys")
    for name in names:
        keys().keep(f"{remote.url}/mcp/{name}", issued["key"])
    for move in registered:
        configuration.replace(move.server, _ours(move, remote.url))
    after = configuration.after
    backup = _back_up(configuration)
    _record_add(
        Done(
            file=str(configuration.path),
            backup=str(backup),
            mode=configuration.path.stat().st_mode & 0o777,
            written=hashlib.sha256(after).hexdigest(),
            url=remote.url,
            agent=agent["id"],
            prefix=str(issued["prefix"]),
            connections=names,
        )
    )
    _write(configuration.path, after, configuration.path.stat().st_mode & 0o777)
    talk.say(f"{configuration.path} runs through Handrail. Backup: {backup}")
    if not shadow:
        talk.say("Start the client anew. What it does waits for people until rows are signed.")
        return
    for name in names:
        _drafted(remote, name)
    talk.say("Start the client anew. Nothing is blocked but what the policy prohibits; what each")
    talk.say("call would have met:")
    for scope in scopes:
        talk.say(f"  handrail shadow report {scope}")
    if talk.interactive():
        talk.say("The first call, when it comes (Ctrl-C ends the waiting, not the shadow):")
        with suppress(KeyboardInterrupt):
            follow(remote, scopes[0], calls=1)


def _drafted(remote: Remote, name: str) -> None:
    """What drafted rows would make of the tools of a connection."""
    found = remote.get(f"connections/{name}/tools", limit=500)["items"]
    tools = importing.listed(name, [t["definition"] for t in found if t["kind"] == "tool"])
    tiers = Counter(one.tier for one in importing.drafts(tools))
    told = ", ".join(f"{tiers[tier]} tier {tier}" for tier in sorted(tiers))
    talk.say(
        f"{name}: {len(tools)} tools drafted: {told}. Rows to sign: handrail import mcp {name}"
    )


def _in_shadow(remote: Remote, name: str) -> str:
    body = {"connection": name, "reason": "handrail connect --shadow: to see what it would mean"}
    made = remote.post("shadow", body)
    if made["waits_for_second"]:
        talk.note(
            f"{name} was enforced before: a second person agrees: handrail shadow agree {made['id']}"
        )
    return str(made["id"])


def _ours(move: Move, url: str) -> dict[str, Any]:
    """How the client starts the bridge instead. No key stands in the file."""
    raw: dict[str, Any] = {}
    if "type" in move.server.raw:
        raw["type"] = "stdio"
    raw |= {"command": _program(), "args": ["gateway", "--connection", move.name]}
    if url != f"http://127.0.0.1:{DEFAULT_PORT}":
        raw["env"] = {"HANDRAIL_URL": url}
    return raw


def _program() -> str:
    """This program, by its whole path: clients often start without a person's PATH."""
    beside = Path(sys.executable).with_name("handrail")
    return str(beside) if beside.exists() else shutil.which("handrail") or "handrail"


# --- back -----------------------------------------------------------------------------------------


def _undo(remote: Remote, chosen: list[Path]) -> None:
    """Put files back, the last change first."""
    left: list[Done] = []
    for done in reversed(_record()):
        path = Path(done.file)
        if chosen and path.resolve() not in chosen:
            left.append(done)
            continue
        if not _put_back(done):
            left.append(done)
            continue
        for name in done.connections:
            keys().forget(f"{done.url}/mcp/{name}")
        _revoke(remote, done)
        _end_shadows(remote, done)
    _record_set(list(reversed(left)))


def _put_back(done: Done) -> bool:
    path, backup = Path(done.file), Path(done.backup)
    now = path.read_bytes() if path.exists() else None
    if not backup.exists():
        talk.note(f"{path}: its backup {backup} is gone; nothing was changed.")
        return False
    before = backup.read_bytes()
    if now != before and hashlib.sha256(now or b"").hexdigest() != done.written:
        talk.note(f"{path} was changed since; nothing was put back. Its backup is {backup}")
        return False
    _write(path, before, done.mode)
    backup.unlink()
    talk.say(f"{path} is as it was.")
    return True


def _revoke(remote: Remote, done: Done) -> None:
    """End the key and the agent. The files count more: what fails here is only said."""
    if remote.url != done.url:
        talk.note(f"Its key is at {done.url}: revoke {done.prefix} of {done.agent} there.")
        return
    try:
        remote.delete(f"agents/{done.agent}/keys/{done.prefix}")
        remote.post(f"agents/{done.agent}/suspension", {"suspended": True})
    except HandrailError as error:
        talk.note(f"Its key {done.prefix} is still valid: {error.message}. {error.hint}")
        return
    talk.say(f"Its key is revoked. Its connections stay: {', '.join(done.connections)}.")


def _end_shadows(remote: Remote, done: Done) -> None:
    """End what `--shadow` opened: what stays connected is governed."""
    if remote.url != done.url:
        return
    try:
        for scope in remote.get("shadow")["items"]:
            if scope["connection"] in done.connections and scope["state"] in {"live", "proposed"}:
                remote.post(f"shadow/{scope['id']}/end")
                talk.say(f"The shadow of {scope['connection']} is ended.")
    except HandrailError as error:
        talk.note(f"Its shadow is still open: {error.message}. {error.hint}")


# --- files ----------------------------------------------------------------------------------------


def _client_of(path: Path) -> str:
    places = {p.resolve(): c for c, p in found(Path.home(), Path.cwd())}
    return places.get(path, "MCP client")


def _back_up(configuration: Configuration) -> Path:
    """A copy of the file beside it, under a name that nothing has yet."""
    backup, n = configuration.path.with_name(configuration.path.name + BACKUP), 1
    while backup.exists():
        n += 1
        backup = configuration.path.with_name(f"{configuration.path.name}{BACKUP}-{n}")
    _write(backup, configuration.before, 0o600)  # it may hold the credentials that were moved
    return backup


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write the whole file or nothing of it."""
    path = path.resolve()  # a link stays a link
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _record() -> list[Done]:
    path = folder() / RECORD
    if not path.exists():
        return []
    try:
        return [Done(**entry) for entry in orjson.loads(path.read_bytes())]
    except (orjson.JSONDecodeError, TypeError):
        raise BadInput(
            f"{path} is damaged", hint=f"The backups lie beside the files, named *{BACKUP}."
        ) from None


def _record_add(done: Done) -> None:
    _record_set([*_record(), done])


def _record_set(entries: list[Done]) -> None:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder() / RECORD, orjson.dumps([asdict(e) for e in entries]), 0o600)


def register(app: typer.Typer) -> None:
    """Put the command beside the others of *app*."""
    app.command()(connect)
