"""YAML that remembers its lines, and says everything that is wrong instead of the first thing.

Refuses what makes a policy ambiguous or hostile: duplicate keys, anchors, deep nesting, size.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from handrail.errors import Problem

#: The same language twice: libyaml's parser is ten times faster, and not everywhere there.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 2_000_000
MAX_DEPTH = 32


class Problems:
    """Collects everything wrong in a folder."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(
        self, file: str, line: int, message: str, hint: str = "", code: str = "structure"
    ) -> None:
        self.found.append(Problem(file, line, message, hint, code))


@dataclass(frozen=True, slots=True)
class Node:
    """One value with the place where it stands."""

    value: Any  #: None, bool, int, float, str, list[Node] or dict[str, Node]
    file: str
    line: int
    problems: Problems

    def wrong(self, message: str, hint: str = "", code: str = "structure") -> None:
        """Say that something is wrong here. *code* is another than `structure` where the fault is
        in what one value has to do with another (`policy_shape`)."""
        self.problems.add(self.file, self.line, message, hint, code)

    def text(
        self, *, allowed: Iterable[str] | None = None, names: Iterable[str] | None = None
    ) -> str:
        """The value as text: one of the words *allowed*, or of the policy's own *names*, where
        given. Wrong ones are said and give ''."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.wrong(f"expected a text, found {self.kind}", "Write a text; quote it if need be.")
            return ""
        for listed, code in ((allowed, "structure"), (names, "unknown-name")):
            if listed is not None and self.value not in (known := list(listed)):
                self.wrong(f"{self.value!r} is not known here", suggestion(self.value, known), code)
                return ""
        return self.value

    def number(self, low: float, high: float) -> float | None:
        """The value as a number from *low* to *high*."""
        value = self.value
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            self.wrong(f"expected a number from {low:g} to {high:g}, found {self.shown}")
            return None
        return value

    def whole(self, low: int, high: int) -> int | None:
        if not isinstance(self.value, int):
            self.wrong(f"expected a whole number from {low} to {high}, found {self.shown}")
            return None
        found = self.number(low, high)
        return None if found is None else int(found)

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.wrong(f"expected true or false, found {self.shown}")
            return False
        return self.value

    def items(self) -> list["Node"]:
        """The value as a list."""
        if not isinstance(self.value, list):
            self.wrong(f"expected a list, found {self.kind}", "Write it as [one, two].")
            return []
        return self.value

    def texts(
        self, *, allowed: Iterable[str] | None = None, names: Iterable[str] | None = None
    ) -> tuple[str, ...]:
        words, known = (None if x is None else list(x) for x in (allowed, names))
        return tuple(t for n in self.items() if (t := n.text(allowed=words, names=known)))

    def fields(
        self, required: Iterable[str] = (), optional: Iterable[str] = ()
    ) -> dict[str, "Node"]:
        """The value as a mapping with known keys only; unknown and missing ones are said."""
        if not isinstance(self.value, dict):
            self.wrong(f"expected a mapping, found {self.kind}", "Write it as key: value.")
            return {}
        known = [*required, *optional]
        for key, node in self.value.items():
            if key not in known:
                node.wrong(f"unknown key {key!r}", suggestion(key, known))
        for key in required:
            if key not in self.value:
                self.wrong(f"missing key {key!r}", f"Add {key}: here.")
        return {k: n for k, n in self.value.items() if k in known}

    def entries(self) -> Iterator[tuple[str, "Node"]]:
        """The pairs of a mapping with free keys."""
        if not isinstance(self.value, dict):
            self.wrong(f"expected a mapping, found {self.kind}")
            return
        yield from self.value.items()

    @property
    def kind(self) -> str:
        names = {dict: "a mapping", list: "a list", str: "a text", type(None): "nothing"}
        return names.get(type(self.value), f"{self.value!r}")

    @property
    def shown(self) -> str:
        return repr(self.value) if not isinstance(self.value, dict | list) else self.kind


def suggestion(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    listed = sorted(known)
    near = difflib.get_close_matches(word, listed, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(listed)}."


def parse(file: str, text: str, problems: Problems) -> Node | None:
    """Parse one file. None when it can't be read at all; the reason is among *problems*."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        problems.add(file, 1, f"the file is over {MAX_BYTES} bytes", "Split it.", "yaml")
        return None
    try:
        events = list(yaml.parse(text, Loader=_LOADER))
        if any(getattr(e, "anchor", None) is not None for e in events):
            marks = [e.start_mark for e in events if getattr(e, "anchor", None)]
            line = marks[0].line + 1 if marks[0] else 1
            problems.add(file, line, "anchors and aliases are not allowed", "Write it out.", "yaml")
            return None
        depth = level = 0
        for event in events:
            level += isinstance(event, yaml.CollectionStartEvent)
            level -= isinstance(event, yaml.CollectionEndEvent)
            depth = max(depth, level)
        if depth > MAX_DEPTH:
            problems.add(file, 1, f"nested deeper than {MAX_DEPTH} levels", code="yaml")
            return None
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.add(
            file, line, f"not YAML: {error.problem}", "Check the indentation and quotes.", "yaml"
        )
        return None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problems.add(file, 1, f"not YAML: {str(error).splitlines()[0]}", code="yaml")
        return None
    if root is None:
        problems.add(file, 1, "the file is empty", "Remove it, or write rows into it.", "yaml")
        return None
    return _node(root, file, problems, yaml.SafeLoader(""))


def planted(value: Any, file: str, problems: Problems) -> Node:
    """*value*, which did not come from a file, as a node: for rows that Handrail drafts."""
    if isinstance(value, Mapping):
        value = {str(k): planted(v, file, problems) for k, v in value.items()}
    elif isinstance(value, list | tuple):
        value = [planted(v, file, problems) for v in value]
    return Node(value, file, 1, problems)


def _node(node: Any, file: str, problems: Problems, loader: Any) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        value: Any = [_node(n, file, problems, loader) for n in node.value]
    elif isinstance(node, yaml.MappingNode):
        value = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in value:
                problems.add(
                    file, key_node.start_mark.line + 1, f"{key!r} stands twice", "Keep one.", "yaml"
                )
            value[key] = _node(value_node, file, problems, loader)
    else:
        value = _scalar(node, loader)
    return Node(value, file, line, problems)


def _scalar(node: Any, loader: Any) -> Any:
    if node.tag in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"}:
        return str(node.value)  # dates stay as people wrote them
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError, OverflowError):
        return str(node.value)
