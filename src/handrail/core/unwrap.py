"""Calls that hide another call inside, and what the inner call amounts to (SPEC 2).

Raw requests (an HTTP method and a path) and batches of them, SQL, shell and PowerShell commands,
and tools that take their action, or another tool's name, as an argument are recognised by the
shape of their arguments. The inner call is taken apart by a parser (`sql`, `shells`) and read
with the same words as a tool's name. What cannot be parsed is tier 3: nothing here guesses, and
nothing here lowers: the result is one more thing that speaks about the action.

A text is judged as it stands and folded, and the graver counts, so that another Unicode form of
it is no way round.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlsplit

from handrail.core import sql
from handrail.core.commands import NotUnderstood
from handrail.core.lexicon import AREAS, Act
from handrail.core.model import Json, Tier
from handrail.core.nouns import HEALTH, SECRETS
from handrail.core.shells import BASH, POWERSHELL, argv, commands, first_change
from handrail.core.words import LONGEST, Reading, fold, key_of, read, words_of

MAX_TEXT = 20_000
_MANY = 100  # arguments of a call whose shape is remembered
MAX_PARTS = 50  # requests of one batch
_DEEPEST = 3  # calls within calls


class Hiding(StrEnum):
    """How a call hides another."""

    REQUEST = "raw request"
    QUERY = "free-form query"
    COMMAND = "command"
    MULTIPLEXER = "action as an argument"


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found inside a call: how it was hidden, the tier it asks for, and why."""

    hiding: Hiding
    tier: Tier
    text: str


_METHODS = frozenset({"method", "httpmethod", "verb", "requestmethod"})
_PATHS = frozenset({"path", "url", "uri", "endpoint", "route", "relativeurl", "resourcepath"})
_COMMANDS = frozenset(
    "command cmd commandline scriptbody scriptcontent scripttext code powershell bash shell "
    "shellcommand snippet".split()
)
_SQL = frozenset("sql sqlquery statement soql".split())
_QUERIES = _SQL | frozenset("kql odata graphql cypher".split())
_DATABASES = frozenset("sql postgre postgresql mysql mssql sqlite snowflake bigquery".split())
_ACTIONS = frozenset("action operation op subcommand actionname operationname verb".split())
_OBJECTS = frozenset("resource entity object resourcetype entitytype objecttype".split())
_TOOLS = frozenset("tool toolname function functionname".split())
_INNER = frozenset("arguments args params parameters input toolinput toolarguments".split())
_BATCHES = frozenset("requests operations batch calls".split())
_RAW_NAMES = frozenset("raw generic proxy passthrough batch graph request".split())
_RUNNERS = frozenset("command shell ssh powershell bash terminal exec".split())
_UNIX = frozenset("bash sh ssh linux unix macos kubectl pod container docker".split())
_HEADERS = frozenset("headers header customheaders".split())
#: Ways to say another method than the one that stands there.
_OVERRIDES = frozenset("xhttpmethodoverride xhttpmethod xmethodoverride method httpmethod".split())

_HTTP: Mapping[str, Act] = {
    "get": Act.READ, "head": Act.READ, "options": Act.READ, "post": Act.CREATE,
    "put": Act.UPDATE, "patch": Act.UPDATE, "delete": Act.DELETE,
}  # fmt: skip
_A_NAME = re.compile(r"[\w.-]{1,80}")
_OWN_MACHINE = re.compile(r"localhost|[\d.]+|\[.*\]|0x[0-9a-f]+|[^.]+|.*\.(local|internal|lan)")
#: Columns that make a query one of secrets, health data or staff, whatever its table.
_GRAVE_COLUMNS = SECRETS | HEALTH | frozenset("ssn salary pin token apikey key hash".split())
#: Parts of an address that say nothing about what stands there.
_VERSION = re.compile(r"v?\d+(\.\d+)*|beta|api|rest|[0-9a-f-]{8,}")


def hiding(tool: str, arguments: Mapping[str, Json]) -> Hiding | None:
    """How a call to *tool* with arguments of these names hides another call; None: not at all.

    Looks at names only, so that a definition's parameters do as well as a call's arguments.
    """
    ways = _ways_of(tool, arguments)
    return _HOW[ways[0]] if ways and ways[0] != "script" else None


