"""The signer: signs heads, and remembers by itself what it signed last.

Signature and tree alone cannot tell that the database was put back to an older, valid copy, or
that another log took its place. The signer's own memory can, so it lies apart from the database.

1. Take the lock: two signers over one memory answer one after the other.
2. Read the memory. A signer without one signs nothing.
3. Compare: never a smaller tree, never another root for one size, never a tree that is not the
   remembered one continued.
4. Remember, durably. From here on no other head can be signed in place of this one.
5. Sign, and let the caller publish.

Steps 1 to 4 are `memory`'s. Dying between 4 and 5 loses nothing: the same head, or any that
continues it, is signed next time. Dying inside 4 leaves the former memory, under which the same
holds. There is no order of crashes in which two heads that disagree are both signed.
"""

from collections.abc import Sequence
from pathlib import Path

from .checkpoint import Checkpoint, SignerKey, sign
from .cosign import attach
from .memory import Memory


class Signer:
    """Signs the heads of the log that *key* names. *memory* is a file that is the signer's own;
    the keys *also* sign beside it."""

    def __init__(self, key: SignerKey, memory: Path, also: Sequence[SignerKey] = ()) -> None:
        self.key = key
        self._also = also
        self._memory = Memory(memory, key.name)

    @classmethod
    def create(cls, key: SignerKey, memory: Path, also: Sequence[SignerKey] = ()) -> "Signer":
        """Return the signer of a new log, with the memory of an empty tree.

        Never call it for a log that was signed before: a signer that remembers nothing takes
        any head for progress. Raises `FileExistsError` when there is a memory.
        """
        signer = cls(key, memory, also)
        signer._memory.create()
        return signer

    @property
    def folder(self) -> Path:
        """Where the memory lies, apart from the database."""
        return self._memory.path.parent

    @property
    def last(self) -> tuple[int, bytes]:
        """(size, root) of what was signed last. Raises `MemoryUnreadable`."""
        return self._memory.last

    def sign(self, size: int, root: bytes, proof: Sequence[bytes] = ()) -> bytes:
        """Return the signed checkpoint of the tree of *size* with *root*.

        *proof* shows that it continues the tree of `last`; it is empty when that has the same
        size, or none. Raises `Rollback`, `Fork` or `MemoryUnreadable`, and has signed nothing.
        """
        self._memory.advance(size, root, proof)
        head = Checkpoint(self.key.name, size, root)
        # A former key signs beside the new one, for readers who know only it.
        lines = [sign(head, key).rpartition(b"\n\n")[2] for key in self._also]
        return attach(sign(head, self.key), lines)
