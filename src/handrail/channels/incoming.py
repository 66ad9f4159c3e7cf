"""Signed reports from other systems, such as a ticket system that reports harm.

They are signed as Standard Webhooks are: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
Each source has secrets of its own, and which secret fits says which source it is. What is older
or newer than `WINDOW` seconds is refused; that one message is taken once is the receiver's part.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from handrail.channels.webhook import secrets, signature
from handrail.errors import BadInput, NotAllowed

WINDOW = 300  #: seconds that a signed report may be old
_NAME = re.compile(r"[a-z][a-z0-9-]{1,38}")
_ID = re.compile(r"[!-~]{1,200}")


def sources(text: str) -> dict[str, tuple[bytes, ...]]:
    """Secrets by source, of a file with `SOURCE whsec_BASE64` lines; a source may have several.
    Raises `BadInput`."""
    found: dict[str, tuple[bytes, ...]] = {}
    for n, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not _NAME.fullmatch(words[0]) or words[0] in {"handrail", "person"}:
            raise BadInput(
                f"line {n} of those who report harm is not `SOURCE whsec_…`",
                hint="A name of small letters, digits and hyphens, then its secret.",
            )
        (secret,) = secrets(words[1])
        if any(secret in known for known in found.values()):
            raise BadInput(f"line {n} of those who report harm has a secret that stands above it")
        found[words[0]] = (*found.get(words[0], ()), secret)
    if not found:
        raise BadInput("nobody is in the file of those who report harm")
    return found


class Incoming:
    """Says who sent a report."""

    def __init__(self, known: Mapping[str, Sequence[bytes]]) -> None:
        self._known = {name: tuple(keys) for name, keys in known.items()}

    def verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[str, str]:
        """The source of *body* and its own id of the message. Raises `NotAllowed`."""
        id = headers.get("webhook-id", "")
        timestamp = headers.get("webhook-timestamp", "")
        given = headers.get("webhook-signature", "").split()[:10]
        if not _ID.fullmatch(id) or not (timestamp.isascii() and timestamp.isdigit()):
            raise NotAllowed("this is not signed", hint="Sign it as Standard Webhooks are.")
        at = int(timestamp[:15])
        found = ""
        for name, keys in self._known.items():
            for key in keys:
                right = signature(key, id, at, body).encode()
                if any(hmac.compare_digest(right, one.encode()) for one in given):
                    found = name
        if not found:
            raise NotAllowed("nobody known signed this")
        if abs(int(now.timestamp()) - at) > WINDOW:
            raise NotAllowed("this was signed too long ago, or ahead of time")
        return found, id
