"""The expression language (CEL) behind one narrow face (ARCHITECTURE, decision 3).

* Names and types are checked when a policy is loaded: an unknown attribute is an error then, not
  at two in the morning.
* At run time CEL's errors are *values*, and truthy: a condition holds when its value is `True`
  itself or when it is an error, so that what is not known holds (SPEC 2).
* Another case or Unicode form of an argument changes nothing: a rule holds when it holds for the
  words as they stand *or* folded; a bound holds only for both. The two are compiled into one
  expression, in which `folded.args` stands beside `args`.
* What a `Scope` was given is never changed, and nothing here reads anything else.
"""

import difflib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import orjson
from cel_expr_python import cel

from handrail.core.model import Json
from handrail.core.twins import TWINNED, folded_text, without_space
from handrail.core.words import fold
from handrail.errors import BadInput

MAX_TEXT = 2000  # characters of one expression
MAX_COMPILED = 20_000  # distinct expressions kept compiled


class ConditionError(BadInput):
    """An expression that cannot be compiled, or a value that cannot be worked out."""

    code = "condition"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One typed name that conditions may use."""

    type: str
    doc: str


ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType(
    {
        "action.type": Attribute("string", "The action type, connection.tool"),
        "action.connection": Attribute("string", "The connection's name"),
        "action.tool": Attribute("string", "The tool's name"),
        "action.kind": Attribute("string", "tool, resource, resource_template or prompt"),
        "action.effect": Attribute("string", "read or change, as the row says"),
        "action.category": Attribute("string", "The row's category"),
        "action.mode": Attribute("string", "execute or grant"),
        "args": Attribute("map(string, dyn)", "The arguments as they will be sent"),
        "clients.count": Attribute("int", "How many clients the call concerns"),
        "client.id": Attribute("string", "The client, where it is one"),
        "client.risk": Attribute("string", "low, normal or high; the highest of several"),
        "client.regimes": Attribute("list(string)", "soc2, hipaa, gdpr, …; of several, all"),
        "targets.count": Attribute("int", "How many targets the call has"),
        "targets.list": Attribute("list(string)", "The targets"),
        "target.kind": Attribute("string", "What the targets are, as the row says"),
        "user.class": Attribute("string", "standard, admin, service or vip: looked up"),
        "device.role": Attribute("string", "workstation, server or network: looked up"),
        "device.managed": Attribute("bool", "Whether the device is managed: looked up"),
        "data.classes": Attribute(
            "list(string)", "Classes of data: the row's, declared, and seen in the arguments"
        ),
        "agent.id": Attribute("string", "The agent"),
        "agent.version": Attribute("string", "Its registered version"),
        "confidence": Attribute("double", "The agent's confidence, 0 to 1; absent when not given"),
        "trigger.kind": Attribute("string", "ticket, alert, …"),
        "trigger.ref": Attribute("string", "Which one"),
        "runbook.name": Attribute("string", "The named runbook"),
        "time.hour": Attribute("int", "Hour of day at the client, 0 to 23"),
        "time.weekday": Attribute("int", "Day of the week at the client, 1 is Monday"),
        "time.business_hours": Attribute("bool", "Monday to Friday, 8 to 18, at the client"),
        "fact": Attribute("map(string, string)", "Further looked-up facts of the policy"),
    }
)

#: What expressions about a finished call may use beside the attributes.
AFTERWARDS = ("result", "before", "after", "item")
#: Attributes with words of a fixed vocabulary: always folded.
_VOCABULARY = (
    "client.regimes",
    "client.risk",
    "data.classes",
    "device.role",
    "target.kind",
    "trigger.kind",
    "user.class",
)

#: Name in an expression → the attribute whose value it has.
_SOURCES: Mapping[str, str] = {
    **{name: name for name in ATTRIBUTES},
    **{f"folded.{name}": name for name in TWINNED},
}
_NOTHING: frozenset[str] = frozenset()
_EVERYTHING = frozenset(_SOURCES)
_PLAIN = frozenset(ATTRIBUTES)
_AS_THEY_STAND = _PLAIN - set(_VOCABULARY)
_MENTIONED = re.compile(
    r"(?<![\w.])(?:" + "|".join(sorted(map(re.escape, _SOURCES), reverse=True)) + r")(?!\w)"
)

_TYPES: Mapping[str, Any] = {
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "double": cel.Type.DOUBLE,
    "list(string)": cel.Type.List(cel.Type.STRING),
    "map(string, dyn)": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "map(string, string)": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}


@lru_cache(maxsize=2)
def _environment(afterwards: bool) -> Any:
    variables = {name: _TYPES[a.type] for name, a in ATTRIBUTES.items()}
    variables |= {f"folded.{name}": _TYPES[ATTRIBUTES[name].type] for name in TWINNED}
    if afterwards:
        variables |= dict.fromkeys(AFTERWARDS, cel.Type.DYN)
    return cel.NewEnv(variables=variables)


@dataclass(frozen=True, slots=True)
class Held:
    """Whether a condition holds, and the error that made it hold, if one did."""

    holds: bool
    error: str | None = None


class Scope:
    """The values one call's expressions see. Attributes that are not known are left out.

    Prepared once and shared by every condition of the call; made and used in one thread. *focus*
    names the attributes that will be asked for, folded ones included; what else is asked for is
    prepared when it is.
    """

    __slots__ = ("_after", "_focus", "_has", "_now", "values")

    def __init__(self, values: Mapping[str, Any], *, focus: frozenset[str] = _NOTHING) -> None:
        self.values = values
        self._focus = focus
        self._has = _NOTHING
        self._now: Any = None
        self._after: Any = None

    def now(self, needs: frozenset[str]) -> Any:
        """The CEL activation before the act, with at least the attributes *needs*."""
        if self._now is None or not needs <= self._has:
            # Whoever asks for what was not expected gets everything: once, and then it is there.
            self._has = _EVERYTHING if self._now is not None else self._focus | needs
            values = self.values
            known: dict[str, Any] = {}
            for name in self._has:
                source = _SOURCES[name]
                if source in values:
                    value = values[source]
                    known[name] = value if name in _AS_THEY_STAND else folded(value)
            self._now = _environment(False).Activation(known)
        return self._now

    def afterwards(self) -> Any:
        """The CEL activation with what was read before and after, made at first use."""
        if self._after is None:
            self._after = _environment(True).Activation(dict(self.values))
        return self._after


def scope(values: Mapping[str, Any], *, focus: frozenset[str] = _NOTHING) -> Scope:
    """Return *values* prepared for evaluation."""
    return Scope(values, focus=focus)


def folded(value: Json) -> Json:
    """*value* with every string in it folded, keys included."""
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, dict | list):
        try:
            encoded = orjson.dumps(value)
            if encoded.isascii():
                return orjson.loads(encoded.lower())  # the same, at once
        except (TypeError, ValueError, RecursionError):
            pass  # what is not plain JSON goes the long way
    if isinstance(value, dict):
        return {fold(str(k)): folded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [folded(v) for v in value]
    return value


#: How a condition takes the folded words: a rule by either, a bound by both, a check not at all.
Twin = Literal["either", "both", "none"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. Compare with `holds`, never by truth."""

    text: str
    _compiled: Any = field(compare=False, repr=False)
    _afterwards: bool = False
    names: frozenset[str] = _PLAIN  #: the attributes it mentions, folded ones included
    source: str = ""  #: the text that was compiled: *text*, and its folded twin

    def holds(self, values: Scope) -> Held:
        """Evaluate; an error counts as holding and says itself."""
        try:
            now = values.afterwards() if self._afterwards else values.now(self.names)
            value = self._compiled.eval(now).value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            return Held(True, str(error))
        if value is True:
            return _HOLDS
        if value is False:
            return _NOT
        return Held(True, str(value))

    def true(self, values: Scope) -> bool:
        """Whether the value is `True` itself: for bounds and checks, where an error fails."""
        held = self.holds(values)
        return held.holds and held.error is None


