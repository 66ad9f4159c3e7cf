"""A call's arguments, looked at once: every text with the name it stands under, how deep they
nest, and whether two names are the same to a reader without regard to case.

Without recursion: hostile arguments may nest deeper than the stack.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from handrail.core.lexicon import PROSE
from handrail.core.model import Json
from handrail.core.words import fold, key_of

MAX_DEPTH = 64
MAX_ITEMS = 100_000

_SPLIT = re.compile(r"[\s/\\,;=:'\"()<>|&\[\]{}]+")
_STRUCTURED = ("{", "[", "<")
#: Control characters other than white space: invisible, so they hide nothing.
_CONTROLS = dict.fromkeys((*range(9), *range(14, 28), 127, *range(128, 133), *range(134, 160)))


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen. ``texts`` are (name, text) pairs; ``trouble`` says in words why the arguments
    cannot be judged, empty when they can."""

    texts: tuple[tuple[str, str], ...]
    trouble: str

    def mentions(self, literals: Iterable[str]) -> bool:
        """Whether any of *literals* (folded) stands anywhere in the texts: the cheap look before
        `names_of_things`."""
        whole = visible(" ".join([text for _, text in self.texts]))
        return any(literal in whole for literal in literals)

    def names_of_things(self) -> Iterator[str]:
        """Every word that may name a thing: texts as they stand and their parts, folded. Text
        written for people is left out: a name in a sentence is a mention, not a target."""
        for name, text in self.texts:
            folded = visible(text)
            if name in PROSE and not folded.startswith(_STRUCTURED) and len(folded.split()) > 1:
                continue
            yield from parts(folded)


def look(arguments: Mapping[str, Json]) -> Looked:
    """Look at *arguments* once."""
    texts: list[tuple[str, str]] = []
    trouble = ""
    here: list[tuple[str, Json]] = [("", arguments)]
    depth = items = 0
    while here:
        depth += 1
        below: list[tuple[str, Json]] = []
        for name, value in here:
            if isinstance(value, Mapping):
                trouble = _names(value, texts, below) or trouble
            elif isinstance(value, str):
                texts.append((name, value))
            else:
                below += [(name, v) for v in value if isinstance(v, _NESTED)]
        items += len(below)
        if items > MAX_ITEMS:
            return Looked(tuple(texts), f"it has more than {MAX_ITEMS} arguments")
        here = below
    if depth > MAX_DEPTH:
        trouble = f"its arguments nest deeper than {MAX_DEPTH} levels"
    return Looked(tuple(texts), trouble)


_NESTED = (str, list, tuple, Mapping)
_HOLDING = (list, tuple, Mapping)


def _names(
    value: Mapping[str, Json], texts: list[tuple[str, str]], below: list[tuple[str, Json]]
) -> str:
    seen = set()
    for raw, inner in value.items():
        key = str(raw)
        seen.add(fold(key))
        texts.append(("", key))
        if isinstance(inner, str):
            texts.append((key_of(key), inner))
        elif isinstance(inner, _HOLDING):
            below.append((key_of(key), inner))
    return "two of its arguments differ only in case" if len(seen) < len(value) else ""


def parts(text: str) -> Iterator[str]:
    """*text* and, where it has several, its parts."""
    yield text
    found = _SPLIT.split(text)
    if len(found) > 1:
        yield from (p for p in found if p)


def visible(text: str) -> str:
    """*text* folded and without what is invisible: a zero-width character hides nothing."""
    folded = fold(text)
    if not folded.isprintable():
        folded = folded.translate(_CONTROLS)
    return folded.strip()


def depth(value: Json) -> int:
    """How deep *value* nests, without recursion: hostile input may be deeper than the stack."""
    level, here = 0, [value]
    while here:
        level += 1
        here = [
            child
            for item in here
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return level
