"""How far one call reaches by its arguments, whatever its row counts as targets (SPEC 2).

* A list under the name of a kind of target (`user_ids`, `devices`) is as many targets.
* A filter, a wildcard or a flag such as `apply_to_all` names targets that nobody can count.

It only raises: `classify` takes the larger count, and a change of what can't be counted waits.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from handrail.core.model import Json
from handrail.core.words import fold, key_of

_KINDS = (
    "user|device|machine|computer|endpoint|host|asset|server|workstation|laptop|mailbox|account|"
    "member|target|client|tenant|compan(?:y|ie)|customer|site|organi[sz]ation|agent|node|group|"
    "ticket|licen[cs]e|rule"
)
_TARGETS = re.compile(
    rf"(?:{_KINDS})(?:s|es)?(?:id|uid|guid|upn|name|key|email)?s?(?:list|filter)?"
)
_FILTERS = frozenset(
    "filter where selector odatafilter filterquery filterexpression criteria devicefilter "
    "userfilter".split()
)
_EVERYTHING = frozenset(
    "* % .* all any everyone everybody alltenants allusers alldevices allclients allsites "
    "allcompanies allcustomers".split()
)
_ALL = re.compile(
    r"(?:applyto|include|select|forall|target)?all(?:users|devices|tenants|clients|sites|computers)?"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """``count`` is the most targets that one argument lists; ``open`` is the argument that names
    targets nobody can count, empty where none does."""

    count: int
    open: str


def reach(arguments: Mapping[str, Json], texts: Iterable[tuple[str, str]]) -> Reach:
    """The reach of a call. *texts* are its texts with the folded name each stands under
    (`arguments.Looked`)."""
    listed: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for name, text in texts:
        if not name or not text:
            continue
        if name in _FILTERS:
            return Reach(0, name)
        if _TARGETS.fullmatch(name):
            folded = fold(text).strip()
            if folded.replace(" ", "").replace("_", "") in _EVERYTHING or "*" in folded:
                return Reach(0, name)
            if (name, folded) not in seen:
                seen.add((name, folded))
                listed[name] += 1
    for raw, value in arguments.items():
        key = key_of(str(raw))
        if value is True and _ALL.fullmatch(key):
            return Reach(0, key)
        if isinstance(value, Mapping) and value and key in _FILTERS:
            return Reach(0, key)
        if isinstance(value, list) and _TARGETS.fullmatch(key):
            listed[key] = max(listed[key], len({fold(str(v)).strip() for v in value}))
    return Reach(max(listed.values(), default=0), "")
