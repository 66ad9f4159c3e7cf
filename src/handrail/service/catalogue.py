"""Connections and the pinned definitions of what they offer (SPEC 2, "changed tools").

A tool new to a connection, or changed since a person looked at it, is withheld from agents until
a person has looked at the difference. What agents are served is the pinned definition, never
what the upstream says today. At the first connect, the person who connects has it before them,
so what is found then is pinned at once; its rows still need signing before anything runs alone.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from handrail.connectors.catalogue import Catalogue as Upstreams
from handrail.connectors.catalogue import ConnectionSpec, Offer
from handrail.core.events import EventType
from handrail.core.model import Agent, SignedIn
from handrail.errors import BadInput, NotFound, ReachError
from handrail.privacy.seal import Sealer
from handrail.service import codec, rights
from handrail.service.known import Keeper
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

log = structlog.get_logger(__name__)

KINDS = ("mcp-stdio", "mcp-http", "callable")
#: Subjects of events after which an agent may be served something else.
_SERVING = frozenset({"tool", "connection", "policy", "agent"})
#: Who may set connections and accept definitions.
KEEPERS = ("service-desk-manager", "operations-leadership", "senior-technician", "on-call-senior")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What one agent may see of a connection: raw pinned definitions and the upstream's hello."""

    hello: Mapping[str, Any]
    tools: tuple[Mapping[str, Any], ...]
    resources: tuple[Mapping[str, Any], ...]
    templates: tuple[Mapping[str, Any], ...]
    prompts: tuple[Mapping[str, Any], ...]