_HOLDS, _NOT = Held(True), Held(False)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression that gives a value."""

    text: str
    _compiled: Any = field(compare=False, repr=False)
    _afterwards: bool = False
    names: frozenset[str] = _PLAIN  #: the attributes it mentions

    def value(self, values: Scope) -> Json:
        """Evaluate. Raises `ConditionError` when the value cannot be worked out."""
        try:
            now = values.afterwards() if self._afterwards else values.now(self.names)
            value = self._compiled.eval(now)
            if value.type() == cel.Type.ERROR:
                raise ConditionError(f"{self.text}: {value.value()}")
            return value.plain_value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            raise ConditionError(f"{self.text}: {error}") from error


_compiling = threading.Lock()


@lru_cache(maxsize=MAX_COMPILED)
def condition(text: str, *, afterwards: bool = False, twin: Twin = "none") -> Condition:
    """Compile a condition. Raises `ConditionError` with what is wrong and a hint."""
    compiled = _compile(text, afterwards)
    kind = compiled.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise ConditionError(
            f"the condition gives {_article(kind.name().lower())}, not true or false",
            hint="Compare it with something, such as: targets.count <= 1.",
        )
    if twin != "none":
        other = folded_text(text)
        if other != text:
            joined = f"({text}\n) {'||' if twin == 'either' else '&&'} ({other}\n)"
            try:
                compiled = _compile(joined, afterwards, limit=5 * MAX_TEXT)
                return Condition(text, compiled, afterwards, _mentioned(joined), joined)
            except ConditionError as error:
                raise ConditionError(
                    f"{text!r} cannot be read without regard to case",
                    hint="Write names and texts plainly, without raw or triple-quoted strings.",
                ) from error
    return Condition(text, compiled, afterwards, _mentioned(text), text)


_TOGETHER = 16  # conditions compiled into one


@dataclass(frozen=True, slots=True)
class Together:
    """Conditions of which usually none holds, asked in one evaluation.

    ``a || b || c`` is `False` itself only when each of them is: an error in any makes it an error.
    So one evaluation tells that nothing holds, and only otherwise each is asked by itself.
    """

    conditions: tuple[Condition, ...]
    _compiled: Any = field(compare=False, repr=False)
    names: frozenset[str]

    def quiet(self, values: Scope) -> bool:
        """Whether certainly none of them holds."""
        if self._compiled is None:
            return False
        try:
            return self._compiled.eval(values.now(self.names)).value() is False
        except (RuntimeError, ValueError, TypeError, OverflowError):
            return False


def together(conditions: Sequence[Condition], *, negated: bool = False) -> Iterator[Together]:
    """*conditions* in groups, in their order. *negated*: a group is quiet when all of them are
    true."""
    sign = "!" if negated else ""
    for start in range(0, len(conditions), _TOGETHER):
        group = tuple(conditions[start : start + _TOGETHER])
        text = " || ".join(f"{sign}({c.source}\n)" for c in group)
        try:
            compiled = _compile(text, False, limit=len(text))
        except ConditionError:
            compiled = None  # each was compiled; only together are they too large
        yield Together(group, compiled, frozenset().union(*(c.names for c in group)))


def _mentioned(text: str) -> frozenset[str]:
    """The attributes *text* mentions; one that only stands in a literal does no harm."""
    return frozenset(_MENTIONED.findall(without_space(text)))


@lru_cache(maxsize=MAX_COMPILED)
def expression(text: str, *, afterwards: bool = False) -> Expression:
    """Compile an expression. Raises `ConditionError` with what is wrong and a hint."""
    return Expression(text, _compile(text, afterwards), afterwards, _mentioned(text))


def _compile(text: str, afterwards: bool, *, limit: int = MAX_TEXT) -> Any:
    if len(text) > limit:
        raise ConditionError(f"the expression is over {limit} characters", hint="Split it.")
    try:
        with _compiling:
            return _environment(afterwards).compile(text)
    except (RuntimeError, ValueError, TypeError) as error:
        message, hint = _explained(text, str(error), afterwards)
        raise ConditionError(message, hint=hint) from error


_WHERE = re.compile(r"^.*?<input>:\d+:(\d+): ", re.DOTALL)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")


def _explained(text: str, error: str, afterwards: bool) -> tuple[str, str]:
    first = error.split("\n", 1)[0]
    at = _WHERE.match(first)
    what = _WHERE.sub("", first).replace(" (in container '')", "")
    message = f"{what} in {text[:200]!r}" + (f", at character {at.group(1)}" if at else "")
    unknown = _UNDECLARED.search(first)
    if unknown is None:
        return message, "See the attributes and their types in the reference."
    names = [*ATTRIBUTES, *(AFTERWARDS if afterwards else ())]
    near = difflib.get_close_matches(unknown.group(1), names, n=1)
    if near:
        return message, f"Did you mean {near[0]}?"
    return message, f"Known names: {', '.join(names)}."


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
