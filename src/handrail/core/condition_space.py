"""What a condition can come to, found by trying every value that makes a difference.

* A closed attribute (a truth value, an hour, a category) is tried with each of its values. An open
  one (a name, a count) with the literals it is compared with and one value beside them, which is
  every case there is as long as it is only compared with literals.
* What can't be tried so (arguments, further facts, an open attribute used in another way) is left
  out. The language then says *unknown*, and says `false` only where it is false whatever the rest.
* A looked-up attribute has a usual vocabulary, but a lookup may give any word. What rests on the
  vocabulary is told apart.

Every answer here is certain or None; too many cases to try is None.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handrail.core.conditions import ATTRIBUTES, Condition, scope
from handrail.core.model import Effect, Mode, Risk
from handrail.core.twins import without_space
from handrail.core.vocabulary import CATEGORIES, DATA_CLASSES, TARGET_KINDS
from handrail.core.words import fold

MAX_CASES = 20_000
BESIDE = "~another~"  # a word that nobody writes

#: Attributes whose values are the program's own words.
CLOSED: Mapping[str, Sequence[Any]] = {
    "action.kind": ("tool", "resource", "resource_template", "prompt"),
    "action.effect": tuple(e.value for e in Effect),
    "action.category": tuple(CATEGORIES),
    "action.mode": tuple(m.value for m in Mode),
    "target.kind": tuple(TARGET_KINDS),
    "client.risk": tuple(r.value for r in Risk),
    "device.managed": (False, True, BESIDE),  # looked up: it may be anything
    "time.business_hours": (False, True),
    "time.hour": tuple(range(24)),
    "time.weekday": tuple(range(1, 8)),
}
#: Looked-up attributes and lists, with their usual words.
USUAL: Mapping[str, Sequence[str]] = {
    "user.class": ("standard", "admin", "service", "vip"),
    "device.role": ("workstation", "server", "network"),
    "data.classes": tuple(DATA_CLASSES),
}
#: Regimes people write; any other word is allowed as well.
REGIMES = ("soc2", "hipaa", "gdpr", "pci-dss", "iso27001", "ai-act", "nis2", "dora")
#: Never absent when a call of a row is judged.
ALWAYS_KNOWN = frozenset(
    "action.type action.connection action.tool action.kind action.effect action.category "
    "action.mode agent.id agent.version trigger.kind trigger.ref targets.count targets.list "
    "target.kind data.classes".split()
)
#: The same where a call may have no row.
_OF_THE_CALL = ALWAYS_KNOWN - {"action.effect", "action.category", "target.kind", "data.classes"}
_ABSENT = object()

_TEXT = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_TOKEN = re.compile(
    rf"(?P<text>{_TEXT})|(?P<number>\d+(?:\.\d+)?u?)|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[<>\[\](),?:!+\-*/%.{}])"
)
_COMPARE = frozenset({"==", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  #: text, number, name or sign
    text: str

    @property
    def literal(self) -> Any:
        """The value of a literal."""
        if self.kind == "text":
            return self.text[1:-1]
        digits = self.text.rstrip("u")
        return float(digits) if "." in digits else int(digits)


def tokens(text: str) -> list[Token]:
    """The tokens of a condition."""
    return [Token(str(m.lastgroup), m.group()) for m in _TOKEN.finditer(without_space(text))]


@dataclass(frozen=True, slots=True)
class Compared:
    """How one attribute stands in a condition: the literals it is compared with, and whether it
    stands in no other way."""

    literals: tuple[Any, ...]
    only: bool


def compared(text: str, name: str) -> Compared:
    """How the attribute *name* is used in the condition *text*."""
    found = tokens(text)
    literals: list[Any] = []
    only = True
    for n, token in enumerate(found):
        if token.kind != "name":
            continue
        if token.text.startswith(f"{name}."):
            only = False  # a function of it, such as startsWith
        if token.text == name:
            given = _beside(found, n)
            literals += given or ()
            only = only and given is not None
    return Compared(tuple(dict.fromkeys(literals)), only)


def _beside(found: Sequence[Token], n: int) -> list[Any] | None:
    """The literals that the name at *n* is compared with; None when it is used otherwise."""

    def at(i: int) -> Token:
        return found[i] if 0 <= i < len(found) else Token("end", "")

    # What binds closer than a comparison, on either side, is another use.
    loose = {"&&", "||", "(", ")", "!", "?", ":", "end", ""}
    before, after = at(n - 1), at(n + 1)
    if after.text in _COMPARE and at(n + 2).kind in {"text", "number"}:
        plain = before.text in loose and at(n + 3).text in loose
        return [at(n + 2).literal] if plain and _tells(after, at(n + 2)) else None
    if before.text in _COMPARE and at(n - 2).kind in {"text", "number"}:
        plain = after.text in loose and at(n - 3).text in loose
        return [at(n - 2).literal] if plain and _tells(before, at(n - 2)) else None
    if after.text == "in" and at(n + 2).text == "[":
        listed, i = [], n + 3
        while at(i).kind in {"text", "number"}:
            listed.append(at(i).literal)
            i += 2 if at(i + 1).text == "," else 1
        return listed if at(i).text == "]" and before.text in loose else None
    if before.text == "in" and at(n - 2).kind == "text" and at(n - 3).text in loose:
        return [at(n - 2).literal] if after.text in loose else None
    return None


def _tells(sign: Token, literal: Token) -> bool:
    """Whether the cases of `_words` are all there is: texts have an order, which those do not
    cover."""
    return literal.kind == "number" or sign.text in {"==", "!="}


def _values(name: str, text: str, *, usual: bool) -> Sequence[Any] | None:
    """Every value of the attribute *name* that makes a difference; None when that can't be told."""
    if name in CLOSED:
        return CLOSED[name]
    use = compared(text, name)
    if not use.only:
        return None
    kind = ATTRIBUTES[name].type
    if kind in {"string", "list(string)"}:
        words = [x for x in use.literals if isinstance(x, str) and "\\" not in x]
        if len(words) < len(use.literals):
            return None
        if kind == "string":
            return _words(name, words, usual=usual)
        cased = list(dict.fromkeys([*words, *(w.swapcase() for w in words)]))
        return _subsets(USUAL.get(name, words) if usual else cased)
    numbers = [x for x in use.literals if isinstance(x, int | float)]
    if len(numbers) < len(use.literals):
        return None
    if kind == "int":
        return sorted({v for x in [0, *numbers] for v in _around(math.floor(x))})
    near = {min(1.0, max(0.0, x + d)) for x in numbers for d in (-0.001, 0.0, 0.001)}
    points = sorted({0.0, 1.0, *near})
    return sorted({*points, *_middle(points)}) if kind == "double" else None