class Catalogue:
    """Keeps connections and pins, and serves agents their lists."""

    def __init__(self, store: Store, upstreams: Upstreams, sealer: Sealer, keeper: Keeper) -> None:
        self._store = store
        self._upstreams = upstreams
        self._sealer = sealer
        self._keeper = keeper
        self._hello: dict[str, Mapping[str, Any]] = {}
        self._listeners: list[Callable[[], None]] = []
        store.on_commit(self._moved)

    def on_moved(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call *listener* after a commit that may have changed what agents are served, on any
        thread; it must not block. Returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _moved(self, types: Sequence[str]) -> None:
        if any(t.split(":")[1] in _SERVING for t in types):
            for listener in list(self._listeners):
                listener()

    def start(self) -> None:
        """Make every stored connection known to the host. Reaches nothing yet."""
        for row in self._keeper.current().connections.values():
            self._upstreams.connect(self._spec(row))

    def connect(
        self,
        who: SignedIn,
        name: str,
        kind: str,
        *,
        command: str = "",
        args: Sequence[str] = (),
        cwd: str = "",
        url: str = "",
        target: str = "",
        secret: Mapping[str, str] | None = None,
        client: str | None = None,
        client_map: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Set a connection, reach it, and pin what it offers.

        Raises `BadInput`, `NotAllowed`, or `NotSent` when it can't be reached: then nothing was
        stored.
        """
        _sound(name, kind, command, url, target)
        shape = {"command": command, "args": list(args), "cwd": cwd, "url": url, "target": target}
        whole = {
            "name": name,
            "kind": kind,
            **shape,
            "client": client,
            "client_map": dict(client_map or {}),
            "secret": sorted(secret or {}),
        }
        digest = hashlib.sha256(codec.dump(whole).encode()).hexdigest()
        spec = ConnectionSpec(
            name=name,
            kind=kind,
            command=command,
            args=tuple(args),
            cwd=cwd,
            url=url,
            target=target,
            secret=dict(secret or {}),
            digest=digest,
        )
        self._upstreams.connect(spec)
        try:
            offer = self._upstreams.offer(name)
        except ReachError:
            old = self._keeper.current().connections.get(name)
            if old is None:
                self._upstreams.forget(name)
            else:
                self._upstreams.connect(self._spec(old))
            raise
        found = definitions(offer)
        ref = f"connection:{name}:secret:{digest[:16]}" if secret else None
        sealed = self._sealed(ref, secret) if ref and secret else None

        def unit(view: View) -> Rows:
            person = _keeper_of(view, who)
            for c in {client, *(client_map or {}).values()} - {None}:
                if view.client(str(c)) is None:
                    raise NotFound(f"no client {c}", hint="Add the client first.")
            row = {
                "name": name,
                "kind": kind,
                "spec": codec.dump(shape),
                "secret": ref,
                "client": client,
                "client_map": codec.dump(dict(client_map or {})),
                "digest": digest,
                "by": person,
                "at": view.now,
            }
            writes: list[Put | Change] = []
            first = view.row("connection", name) is None
            writes.append(Put("connection", row) if first else Change("connection", (name,), row))
            if sealed is not None and view.row("sealed", sealed.row["ref"]) is None:
                writes.append(sealed)
            for (tool_kind, tool), raw in found.items():
                # Setting a connection again is no look at what changed on it meanwhile.
                known = view.row("tool", name, tool_kind, tool)
                if first:
                    writes.append(_pin(name, tool_kind, tool, raw, person, view.now))
                elif (state := _state(known, raw)) is not None:
                    writes.append(_withhold(view, name, tool_kind, tool, state, raw))
            event = Event(
                EventType.CONNECTION_SET,
                f"person:{person}",
                None,
                (client,) if client else (),
                {"connection": name, "digest": digest, "definitions": len(found)},
            )
            return Rows(tuple(writes), (event,), control=True)

        self._store.commit(unit)
        self._hello[name] = offer.hello
        return {"name": name, "kind": kind, "digest": digest, "definitions": len(found)}

    def refresh(self, name: str) -> dict[str, int]:
        """Look at what the upstream describes now; withhold what is new or changed.

        Returns counts by state. Raises `NotFound` and `NotSent`.
        """
        if name not in self._keeper.current().connections:
            raise NotFound(f"no connection {name!r}")
        offer = self._upstreams.offer(name)
        self._hello[name] = offer.hello
        found = definitions(offer)
        known = {
            (k, n): row for (c, k, n), row in self._keeper.current().tools.items() if c == name
        }
        moved = [
            (key, state)
            for key in {*found, *known}
            if (state := _state(known.get(key), found.get(key))) is not None
        ]
        if moved:

            def unit(view: View) -> Rows:
                writes: list[Put | Change] = []
                events: list[Event] = []
                for (kind, tool), state in moved:
                    raw = found.get((kind, tool))
                    writes.append(_withhold(view, name, kind, tool, state, raw))
                    facts = {"type": f"{name}.{tool}", "kind": kind, "state": state}
                    events.append(Event(EventType.TOOL_WITHHELD, "handrail", None, (), facts))
                return Rows(tuple(writes), tuple(events), control=bool(writes))

            self._store.commit(unit)
        counts: dict[str, int] = {"pinned": 0, "new": 0, "changed": 0, "gone": 0}
        for (c, _, _), row in self._keeper.current().tools.items():
            if c == name:
                counts[row["state"]] += 1
        return counts

    def accept(self, who: SignedIn, connection: str, kind: str, name: str) -> dict[str, Any]:
        """Pin the definition that a person has looked at."""

        def unit(view: View) -> Rows:
            person = _keeper_of(view, who)
            row = view.row("tool", connection, kind, name)
            if row is None:
                raise NotFound(f"no definition {kind} {name} on {connection}")
            values: dict[str, Any] = {"state": "pinned", "by": person, "at": view.now}
            if row["seen"] is not None:
                values |= {
                    "definition": row["seen"],
                    "digest": row["seen_digest"],
                    "seen": None,
                    "seen_digest": None,
                }
            change = Change("tool", (connection, kind, name), values)
            facts = {
                "type": f"{connection}.{name}",
                "kind": kind,
                "digest": values.get("digest", row["digest"]),
            }
            event = Event(EventType.TOOL_ACCEPTED, f"person:{person}", None, (), facts)
            return Rows((change,), (event,), control=True)

        self._store.commit(unit)
        return {"connection": connection, "kind": kind, "name": name, "state": "pinned"}

    def served(self, agent: Agent, connection: str) -> Served:
        """What *agent* may see of *connection*. Raises `NotFound` when it may not see it."""
        known = self._keeper.current()
        if connection not in agent.connections or connection not in known.connections:
            raise NotFound(f"no connection {connection!r} for this agent")
        by_kind: dict[str, list[Mapping[str, Any]]] = {}
        for (c, kind, _), row in sorted(known.tools.items()):
            if c == connection and row["state"] == "pinned":
                by_kind.setdefault(kind, []).append(codec.load(row["definition"]))
        if connection not in self._hello:
            try:
                self._hello[connection] = self._upstreams.offer(connection).hello
            except ReachError as error:
                # The pinned lists are served all the same; a call will say what is wrong.
                log.warning("upstream unreachable", connection=connection, why=error.message)
        return Served(
            hello=self._hello.get(connection, {}),
            tools=tuple(by_kind.get("tool", ())),
            resources=tuple(by_kind.get("resource", ())),
            templates=tuple(by_kind.get("resource_template", ())),
            prompts=tuple(by_kind.get("prompt", ())),
        )

    def health(self) -> Mapping[str, str]:
        """Per connection: `up`, `idle` or `down: why`."""
        return self._upstreams.health()

    def _spec(self, row: Row) -> ConnectionSpec:
        shape = codec.load(row["spec"])
        secret: dict[str, str] = {}
        if row["secret"]:
            with self._store.read() as reader:
                sealed = reader.row("sealed", row["secret"])
            if sealed is not None:
                secret = orjson.loads(
                    self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
                )
        return ConnectionSpec(
            name=row["name"],
            kind=row["kind"],
            command=shape["command"],
            args=tuple(shape["args"]),
            cwd=shape["cwd"],
            url=shape["url"],
            target=shape["target"],
            secret=secret,
            digest=row["digest"],
        )

    def _sealed(self, ref: str, secret: Mapping[str, str]) -> Put:
        key, ciphertext = self._sealer.seal(ref, "", orjson.dumps(dict(secret)))
        return Put("sealed", {"ref": ref, "key": key, "ciphertext": ciphertext})


def definitions(offer: Offer) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Every definition of an offer by (kind, name): resources by URI, templates by template."""
    listed: Iterable[tuple[str, str, Sequence[Mapping[str, Any]]]] = (
        ("tool", "name", offer.tools),
        ("resource", "uri", offer.resources),
        ("resource_template", "uriTemplate", offer.templates),
        ("prompt", "name", offer.prompts),
    )
    return {
        (kind, str(raw[field])): raw for kind, field, raws in listed for raw in raws if field in raw
    }


def digest_of(raw: Mapping[str, Any]) -> str:
    """SHA-256 of a definition's canonical JSON: what a row is pinned to."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _state(known: Row | None, raw: Mapping[str, Any] | None) -> str | None:
    """The state a definition moves to, or None when it stays as it is."""
    if known is None:
        return "new"
    if raw is None:
        return None if known["state"] == "gone" else "gone"
    digest = digest_of(raw)
    if known["state"] == "pinned":
        return None if digest == known["digest"] else "changed"
    if known["state"] == "gone":
        return "changed" if digest != known["digest"] else "new"
    seen = known["seen_digest"] or known["digest"]
    return None if digest == seen else str(known["state"])


def _withhold(
    view: View, connection: str, kind: str, tool: str, state: str, raw: Mapping[str, Any] | None
) -> Put | Change:
    row = view.row("tool", connection, kind, tool)
    text = codec.dump(raw) if raw is not None else None
    digest = digest_of(raw) if raw is not None else None
    if row is None:
        return Put(
            "tool",
            {
                "connection": connection,
                "kind": kind,
                "name": tool,
                "definition": text or "{}",
                "digest": digest or "",
                "seen": None,
                "seen_digest": None,
                "state": "new",
                "by": "handrail",
                "at": view.now,
            },
        )
    return Change(
        "tool",
        (connection, kind, tool),
        {"seen": text, "seen_digest": digest, "state": state, "at": view.now},
    )


def _pin(
    connection: str, kind: str, tool: str, raw: Mapping[str, Any], person: str, now: int
) -> Put:
    return Put(
        "tool",
        {
            "connection": connection,
            "kind": kind,
            "name": tool,
            "definition": codec.dump(raw),
            "digest": digest_of(raw),
            "seen": None,
            "seen_digest": None,
            "state": "pinned",
            "by": person,
            "at": now,
        },
    )


def _keeper_of(view: View, who: SignedIn) -> str:
    return rights.holder(view, who, KEEPERS, "setting connections").id


def _sound(name: str, kind: str, command: str, url: str, target: str) -> None:
    if not name or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise BadInput(
            f"the connection name is {name!r}", hint="Use letters, digits, - and _ only."
        )
    if kind not in KINDS:
        raise BadInput(f"kind is {kind!r}", hint=f"One of: {', '.join(KINDS)}.")
    needed = {"mcp-stdio": command, "mcp-http": url, "callable": target}[kind]
    if not needed:
        raise BadInput(
            f"a {kind} connection needs "
            + {"mcp-stdio": "a command", "mcp-http": "a url", "callable": "a target"}[kind]
        )
    if kind == "mcp-http" and not url.startswith(("http://", "https://")):
        raise BadInput(f"the url is {url!r}", hint="It starts with http:// or https://.")
