"""The folded twin of an expression: the same question without regard to case and Unicode form.

`args.Name == "Print Spooler"` becomes `folded.args.name == "print spooler"`, where `folded.args`
are the arguments with every text and every key folded. What neither is a text nor selects a key
stays as it is.
"""

import re
from functools import lru_cache

import orjson

from handrail.core.words import fold

MAX_REMEMBERED = 20_000  # expressions

#: Attributes with words of any kind: conditions see them folded as well.
TWINNED = (
    "action.connection",
    "action.tool",
    "action.type",
    "agent.id",
    "agent.version",
    "args",
    "client.id",
    "fact",
    "runbook.name",
    "targets.list",
    "trigger.ref",
)
_AROUND_DOTS = re.compile(r"\s*\.\s*")


def without_space(text: str) -> str:
    """*text* without white space around its dots, as names are compared."""
    return _AROUND_DOTS.sub(".", text)


_PIECES = re.compile(
    r"""(?P<text>[rRbB]*(?:\"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<selector>\.\s*[A-Za-z_]\w*(?!\w|\s*\())"""
    r"""|(?P<root>(?<![\w.])(?:"""
    + "|".join(n.replace(".", r"\s*\.\s*") for n in TWINNED)
    + r""")(?!\w))"""
)
_MATCHING = re.compile(r"matches\s*\(\s*$")


@lru_cache(maxsize=MAX_REMEMBERED)
def folded_text(text: str) -> str:
    """*text* with its literals and the keys it selects folded, reading the folded attributes.

    The pattern of `matches` keeps its letters (folding would turn `\\D` into `\\d`) and is told
    not to regard case instead.
    """
    out: list[str] = []
    end = 0
    for piece in _PIECES.finditer(text):
        out.append(text[end : piece.start()])
        end = piece.end()
        found = piece.group()
        if piece.lastgroup == "root":
            out.append(f"folded.{without_space(found)}")
        elif piece.lastgroup == "selector":
            out.append(found.casefold())
        elif _MATCHING.search(text[: piece.start()]):
            quote = found.index(found[-1])
            out.append(f"{found[: quote + 1]}(?i){found[quote + 1 :]}")
        else:
            out.append(_folded_literal(found))
    out.append(text[end:])
    return "".join(out)


_ESCAPE = re.compile(
    r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))"
)
_NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescaped(match: re.Match[str]) -> str:
    two, four, eight, octal, letter = match.groups()
    if letter is not None:
        return _NAMED.get(letter, letter)
    return chr(int(octal, 8) if octal else int(two or four or eight, 16))


def _folded_literal(literal: str) -> str:
    """A text literal with its text folded. Bytes stay as they are."""
    quote = literal.index(literal[-1])
    prefix, text = literal[:quote].lower(), literal[quote + 1 : -1]
    if "b" in prefix:
        return literal
    value = fold(text if "r" in prefix else _ESCAPE.sub(_unescaped, text))
    return orjson.dumps(value).decode()
