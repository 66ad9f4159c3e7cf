"""Calls that hide another call inside, and what the inner call amounts to (SPEC 2).

Raw requests (an HTTP method and a path), SQL, shell and PowerShell commands, and tools that take
their action as an argument are recognised by the shape of their arguments. The inner call is
read with the same words as a tool's name. What cannot be parsed is tier 3: nothing here guesses,
and nothing here lowers: the result is one more thing that speaks about the action.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from handrail.core.lexicon import AREAS, Act
from handrail.core.model import Json, Tier
from handrail.core.words import LONGEST, Reading, fold, key_of, read, words_of

_MAX_TEXT = 20_000
_MANY = 100  # arguments of a call whose shape is remembered


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
_QUERIES = frozenset("sql sqlquery kql statement odata graphql soql cypher".split())
_ACTIONS = frozenset("action operation op subcommand actionname operationname verb".split())
_BATCHES = frozenset("requests operations batch calls".split())
_RAW_NAMES = frozenset("raw generic proxy passthrough batch graph request".split())
_RUNNERS = frozenset("command shell ssh powershell bash terminal exec".split())

_HTTP: Mapping[str, Act] = {
    "get": Act.READ, "head": Act.READ, "options": Act.READ, "post": Act.CREATE,
    "put": Act.UPDATE, "patch": Act.UPDATE, "delete": Act.DELETE,
}  # fmt: skip
#: Commands that only look, with nothing about a person in what they print.
_LOOKS = frozenset(
    "hostname whoami uptime uname ping df free ps tasklist systeminfo lscpu nproc arch "
    "get-service get-process get-computerinfo get-hotfix get-date get-uptime get-volume".split()
)
_SHELL_MARKS = re.compile(r"[;&|<>`$\n\r(){}\\\x00]")
_A_NAME = re.compile(r"[\w.-]{1,80}")
_SELECT = re.compile(r"\s*(select|with|show|describe|explain)\b", re.IGNORECASE)


def hiding(tool: str, arguments: Mapping[str, Json]) -> Hiding | None:
    """How a call to *tool* with arguments of these names hides another call; None: not at all.

    Looks at names only, so that a definition's parameters do as well as a call's arguments.
    """
    return _shape_of(tool, arguments)[0]


def _shape_of(tool: str, arguments: Mapping[str, Json]) -> tuple[Hiding | None, str | None]:
    names = tuple(arguments)
    if len(names) > _MANY or len(tool) + sum(map(len, names)) > 5 * LONGEST:
        return _shape.__wrapped__(tool, names)  # not worth remembering
    return _shape(tool, names)


@lru_cache(maxsize=8192)
def _shape(tool: str, arguments: tuple[str, ...]) -> tuple[Hiding | None, str | None]:
    """How it hides another call, and which argument may be a script."""
    script = next((a for a in arguments if key_of(a) == "script"), None)
    return _hiding(tool, arguments), script


def _hiding(tool: str, arguments: tuple[str, ...]) -> Hiding | None:
    names = {key_of(a) for a in arguments}
    words = set(words_of(tool))
    if names & _METHODS and names & _PATHS:
        return Hiding.REQUEST
    if names & _BATCHES and words & _RAW_NAMES:
        return Hiding.REQUEST
    if words & _RAW_NAMES and read(tool).act is not Act.READ and not read(tool).areas:
        return Hiding.REQUEST
    if names & _QUERIES:
        return Hiding.QUERY
    if names & _COMMANDS and (words & _RUNNERS or _executes(tool)):
        return Hiding.COMMAND
    if names & _ACTIONS and not read(tool).understood:
        return Hiding.MULTIPLEXER
    return None


def _executes(tool: str) -> bool:
    return read(tool).act is Act.EXECUTE


def inside(tool: str, arguments: Mapping[str, Json]) -> Inside | None:
    """What the call hides, judged; None when it hides nothing."""
    how, script = _shape_of(tool, arguments)
    if how is None:
        return None if script is None else _script(arguments[script])
    given = {key_of(k): v for k, v in arguments.items()}
    if how is Hiding.REQUEST:
        return _request(given)
    if how is Hiding.QUERY:
        return _query(given)
    if how is Hiding.COMMAND:
        return _command(given)
    return _multiplexed(tool, given)


def _script(value: Json) -> Inside | None:
    """An argument named `script` is the name of one, or is the script itself."""
    if isinstance(value, str | int) and _A_NAME.fullmatch(str(value)):
        return None
    return Inside(Hiding.COMMAND, Tier.APPROVE, "The script inside was never looked at")


def _first(given: Mapping[str, Json], names: frozenset[str]) -> str | None:
    found = [given[n] for n in sorted(names) if n in given]
    text = found[0] if len(found) == 1 else None
    return text if isinstance(text, str) and len(text) <= _MAX_TEXT else None


def _request(given: Mapping[str, Json]) -> Inside:
    method, path = _first(given, _METHODS), _first(given, _PATHS)
    act = _HTTP.get(fold(method).strip()) if method is not None else None
    if (
        act is None
        or path is None
        or len(path) > LONGEST
        or not path.isprintable()
        or "%" in path
        or ".." in path
    ):
        return Inside(
            Hiding.REQUEST, Tier.APPROVE, "It is a raw request that could not be understood"
        )
    reading = read(path.partition("?")[0])
    tier = amounts_to(act, reading)
    what = "reads" if act is Act.READ else f"would {act}"
    return Inside(Hiding.REQUEST, tier, f"The request inside {what} {_about(reading)}")


def _query(given: Mapping[str, Json]) -> Inside:
    text = _first(given, _QUERIES)
    if text is not None and _SELECT.match(text):
        why = "A free-form query can read any table, personal data included"
    else:
        why = "The query inside may change data"
    return Inside(Hiding.QUERY, Tier.APPROVE, why)


def _command(given: Mapping[str, Json]) -> Inside:
    text = _first(given, _COMMANDS)
    refused = Inside(
        Hiding.COMMAND, Tier.APPROVE, "The command inside is not on the list of those that look"
    )
    if text is None or _SHELL_MARKS.search(text) or not text.isprintable():
        return refused
    try:
        words = shlex.split(text)
    except ValueError:
        return refused
    if not words or fold(words[0]) not in _LOOKS or len(words) > 4:
        return refused
    return Inside(Hiding.COMMAND, Tier.AUTONOMOUS, f"The command inside only looks: {words[0]}")


def _multiplexed(tool: str, given: Mapping[str, Json]) -> Inside:
    action = _first(given, _ACTIONS)
    act = read(action).act if action else None
    if act is None:
        return Inside(
            Hiding.MULTIPLEXER, Tier.APPROVE, "The action it names inside is not understood"
        )
    reading = read(f"{action} {tool}")
    return Inside(
        Hiding.MULTIPLEXER,
        amounts_to(act, reading),
        f"The action inside would {act} {_about(reading)}",
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
