"""Marks that tell the targets of one action type apart, and tell nothing else.

Evidence has to show that it is about different targets, and the record must hold nothing from
which a person can be guessed (LEDGER). So a target leaves one byte: the first of HMAC-SHA-256 of
type and target under a key that is kept beside the sealing keys. One byte in 256 is shared by
many; two targets with one mark count as one, which asks for more evidence, never for less.
"""

import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from handrail.errors import Unreadable

_KEY_BYTES = 32
_MOST = 64  # marks of one action: it counts once however long its list is


class Marks:
    """Marks targets under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, type: str, targets: Iterable[str]) -> list[int]:
        """The sorted marks of *targets* as targets of *type*."""
        found = {
            hmac.digest(self._key, f"{type}\0{target.casefold()}".encode(), "sha256")[0]
            for target in targets
        }
        return sorted(found)[:_MOST]


def open_marks(folder: Path) -> Marks:
    """The marks under the key in *folder*, made on first use. Raises `Unreadable`."""
    path = folder / "marks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
    else:
        key = os.urandom(_KEY_BYTES)
        with os.fdopen(made, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    if len(key) != _KEY_BYTES:
        raise Unreadable(f"{path} is no key", hint="Restore it from a backup of the keys.")
    return Marks(key)
