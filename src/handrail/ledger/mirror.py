"""A mirror: a copy of a log that somebody else holds, and that refuses a rewrite.

Whoever holds the copy fetches the published files into a folder of their own (over whatever way;
nothing of them is trusted) and calls `take`:

1. The fetched log verifies whole: every step of `verify`.
2. It continues what the mirror remembers: not smaller, not another root for one size, and with the
   remembered tree as its beginning, computed from the fetched tiles themselves.
3. Only then does the copy grow, checkpoint last; only then is the new head remembered.

A rewrite with the log's own stolen key passes step 1 and fails step 2. Of what fails the copy takes
nothing, so the evidence that was held before is still held. Dying between the copy and the memory
leaves a copy that is ahead; the next call does the rest.
"""

import shutil
from pathlib import Path

from . import checkpoint, merkle
from .errors import Fork, Rollback, VerificationError
from .memory import Memory, replace_durably
from .tiles import Folder, paths
from .verify import Report, verify


def take(copy: Path, fetched: Path, key: str) -> Report:
    """Bring the mirror under *copy* abreast of the log under *fetched*, and say what it holds.

    The first time makes the mirror. Raises `VerificationError`, `Rollback`, `Fork`, `KeyInvalid` or
    `MemoryUnreadable`, and has taken nothing then."""
    origin = checkpoint.VerifierKey.parse(key).name
    # (1) whole and sound in itself
    report = verify(fetched, key)
    size, root = report.entries, bytes.fromhex(report.root)
    # (2) what is remembered, continued
    memory = Memory(copy / "memory.json", origin)
    log = copy / "log"
    if not log.exists():  # a copy without its memory is not taken for a new one
        log.mkdir(parents=True)
        memory.create()
    before, known = memory.last
    if size < before:
        raise Rollback(f"{size} entries were shown, but {before} are held")
    proof = merkle.consistency_proof(before, size, Folder(fetched).nodes(size))
    try:
        merkle.verify_consistency(before, size, proof, known, root)
    except VerificationError as e:
        raise Fork(f"{size} entries do not continue the {before} that are held: {e}") from e
    # (3) the copy, then the memory
    for name in paths(size):
        there, here = fetched / name, log / name
        if not there.exists():  # the full tile in place of its part, as `verify` read it
            there, here = (p.parent.with_suffix("") for p in (there, here))
        if here.exists() and here.stat().st_size == there.stat().st_size:
            continue
        here.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(there, here)
    replace_durably(log / "checkpoint", Folder(fetched).checkpoint())
    memory.advance(size, root, proof)
    return report
