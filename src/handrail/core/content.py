"""What a call changes, apart from where: the digest that aggregates count by (SPEC 2.5)."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Protocol

import orjson

from handrail.core.conditions import Expression, folded
from handrail.core.lexicon import CLIENT_ARGUMENTS, SELF_SAID
from handrail.core.model import Json
from handrail.core.words import fold, key_of

_ARGUMENT = re.compile(r"\bargs\.([A-Za-z_][A-Za-z0-9_]*)")


class Contentful(Protocol):
    """What of a matrix row says where its content is (`policy.MatrixRow`)."""

    @property
    def type(self) -> str: ...
    @property
    def content(self) -> tuple[str, ...] | None: ...
    @property
    def client(self) -> Expression | None: ...
    @property
    def targets(self) -> Expression | None: ...


#: Arguments that are no content: where a change goes, and what an agent says about itself.
_NO_CONTENT = CLIENT_ARGUMENTS | SELF_SAID


def content_digest(row: Contentful, arguments: Mapping[str, Json]) -> str | None:
    """SHA-256 of what the call changes, apart from where: what an aggregate counts (SPEC 2.5).

    None for an action type without content of its own. Folded, so that another case or Unicode
    form of the same package is the same package.
    """
    if row.content is not None:
        names = [n for n in row.content if n in arguments]
        if not row.content:
            return None
    else:
        placed = {
            name
            for expression in (row.client, row.targets)
            if expression is not None
            for name in _ARGUMENT.findall(expression.text)
        }
        names = [n for n in arguments if n not in placed and key_of(n) not in _NO_CONTENT]
        if not names:
            return None
    content = {fold(n): folded(arguments[n]) for n in names}
    return hashlib.sha256(_encoded([row.type, content])).hexdigest()


def _encoded(value: Json) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a number of more than 64 bits
        return json.dumps(value, sort_keys=True, default=str).encode()
