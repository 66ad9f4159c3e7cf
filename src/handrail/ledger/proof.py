"""Proofs as text that travels by itself: C2SP tlog-proof, and the body of C2SP tlog-witness.

An inclusion proof shows that one entry is in a log, with the checkpoint that it is shown for::

    c2sp.org/tlog-proof@v1
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
    …

    (a signed checkpoint)

A consistency proof shows that the checkpoint continues an older tree. It has the form in which a
log offers a new head to a witness: ``old`` with the older size in place of the first two lines.

Making proofs and verifying them is `merkle`'s. Reading is strict: at most 63 hashes, one form.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import checkpoint, merkle
from .checkpoint import MAX_NOTE, Checkpoint, VerifierKey, from_base64, to_base64
from .errors import KeyInvalid, VerificationError
from .tiles import Folder

MAGIC = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63  # a path in a tree of 2^63 leaves
MAX_PROOF = MAX_NOTE + 65_536  # bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as it was read: nothing in it is verified."""

    at: int  #: the entry's position, or the older tree's size
    hashes: tuple[bytes, ...]
    note: bytes


def inclusion(folder: Folder, index: int) -> bytes:
    """Return the proof that entry *index* is in the log published in *folder*.

    Raises `ValueError` when the checkpoint has no such entry, `VerificationError` for damaged
    files."""
    note = folder.checkpoint()
    head = checkpoint.parse(note)
    return _text([MAGIC, f"index {index}"], path_of(folder, index, head), note)


def path_of(folder: Folder, index: int, head: Checkpoint) -> list[bytes]:
    """Return the hashes that lead from entry *index* to the root of *head*. Raises likewise."""
    try:
        return _shown(folder, index, head)
    except VerificationError:
        folder.forget()
        return _shown(folder, index, head)


def _shown(folder: Folder, index: int, head: Checkpoint) -> list[bytes]:
    nodes = folder.nodes(head.size)
    hashes = merkle.inclusion_proof(index, head.size, nodes)
    merkle.verify_inclusion(index, head.size, nodes(0, index), hashes, head.root)
    return hashes


def consistency(folder: Folder, old: int) -> bytes:
    """Return the proof that the log published in *folder* continues its tree of *old* entries.

    Raises `ValueError` when it is smaller than that, `VerificationError` for damaged files."""
    note = folder.checkpoint()
    size = checkpoint.parse(note).size
    hashes = merkle.consistency_proof(old, size, folder.nodes(size))
    return _text([f"old {old}"], hashes, note)


def verify_inclusion(body: bytes, entry: bytes, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint in which the proof *body* shows *entry*. Raises `VerificationError`."""
    proof = parse_inclusion(body)
    head = checkpoint.verify(proof.note, key)
    merkle.verify_inclusion(proof.at, head.size, merkle.hash_leaf(entry), proof.hashes, head.root)
    return head


def parse_inclusion(body: bytes) -> Proof:
    """Read an inclusion proof. Raises `VerificationError`."""
    lines, note = _halves(body)
    if lines[:1] != [MAGIC]:
        raise _broken("not a proof of this format")
    del lines[0]
    if lines and lines[0].startswith("extra "):
        _decoded(lines.pop(0).removeprefix("extra "))  # no meaning for us, but it must be base64
    return _proof("index ", lines, note)


def parse_consistency(body: bytes) -> Proof:
    """Read a consistency proof. Raises `VerificationError`."""
    lines, note = _halves(body)
    return _proof("old ", lines, note)


def _text(lines: list[str], hashes: Sequence[bytes], note: bytes) -> bytes:
    whole = [*lines, *map(to_base64, hashes), ""]
    return "".join(f"{line}\n" for line in whole).encode() + note


def _halves(body: bytes) -> tuple[list[str], bytes]:
    if len(body) > MAX_PROOF:
        raise _broken(f"larger than {MAX_PROOF} bytes")
    above, gap, note = body.partition(b"\n\n")
    if not gap or not above.isascii():
        raise _broken("no checkpoint behind it")
    return above.decode().split("\n"), note


def _proof(word: str, lines: list[str], note: bytes) -> Proof:
    number = lines[0].removeprefix(word) if lines else ""
    plain = number.isdecimal() and len(number) < 20 and str(int(number)) == number
    if not plain or lines[0] != word + number:
        raise _broken(f"no line '{word}N'")
    if len(lines) > MAX_HASHES + 1:
        raise _broken(f"more than {MAX_HASHES} hashes")
    hashes = tuple(map(_decoded, lines[1:]))
    if any(len(hash) != 32 for hash in hashes):
        raise _broken("a hash does not have 32 bytes")
    return Proof(int(number), hashes, note)


def _decoded(text: str) -> bytes:
    try:
        return from_base64(text)
    except KeyInvalid as e:
        raise _broken("a line is not base64") from e


def _broken(message: str) -> VerificationError:
    return VerificationError(message, where="proof")
