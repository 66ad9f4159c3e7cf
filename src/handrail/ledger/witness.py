"""A witness: cosigns the checkpoints of logs that it knows, and never two that disagree.

C2SP tlog-witness. A log sends `add-checkpoint`, a consistency proof from the size that this
witness saw last with the new checkpoint behind it (`proof`). In this order:

1. It has the form. Otherwise 400.
2. The witness knows the log of that origin. Otherwise 404.
3. The log's key signed the checkpoint. Otherwise 403.
4. The older size is not larger than the checkpoint's. Otherwise 400.
5. The older size is what this witness saw last. Otherwise 409 and that size: a log that is merely
   ahead proves from there, and one that was put back can not.
6. One size has one root. Otherwise 409.
7. The proof holds. Otherwise 422: a fork, even when signed with the log's real key.
8. The new head is remembered, durably; only then is it cosigned (200).

The memory lies with the witness, so it helps only on another machine or another account than the
log's. A witness that lost a memory does not start for that log: it would take any head for
progress. HTTP is `witness_server`'s.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from . import checkpoint
from .checkpoint import VerifierKey
from .cosign import WitnessKey, cosign
from .errors import Refused, VerificationError
from .memory import Memory
from .proof import parse_consistency

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"  # C2SP tlog-witness: the body is a size in decimal


@dataclass(frozen=True, slots=True)
class Answer:
    """What the log hears: an HTTP status and a body."""

    status: int
    body: bytes
    kind: str = TEXT


class Witness:
    """Cosigns with *key* for the *logs*; remembers what it saw in *folder*, a file for each."""

    def __init__(self, key: WitnessKey, logs: Iterable[VerifierKey], folder: Path) -> None:
        self.key = key
        self._one = threading.Lock()
        self._logs = {log.name: (log, self._memory(folder, log.name)) for log in logs}

    @classmethod
    def introduce(cls, folder: Path, origin: str) -> None:
        """Begin to remember the log *origin*. Raises `FileExistsError` when it is known."""
        cls._memory(folder, origin).create()

    @staticmethod
    def _memory(folder: Path, origin: str) -> Memory:
        # A name that no origin can lead out of the folder, or into another log's memory.
        return Memory(folder / f"{sha256(origin.encode()).hexdigest()[:32]}.json", origin)

    def last(self, origin: str) -> tuple[int, bytes]:
        """(size, root) of what was seen last of *origin*. Raises `KeyError`, `MemoryUnreadable`."""
        return self._logs[origin][1].last

    def add_checkpoint(self, body: bytes, at: int) -> Answer:
        """Answer one request, made at *at* (seconds since 1970).

        Raises `MemoryUnreadable` when the witness cannot tell what it saw; it signs nothing then.
        """
        # (1) the form
        try:
            offered = parse_consistency(body)
            head = checkpoint.parse(offered.note)
        except VerificationError as e:
            return _refused(400, str(e))
        # (2) a log it knows
        known = self._logs.get(head.origin)
        if known is None:
            return _refused(404, "this witness does not know that log")
        key, memory = known
        # (3) the log's signature
        try:
            checkpoint.verify(offered.note, key)
        except VerificationError as e:
            return _refused(403, str(e))
        # (4) forwards
        if offered.at > head.size:
            return _refused(400, f"{offered.at} is larger than {head.size}")
        with self._one:
            # (5) from where it was seen last, (6) one root for one size
            size, root = memory.last
            if offered.at != size or (head.size == size and head.root != root):
                return Answer(409, f"{size}\n".encode(), SIZE)
            # (7) what was seen, continued, and (8) remembered
            try:
                memory.advance(head.size, head.root, offered.hashes)
            except Refused as e:
                return _refused(422, e.message)
        return Answer(200, cosign(offered.note, self.key, at))


def _refused(status: int, why: str) -> Answer:
    return Answer(status, f"{why}\n".encode())
