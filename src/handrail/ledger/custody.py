"""Where a log's signing key and its signer's memory lie: a folder apart from the database.

    signer/key            the key that signs
    signer/memory.json    what it signed last
    signer/key.next       a new key whose taking over is not finished
    signer/key.former     the key before; it signs beside the new one, for readers who know only it
    signer/reopened-1/…   the same for the log that people opened after a restore

A reopened log has another name and therefore another key: what the former key signed stays a
statement about the former log. Secrets are files of mode 0600, on disk before anything rests on
them.
"""

import os
from pathlib import Path

from .checkpoint import REOPENED, SignerKey
from .errors import MemoryUnreadable
from .memory import Memory, replace_durably
from .signer import Signer


def folder_of(folder: Path, origin: str) -> Path:
    """Where key and memory of the log *origin* lie, under the signer's *folder*."""
    _, reopened, count = origin.partition(REOPENED)
    return folder / f"reopened-{count}" if reopened else folder


def signer_of(folder: Path, origin: str, *, fresh: bool) -> Signer:
    """Return the signer of the log *origin*; its key is made at the first time.

    A memory is made only for a *fresh* log: a signer that lost it signs nothing until people have
    looked, since it could be made to sign an older copy. Raises `KeyInvalid`.
    """
    place = folder_of(folder, origin)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (place / "key").exists():
        _write(place / "key", SignerKey.generate(origin))
    key = SignerKey.parse((place / "key").read_text())
    former = place / "key.former"
    also = (SignerKey.parse(former.read_text()),) if former.exists() else ()
    memory = place / "memory.json"
    if fresh and not memory.exists():
        return Signer.create(key, memory, also)
    return Signer(key, memory, also)


def prepared(folder: Path, origin: str) -> Signer:
    """Return the signer of a log that is about to be opened; to be called again after a crash.

    Raises `MemoryUnreadable` when that log was signed before."""
    signer = signer_of(folder, origin, fresh=True)
    if signer.last[0]:
        raise MemoryUnreadable(f"the log {origin!r} was opened before")
    return signer


def staged(folder: Path, origin: str) -> SignerKey:
    """Return the new key that is to take over for *origin*: made, or made before a crash."""
    path = folder_of(folder, origin) / "key.next"
    if not path.exists():
        _write(path, SignerKey.generate(origin))
    return SignerKey.parse(path.read_text())


def taken_over(folder: Path, origin: str, *, keep: bool) -> Signer:
    """Let the staged key sign from now on; with *keep*, the former one beside it. Returns the
    signer. To be called again after a crash."""
    place = folder_of(folder, origin)
    key, following, former = place / "key", place / "key.next", place / "key.former"
    if following.exists():
        if keep:
            replace_durably(former, key.read_bytes())
            former.chmod(0o600)
        else:
            former.unlink(missing_ok=True)
        following.replace(key)
    return signer_of(folder, origin, fresh=False)


def last_of(folder: Path, origin: str) -> tuple[int, bytes]:
    """(size, root) of what the signer of *origin* signed last. Raises `MemoryUnreadable`."""
    return Memory(folder_of(folder, origin) / "memory.json", origin).last


def _write(path: Path, key: SignerKey) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.export())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
