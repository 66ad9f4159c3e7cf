"""What somebody saw last of a log, kept so that an older copy or another log is noticed.

The signer, a witness and a mirror each have one, apart from the database and from each other: one
small file, (size, root) of one origin, replaced whole and durably.

A tree is only ever remembered in place of another by `advance`, under a lock: never a smaller one,
never another root for one size, never one that does not continue what is remembered.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from . import merkle
from .errors import Fork, MemoryUnreadable, Rollback, VerificationError


class Memory:
    """The newest (size, root) of the log *origin*, in the file *path*."""

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self.origin = origin

    def create(self) -> None:
        """Remember the empty tree. Raises `FileExistsError` when something is remembered."""
        with self._locked():
            if self.path.exists():
                raise FileExistsError(f"there is a memory already: {self.path}")
            self._write(0, merkle.EMPTY_ROOT)

    @property
    def last(self) -> tuple[int, bytes]:
        """(size, root) of what was seen last. Raises `MemoryUnreadable`."""
        try:
            memory = orjson.loads(self.path.read_bytes())
            origin, size, root = memory["origin"], memory["size"], bytes.fromhex(memory["root"])
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise MemoryUnreadable(f"the memory cannot be read: {e}") from e
        if type(size) is not int or len(root) != 32:
            raise MemoryUnreadable("the memory is damaged")
        if origin != self.origin:
            raise MemoryUnreadable(f"the memory is of {origin!r}, not of {self.origin!r}")
        return size, root

    def advance(self, size: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Remember the tree of *size* with *root*, durably.

        *proof* shows that it continues the tree of `last`; it is empty when that has the same
        size, or none. Raises `Rollback`, `Fork` or `MemoryUnreadable`, and remembers as before.
        """
        with self._locked():
            before, known = self.last
            if size < before:
                raise Rollback(f"{size} entries were shown, but {before} were seen before")
            try:
                merkle.verify_consistency(before, size, proof, known, root)
            except VerificationError as e:
                raise Fork(f"{size} entries do not continue the {before} seen before: {e}") from e
            if (size, root) != (before, known):
                self._write(size, root)

    def _write(self, size: int, root: bytes) -> None:
        body = orjson.dumps({"origin": self.origin, "root": root.hex(), "size": size})
        replace_durably(self.path, body)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The lock is a file beside the memory, since the memory itself is replaced.
        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
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