def _words(name: str, words: Sequence[str], *, usual: bool) -> Sequence[Any]:
    """The words of the text *name*: its usual ones, or those it is compared with, in another case
    as well, and one beside them."""
    if usual and name in USUAL:
        return USUAL[name]
    cased = [w.swapcase() for w in words]
    return list(dict.fromkeys([*words, *cased, *USUAL.get(name, ()), BESIDE]))


def _subsets(words: Sequence[str]) -> Sequence[Any] | None:
    if len(words) > 8:
        return None
    sizes = range(len(words) + 1)
    return [list(s) for n in sizes for s in itertools.combinations(words, n)]


def _around(x: int) -> list[int]:
    return [v for v in (x - 1, x, x + 1, x + 2) if v >= 0]


def _middle(points: Sequence[float]) -> Iterator[float]:
    for low, high in itertools.pairwise(points):
        yield (low + high) / 2


@dataclass(frozen=True, slots=True)
class Space:
    """The cases of some conditions: values by name, and the names that can't be tried."""

    values: Mapping[str, Sequence[Any]]
    untried: frozenset[str]
    known: frozenset[str] = ALWAYS_KNOWN  #: attributes that are never absent

    def cases(self, *, absent: bool) -> Iterator[dict[str, Any]]:
        """Every case. With *absent*, also those in which an attribute is not known."""
        names = list(self.values)
        pools = [
            [*self.values[n], _ABSENT] if absent and n not in self.known else self.values[n]
            for n in names
        ]
        for case in itertools.product(*pools):
            yield {n: v for n, v in zip(names, case, strict=True) if v is not _ABSENT}

    def small(self, *, absent: bool) -> bool:
        """Whether there are few enough cases to try them all."""
        return math.prod(len(v) + absent for v in self.values.values()) <= MAX_CASES


