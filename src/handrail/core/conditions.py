"""The expression language (CEL) behind one narrow face (ARCHITECTURE, decision 3).

Names and types are checked when a policy is loaded: an unknown attribute is an error then, not at
two in the morning. At run time CEL's errors are *values*, and truthy: a condition holds when its
value is `True` itself or when it is an error, so that what is not known holds (SPEC 2).
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from cel_expr_python import cel

from handrail.core.model import Json
from handrail.errors import BadInput

MAX_TEXT = 2000  # characters of one expression


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
        "data.classes": Attribute("list(string)", "Classes of data, the row's and declared"),
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
AFTERWARDS = ("result", "before", "after")

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

    Prepared once and shared by every condition of the call; made and used in one thread.
    """

    __slots__ = ("_after", "_plain", "values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self._plain: Any = None
        self._after: Any = None

    def activation(self, afterwards: bool) -> Any:
        """The CEL activation, made at first use."""
        if afterwards:
            if self._after is None:
                self._after = _environment(True).Activation(dict(self.values))
            return self._after
        if self._plain is None:
            known = {k: v for k, v in self.values.items() if k not in AFTERWARDS}
            self._plain = _environment(False).Activation(known)
        return self._plain


def scope(values: Mapping[str, Any]) -> Scope:
    """Return *values* prepared for evaluation."""
    return Scope(values)


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition. Compare with `holds`, never by truth."""

    text: str
    _compiled: Any = field(compare=False, repr=False)
    _afterwards: bool = False

    def holds(self, values: Scope) -> Held:
        """Evaluate; an error counts as holding and says itself."""
        try:
            value = self._compiled.eval(values.activation(self._afterwards))
            if value.type() == cel.Type.BOOL:
                return _HOLDS if value.value() is True else _NOT
            return Held(True, str(value.value()))
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            return Held(True, str(error))

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

    def value(self, values: Scope) -> Json:
        """Evaluate. Raises `ConditionError` when the value cannot be worked out."""
        try:
            value = self._compiled.eval(values.activation(self._afterwards))
            if value.type() == cel.Type.ERROR:
                raise ConditionError(f"{self.text}: {value.value()}")
            return value.plain_value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            raise ConditionError(f"{self.text}: {error}") from error


_compiling = threading.Lock()


def condition(text: str, *, afterwards: bool = False) -> Condition:
    """Compile a condition. Raises `ConditionError` with what is wrong and a hint."""
    compiled = _compile(text, afterwards)
    kind = compiled.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise ConditionError(
            f"the condition gives a {kind.name()}, not true or false",
            hint="Compare it with something, such as: targets.count <= 1.",
        )
    return Condition(text, compiled, afterwards)


def expression(text: str, *, afterwards: bool = False) -> Expression:
    """Compile an expression. Raises `ConditionError` with what is wrong and a hint."""
    return Expression(text, _compile(text, afterwards), afterwards)


def _compile(text: str, afterwards: bool) -> Any:
    if len(text) > MAX_TEXT:
        raise ConditionError(f"the expression is over {MAX_TEXT} characters", hint="Split it.")
    try:
        with _compiling:
            return _environment(afterwards).compile(text)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConditionError(*_explained(text, str(error), afterwards)) from error


def _explained(text: str, error: str, afterwards: bool) -> tuple[str]:
    first = error.split("\n", 1)[0].removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: ")
    known = ", ".join((*ATTRIBUTES, *(AFTERWARDS if afterwards else ())))
    more = f" Known names: {known}." if "undeclared reference" in error else ""
    return (f"{first} in {text!r}.{more}",)