#: The ways in which a call can hide another; the first that fits names how it hides.
_HOW: Mapping[str, Hiding] = {
    "request": Hiding.REQUEST,
    "batch": Hiding.REQUEST,
    "tool": Hiding.MULTIPLEXER,
    "query": Hiding.QUERY,
    "command": Hiding.COMMAND,
    "action": Hiding.MULTIPLEXER,
}


def _ways_of(tool: str, arguments: Mapping[str, Json]) -> tuple[str, ...]:
    names = tuple(arguments)
    if len(names) > _MANY or len(tool) + sum(map(len, names)) > 5 * LONGEST:
        return _ways.__wrapped__(tool, names)  # not worth remembering
    return _ways(tool, names)


@lru_cache(maxsize=8192)
def _ways(tool: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Every way in which it may hide another call: what one of them hides, a second argument
    beside it must not cover."""
    names = {key_of(a) for a in arguments}
    words = set(words_of(tool))
    runs = bool(words & _RUNNERS) or read(tool).act is Act.EXECUTE
    unclear = read(tool).act is not Act.READ and not read(tool).areas
    found = {
        "request": bool(names & _METHODS and names & _PATHS),
        "batch": bool(names & _BATCHES and words & _RAW_NAMES),
        "tool": bool(names & _TOOLS and names & _INNER),
        "query": bool(names & _QUERIES or ("query" in names and words & _DATABASES)),
        "command": bool(names & _COMMANDS) and runs,
        "action": bool(names & _ACTIONS) and not read(tool).understood,
        "script": "script" in names,
    }
    if not (found["request"] or found["batch"]) and words & _RAW_NAMES and unclear:
        found["request"] = True
    return tuple(way for way, fits in found.items() if fits)


def inside(tool: str, arguments: Mapping[str, Json], depth: int = 0) -> Inside | None:
    """What the call hides, judged; None when it hides nothing. *depth* is how many calls it
    stands within. Of several ways to hide something, and of what stands in objects within the
    arguments, the gravest counts."""
    found: list[Inside] = []
    ways = _ways_of(tool, arguments)
    if ways:
        given = {key_of(k): v for k, v in arguments.items()}
        if len(given) < len(arguments):  # which of two the tool reads can't be told
            return Inside(
                _HOW.get(ways[0], Hiding.COMMAND), Tier.APPROVE, "Two arguments are alike"
            )
        found = [i for way in ways if (i := _found(way, tool, given, depth)) is not None]
    if depth < _DEEPEST:
        for value in arguments.values():
            if isinstance(value, str):
                continue
            for within in value if isinstance(value, list) else (value,):
                if isinstance(within, Mapping):
                    held = {str(k): v for k, v in within.items()}
                    deeper = inside(tool, held, depth + 1)
                    if deeper is not None:
                        found.append(deeper)
    return _gravest(found) if found else None


def _found(way: str, tool: str, given: Mapping[str, Json], depth: int) -> Inside | None:
    if way == "request":
        return _request(given)
    if way == "batch":
        return _batch(given)
    if way == "tool":
        return _tool(given, depth)
    if way == "query":
        return _query(given)
    if way == "command":
        return _command(tool, _only(given, _COMMANDS))
    if way == "action":
        return _multiplexed(tool, given)
    return _script(tool, given["script"])


def _script(tool: str, value: Json) -> Inside | None:
    """An argument named `script` is the name of one, or is the script itself."""
    if isinstance(value, str | int) and _A_NAME.fullmatch(str(value)):
        return None
    return _command(tool, value)


def _only(given: Mapping[str, Json], names: frozenset[str]) -> Json:
    """The one value that stands under any of *names*; None when there are several."""
    found = [given[n] for n in sorted(names) if n in given]
    return found[0] if len(found) == 1 else None


def _first(given: Mapping[str, Json], names: frozenset[str]) -> str | None:
    text = _only(given, names)
    return text if isinstance(text, str) and len(text) <= MAX_TEXT else None


def _gravest(found: Sequence[Inside]) -> Inside:
    return max(found, key=lambda i: i.tier)


# --- raw requests ---------------------------------------------------------------------------------


def _request(given: Mapping[str, Json]) -> Inside:
    method, path = _first(given, _METHODS), _first(given, _PATHS)
    act = _HTTP.get(fold(method).strip()) if method is not None else None
    place = _place(path) if path is not None else None
    if act is None or place is None or _overridden(given):
        return Inside(
            Hiding.REQUEST, Tier.APPROVE, "It is a raw request that could not be understood"
        )
    where, asked = place
    reading = read(where)
    tier = amounts_to(act, reading)
    words = set(words_of(asked)) | set(words_of(where))
    if words & (SECRETS | HEALTH) or (words & {"graphql", "batch"} and act is not Act.READ):
        tier = Tier.APPROVE
    tier = max([tier, *(Tier(AREAS[a].read) for a in read(asked).areas)])
    what = "reads" if act is Act.READ else f"would {act}"
    return Inside(Hiding.REQUEST, tier, f"The request inside {what} {_about(reading)}")


def _place(path: str) -> tuple[str, str] | None:
    """The words of an address, and those of its query; None when it can't be told."""
    if len(path) > LONGEST or not path.isprintable() or not path.isascii():
        return None
    if any(mark in path for mark in ("%", "..", "\\", "@", "#", ";")):
        return None
    try:
        parts = urlsplit(path)
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in {"", "https"} or (parts.netloc and _OWN_MACHINE.fullmatch(host)):
        return None
    if "//" in parts.path or key_of(parts.query).startswith("method="):
        return None
    steps = [s for s in parts.path.split("/") if s and not _VERSION.fullmatch(s.lower())]
    return "/".join(steps), parts.query


def _overridden(given: Mapping[str, Json]) -> bool:
    """Whether a header or the query says another method than the one that stands there."""
    for name in _HEADERS & given.keys():
        headers = given[name]
        if not isinstance(headers, Mapping):
            return headers is not None
        if any(key_of(str(h)) in _OVERRIDES for h in headers):
            return True
    path = _first(given, _PATHS) or ""
    asked = re.split(r"[&?=]", path.partition("?")[2])
    return any(key_of(part).strip("$") in _OVERRIDES for part in asked)


def _batch(given: Mapping[str, Json]) -> Inside:
    """Several requests at once are worth what the gravest of them is."""
    requests = _only(given, _BATCHES)
    found: list[Inside] = []
    if isinstance(requests, list) and 0 < len(requests) <= MAX_PARTS:
        for each in requests:
            if not isinstance(each, Mapping):
                break
            part = {key_of(str(k)): v for k, v in each.items()}
            if not (part.keys() & _METHODS and part.keys() & _PATHS):
                break
            found.append(_request(part))
        else:
            return _gravest(found)
    return Inside(Hiding.REQUEST, Tier.APPROVE, "Not every request inside could be understood")


# --- queries --------------------------------------------------------------------------------------


def _query(given: Mapping[str, Json]) -> Inside:
    text = _first(given, _SQL | {"query"} if "query" in given else _SQL)
    others = given.keys() & (_QUERIES - _SQL)
    if text is None or others:
        return Inside(Hiding.QUERY, Tier.APPROVE, "The query inside could not be understood")
    return _gravest([_read_by(t) for t in {text, fold(text) if not text.isascii() else text}])


@lru_cache(maxsize=256)
def _read_by(text: str) -> Inside:
    query = sql.understood(text)
    if query is None:
        return Inside(Hiding.QUERY, Tier.APPROVE, "The query inside could not be understood")
    if query.changes:
        why = f"The query inside is more than a plain SELECT: {query.changes[:40]}"
        return Inside(Hiding.QUERY, Tier.APPROVE, why)
    if any(set(words_of(c)) & _GRAVE_COLUMNS for c in query.columns):
        return Inside(
            Hiding.QUERY, Tier.APPROVE, "The query inside reads secrets, health or staff data"
        )
    readings = [read(table.rpartition(".")[2]) for table in query.tables]
    tier = max([Tier.AUTONOMOUS, *(amounts_to(Act.READ, r) for r in readings)])
    about = ", ".join(dict.fromkeys(_about(r) for r in readings)) or "no table"
    return Inside(Hiding.QUERY, tier, f"The query inside reads {about}")


# --- commands -------------------------------------------------------------------------------------


def _command(tool: str, value: Json) -> Inside:
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        if len(value) > _MANY or any(re.search(r"[;&|<>`$\n\r\\]", v) for v in value):
            return _not_looking("it is no plain list of words")
        try:
            return _looking(first_change(argv(value)))
        except NotUnderstood as error:
            return _not_looking(error.why)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return _not_looking("it is no text")
    words = set(words_of(tool))
    shell = None
    if words & {"powershell", "pwsh"}:
        shell = POWERSHELL
    elif words & _UNIX:
        shell = BASH
    texts = {value} if value.isascii() else {value, fold(value)}
    return _gravest([_runs(text, shell) for text in texts])


@lru_cache(maxsize=256)
def _runs(text: str, shell: str | None) -> Inside:
    try:
        return _looking(first_change(commands(text, shell)))
    except NotUnderstood as error:
        return _not_looking(error.why)


def _looking(change: str | None) -> Inside:
    if change is None:
        return Inside(Hiding.COMMAND, Tier.AUTONOMOUS, "The command inside only looks")
    why = f"The command inside runs {change}, which is not on the list of those that look"
    return Inside(Hiding.COMMAND, Tier.APPROVE, why)


def _not_looking(why: str) -> Inside:
    return Inside(
        Hiding.COMMAND, Tier.APPROVE, f"The command inside could not be understood: {why}"
    )


# --- actions and tools as arguments ---------------------------------------------------------------


def _multiplexed(tool: str, given: Mapping[str, Json]) -> Inside:
    action = _first(given, _ACTIONS)
    act = read(action).act if action else None
    if act is None:
        return Inside(
            Hiding.MULTIPLEXER, Tier.APPROVE, "The action it names inside is not understood"
        )
    reading = read(f"{action} {tool}")
    tiers = [amounts_to(act, reading)] if reading.areas else []
    if given.keys() & _OBJECTS:
        about = _first(given, _OBJECTS)
        told = read(f"{action} {about}"[:LONGEST])
        tiers.append(amounts_to(act, told) if about else Tier.APPROVE)
        reading = told if not reading.areas else reading
    return Inside(
        Hiding.MULTIPLEXER,
        max(tiers, default=Tier.APPROVE),
        f"The action inside would {act} {_about(reading)}",
    )


def _tool(given: Mapping[str, Json], depth: int) -> Inside:
    """A call that names another tool and its arguments."""
    name, inner = _first(given, _TOOLS), _only(given, _INNER)
    reading = read(name) if name else None
    if name is None or reading is None or reading.act is None or depth >= _DEEPEST:
        return Inside(Hiding.MULTIPLEXER, Tier.APPROVE, "The tool it names is not understood")
    if inner is not None and not isinstance(inner, Mapping):
        return Inside(Hiding.MULTIPLEXER, Tier.APPROVE, "What it hands on is not understood")
    arguments = {str(k): v for k, v in (inner or {}).items()}
    deeper = inside(name, arguments, depth + 1)
    if deeper is not None:
        return Inside(Hiding.MULTIPLEXER, deeper.tier, deeper.text)
    tier = amounts_to(reading.act, reading)
    return Inside(
        Hiding.MULTIPLEXER, tier, f"The tool inside would {reading.act} {_about(reading)}"
    )


def amounts_to(act: Act, reading: Reading) -> Tier:
    """The tier that *act* on the areas of *reading* is worth; what is not known is tier 3."""
    if not reading.areas:
        return Tier.APPROVE
    tiers = []
    for name in reading.areas:
        area = AREAS[name]
        if act is Act.READ:
            tiers.append(area.read)
        else:
            tiers.append(3 if area.ground else area.tiers.get(act, 3))
    return Tier(max(tiers))


def _about(reading: Reading) -> str:
    return ", ".join(AREAS[a].about for a in reading.areas) or "something not recognised"
