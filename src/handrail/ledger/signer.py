"""The signer: signs heads, and remembers by itself what it signed last.

Signature and tree alone cannot tell that the database was put back to an older, valid copy, or
that another log took its place. The signer's own memory can, so it lies apart from the database.

1. Take the lock: two signers over one memory answer one after the other.
2. Read the memory. A signer without one signs nothing.
3. Compare: never a smaller tree, never another root for one size, never a tree that is not the
   remembered one continued.
4. Remember, durably. From here on no other head can be signed in place of this one.
5. Sign, and let the caller publish.

Dying between 4 and 5 loses nothing: the same head, or any that continues it, is signed next time.
Dying inside 4 leaves the former memory, under which the same holds. There is no order of crashes
in which two heads that disagree are both signed.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from . import merkle
from .checkpoint import Checkpoint, SignerKey, sign
from .errors import Fork, MemoryUnreadable, Rollback, VerificationError


class Signer:
    """Signs the heads of the log that *key* names. *memory* is a file that is the signer's own."""

    def __init__(self, key: SignerKey, memory: Path) -> None:
        self.key = key
        self._memory = memory

    @classmethod
    def create(cls, key: SignerKey, memory: Path) -> "Signer":
        """Return the signer of a new log, with the memory of an empty tree.

        Never call it for a log that was signed before: a signer that remembers nothing takes
        any head for progress. Raises `FileExistsError` when there is a memory.
        """
        signer = cls(key, memory)
        with signer._locked():
            if memory.exists():
                raise FileExistsError(f"the signer remembers already: {memory}")
            signer._remember(0, merkle.EMPTY_ROOT)
        return signer

    @property
    def last(self) -> tuple[int, bytes]:
        """(size, root) of what was signed last. Raises `MemoryUnreadable`."""
        try:
            memory = orjson.loads(self._memory.read_bytes())
            origin, size, root = memory["origin"], memory["size"], bytes.fromhex(memory["root"])
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise MemoryUnreadable(f"the signer's memory cannot be read: {e}") from e
        if type(size) is not int or len(root) != 32:
            raise MemoryUnreadable("the signer's memory is damaged")
        if origin != self.key.name:
            raise MemoryUnreadable(f"the memory is of {origin!r}, the key of {self.key.name!r}")
        return size, root

    def sign(self, size: int, root: bytes, proof: Sequence[bytes] = ()) -> bytes:
        """Return the signed checkpoint of the tree of *size* with *root*.

        *proof* shows that it continues the tree of `last`; it is empty when that has the same
        size, or none. Raises `Rollback`, `Fork` or `MemoryUnreadable`, and has signed nothing.
        """
        with self._locked():
            before, known = self.last
            if size < before:
                raise Rollback(f"{size} entries were shown, but {before} were signed before")
            try:
                merkle.verify_consistency(before, size, proof, known, root)
            except VerificationError as e:
                raise Fork(f"{size} entries do not continue the {before} signed before: {e}") from e
            if (size, root) != (before, known):
                self._remember(size, root)
        return sign(Checkpoint(self.key.name, size, root), self.key)

    def _remember(self, size: int, root: bytes) -> None:
        body = orjson.dumps({"origin": self.key.name, "root": root.hex(), "size": size})
        replace_durably(self._memory, body)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The lock is a file beside the memory, since the memory itself is replaced.
        lock = os.open(
            self._memory.with_name(self._memory.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def replace_durably(path: Path, body: bytes) -> None:
    """Make *path* hold *body*: whole or not at all, and still after a power cut."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
