"""The kinds of value that stand in a policy's files, for their one description (`policy_shape`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is not blank. *pattern* is searched for in it, in the syntax that Python and
    ECMAScript share; *words* are the only ones allowed, or with *open* the usual ones."""

    says: str = "text"
    pattern: str = ""
    words: Sequence[str] = ()
    open: bool = False
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number from *low* to *high*; *whole* where it has no fraction."""

    low: int
    high: int
    whole: bool = True

    @property
    def says(self) -> str:
        return f"{'whole number' if self.whole else 'number'}, {self.low} to {self.high:,}"


@dataclass(frozen=True, slots=True)
class One:
    """One of these values."""

    of: Sequence[Any]

    @property
    def says(self) -> str:
        return ", ".join(f"`{str(v).lower() if isinstance(v, bool) else v}`" for v in self.of)


@dataclass(frozen=True, slots=True)
class Either:
    """A number or truth value that stands for itself, or *text*."""

    text: Text

    @property
    def says(self) -> str:
        return f"number, truth value or {self.text.says}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of *item*."""

    item: "Kind"
    least: int = 0
    most: int | None = None
    once: bool = False  #: each item at most once

    @property
    def says(self) -> str:
        return f"list of {self.item.says}"


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping with free keys to *item*."""

    item: "Kind"
    least: int = 0

    @property
    def says(self) -> str:
        return f"names, each with {self.item.says}"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping: what stands there, what it means, whether it must be there."""

    kind: "Kind"
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known keys. *rules* are further JSON Schema assertions over the mapping."""

    name: str
    doc: str
    members: Mapping[str, Key]
    rules: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def keys(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The required keys and the optional ones."""
        must = tuple(k for k, m in self.members.items() if m.required)
        return must, tuple(k for k in self.members if k not in must)

    @property
    def says(self) -> str:
        return f"[{self.name}](#{self.name.replace(' ', '-')})"


Kind = Text | Number | One | Either | Listing | Named | Shape
