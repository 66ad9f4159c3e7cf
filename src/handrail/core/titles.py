"""Values as words for people: one line, escaped of everything that could deceive, capped.

What stands in a sentence of Handrail's own derives from what a call's digest binds (I31); these
functions make sure that a value in it can neither break the line nor reorder it.
"""

import unicodedata

from handrail.core.model import Json

SHOWN = 80  # characters of one value in a sentence
_HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def plain(text: str, limit: int = SHOWN) -> str:
    """*text* as it may stand in a sentence: one line, no controls, no reordering, capped."""
    kept = text[: limit * 4]
    if not (kept.isascii() and kept.isprintable()):  # plain words need no look at each character
        kept = "".join(c if unicodedata.category(c) not in _HIDDEN else " " for c in kept)
    words = " ".join(kept.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def shown(value: Json) -> str:
    """*value* as words. What is not there is said so, never left out."""
    if value is None:
        return "(nothing)"
    if isinstance(value, list | tuple):
        if len(value) > 3:
            return f"{plain(_one(value[0]))} and {len(value) - 1} more"
        return plain(", ".join(_one(v) for v in value)) or "(nothing)"
    return plain(_one(value)) or "(empty)"


def _one(value: Json) -> str:
    if isinstance(value, dict):
        return f"({len(value)} fields)"
    if isinstance(value, list | tuple):
        return f"({len(value)} values)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