def space(
    conditions: Sequence[Condition],
    fixed: Mapping[str, Sequence[Any]],
    *,
    usual: bool = False,
    known: frozenset[str] | None = None,
) -> Space:
    """The cases of *conditions* where the attributes of *fixed* have only those values. Those of
    *known* are never absent; by default, the ones of *fixed*."""
    text = " ) && ( ".join(c.text for c in conditions)
    names = {n.removeprefix("folded.") for c in conditions for n in c.names}
    values: dict[str, Sequence[Any]] = {}
    untried = set()
    for name in sorted(names):
        found = fixed.get(name) or _values(name, text, usual=usual)
        if found is None:
            untried.add(name)
        else:
            values[name] = found
    return Space(
        values,
        frozenset(untried),
        ALWAYS_KNOWN | fixed.keys() if known is None else _OF_THE_CALL | known,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition always comes to. *usual*: only as long as lookups give the usual words."""

    always: bool
    names: tuple[str, ...]  #: possibly unknown attributes; an unknown one counts as holding
    usual: bool = False


def verdict(condition: Condition, fixed: Mapping[str, Sequence[Any]]) -> Verdict | None:
    """Whether *condition* is false in every case, or true in every case; None when neither is
    certain. An attribute that is not known makes a condition hold whatever it says."""
    for usual in (False, True):
        cases = space([condition], fixed, usual=usual)
        if not cases.small(absent=False):
            continue
        seen: set[Any] = set()
        for case in cases.cases(absent=False):
            held = condition.holds(scope(case))
            seen.add(None if held.error is not None else held.holds)
            if len(seen) > 1:
                break
        if seen in ({True}, {False}):
            names = {n.removeprefix("folded.") for n in condition.names} - cases.known
            rests = bool(usual and set(USUAL) & set(cases.values))
            return Verdict(always=True in seen, names=tuple(sorted(names)), usual=rests)
    return None


def implies(
    first: Condition | None,
    second: Condition | None,
    fixed: Mapping[str, Sequence[Any]],
    *,
    known: frozenset[str] | None = None,
) -> bool:
    """Whether *second* certainly holds wherever *first* does; None stands for *always*. What is
    not known counts as holding, in both. *fixed* and *known* are those of `space`."""
    if second is None or second.text == "true":
        return True
    if first is not None:
        if first.text == second.text:
            return True
        ors, ands = parts(second.text, "||"), parts(first.text, "&&")
        if {*ors, second.text.strip()} & {*ands, first.text.strip()}:
            return True
        if not second.names <= first.names:
            return False  # it asks about something else, and that can be shown only by trying all
    both = [second] if first is None else [first, second]
    cases = space(both, fixed, known=known)
    if not cases.small(absent=True):
        return False
    for case in cases.cases(absent=True):
        prepared = scope(case)
        if first is not None and not first.holds(prepared).holds:
            continue
        held = second.holds(prepared)
        # With something left out, only a plain true is true whatever the rest.
        if not held.holds or (cases.untried and held.error is not None):
            return False
    return True


_UNPLAIN = re.compile(r"//|\"\"\"|'''|[rRbB]+[\"']")


def parts(text: str, sign: str) -> list[str]:
    """*text* split at its outermost *sign*s. Only itself when another operator binds less, and
    when it holds anything that reads otherwise than it looks: comments, raw and long literals."""
    if _UNPLAIN.search(text):
        return [text.strip()]
    level, start, at = 0, 0, 0
    found: list[str] = []
    looser = {"&&": ("||", "?"), "||": ("?",)}[sign]
    literals = re.compile(_TEXT)
    while at < len(text):
        literal = literals.match(text, at)
        if literal:
            at = literal.end()
            continue
        level += text[at] in "([{"
        level -= text[at] in ")]}"
        if level == 0 and text.startswith(looser, at):
            return [text.strip()]
        if level == 0 and text.startswith(sign, at):
            found.append(text[start:at].strip())
            at += len(sign)
            start = at
            continue
        at += 1
    return [*found, text[start:].strip()]


def odd_words(text: str) -> Iterator[tuple[str, str, Sequence[str], bool]]:
    """Words that an attribute is compared with and that are none of its own: (attribute, word,
    its words, whether they are the only ones there can be)."""
    for name in ATTRIBUTES:
        words = CLOSED.get(name) or USUAL.get(name)
        if words is None or not isinstance(words[0], str):
            continue
        for literal in compared(text, name).literals:
            if isinstance(literal, str) and fold(literal) not in words:
                yield name, literal, words, name in CLOSED
