"""How far one call reaches by its arguments, whatever its row counts as targets (SPEC 2).

* A list under the name of a kind of target (`user_ids`, `devices`) is as many targets.
* A filter, a wildcard or a flag such as `apply_to_all` names targets that nobody can count.

It only raises: `classify` takes the larger count, and a change of what can't be counted waits.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from handrail.core.model import Json
from handrail.core.words import LONGEST, fold, key_of

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
    seen: set[tuple[str, str]] = set()
    for name, text in texts:
        if not name or not text or not (role := _role(name)):
            continue
        if role == "filter":
            return Reach(0, name)
        folded = fold(text).strip()
        if "*" in folded or folded.replace(" ", "").replace("_", "") in _EVERYTHING:
            return Reach(0, name)
        seen.add((name, folded))
    listed = Counter(name for name, _ in seen) if seen else {}
    most = max(listed.values(), default=0)
    for raw, value in arguments.items():
        if isinstance(value, str):
            continue
        key = key_of(str(raw))
        if value is True and _ALL.fullmatch(key):
            return Reach(0, key)
        if isinstance(value, Mapping) and value and _role(key) == "filter":
            return Reach(0, key)
        if isinstance(value, list) and _role(key) == "target":
            most = max(most, len({fold(str(v)).strip() for v in value}))
    return Reach(most, "")


def _role(name: str) -> str:
    return _role_of(name) if len(name) <= LONGEST else ""


@lru_cache(maxsize=8192)
def _role_of(name: str) -> str:
    """What an argument of this folded name tells about reach: `filter`, `target` or nothing."""
    if name in _FILTERS:
        return "filter"
    return "target" if _TARGETS.fullmatch(name) else ""
