"""What one client is given of the log: its entries, complete by its own chain, each proven.

An excerpt is a folder of two files that need no server and show nobody else's entries:

* ``checkpoint``: the signed head for which everything is proven;
* ``excerpt.jsonl``: a line that says whose it is, then a line an entry, oldest first::

      {"format":"handrail-excerpt/1","client":"acme"}
      {"seq":17,"entry":"{…}","proof":["gSKy…","8f0c…"]}

  ``entry`` is the entry's bytes as text; ``proof`` leads from its leaf to the root (RFC 9162
  2.1.3, as C2SP tlog-proof encodes it). Any transparency-log tool can check a line by itself.

What verification adds to the single proofs: the entries are one unbroken part of the client's
chain, so that none was left out between the first and the last. That nothing came after the last
is shown by what the last is: an export is itself an entry of the chain of its client.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from . import checkpoint, merkle
from .checkpoint import Checkpoint, VerifierKey, from_base64, to_base64
from .cosign import WitnessVerifier, cosigned
from .entry import MAX_ENTRY
from .errors import KeyInvalid, VerificationError
from .memory import replace_durably
from .proof import MAX_HASHES, path_of
from .tiles import Folder
from .verify import Reading

NAME = "excerpt.jsonl"
FORMAT = "handrail-excerpt/1"
#: No line is longer: an entry with every byte escaped, and a proof of the greatest length.
MAX_LINE = 6 * MAX_ENTRY + 64 * MAX_HASHES + 1024  # bytes


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What was verified of an excerpt."""

    origin: str
    client: str
    entries: int
    places: tuple[int, int] | None  #: the first and the last place in the client's chain
    root: str  #: hex, of the log of which it is a part
    size: int  #: of that log
    first: str | None  #: when the first entry was made
    last: str | None
    level: str  #: which outside memory vouches for the log


def write(
    entries: Iterable[tuple[int, bytes]], client: str, files: Folder, note: bytes, out: Path
) -> int:
    """Write *client*'s *entries* (position, bytes) with their proofs into the folder *out*, which
    is empty; the log's *files* are those of the checkpoint *note*. Returns how many there are.

    Entries behind the checkpoint are left out. Raises `FileExistsError` when *out* is not empty,
    `VerificationError` when an entry is not the log's.
    """
    head = checkpoint.parse(note)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise FileExistsError(f"not empty: {out}")
    count = 0
    with (out / NAME).open("wb") as file:
        file.write(orjson.dumps({"format": FORMAT, "client": client}) + b"\n")
        for seq, body in entries:
            if seq >= head.size:
                break
            file.write(_line(files, head, seq, body))
            count += 1
    replace_durably(out / "checkpoint", note)
    return count


def _line(files: Folder, head: Checkpoint, seq: int, body: bytes) -> bytes:
    hashes = path_of(files, seq, head)
    merkle.verify_inclusion(seq, head.size, merkle.hash_leaf(body), hashes, head.root)
    return (
        orjson.dumps(
            {"seq": seq, "entry": body.decode(), "proof": [to_base64(hash) for hash in hashes]}
        )
        + b"\n"
    )


def is_one(path: Path) -> bool:
    """Whether the folder *path* is an excerpt and not a whole log."""
    return (path / NAME).is_file()


def verify(path: Path, key: str, *, witnesses: Sequence[str] = ()) -> Excerpt:
    """Verify the excerpt under *path* with the log's public *key*, holding one line at a time.

    Raises `VerificationError`, which says what is broken and where, or `KeyInvalid`.
    """
    note = Folder(path).checkpoint()
    head = checkpoint.verify(note, VerifierKey.parse(key))
    known = {WitnessVerifier.parse(witness) for witness in witnesses}
    seen = cosigned(note, known)
    lines = _lines(path / NAME)
    about = next(lines, {})
    client = about.get("client")
    if about.get("format") != FORMAT or not isinstance(client, str):
        raise VerificationError(f"its first line does not say {FORMAT}", where=NAME)
    reading = Reading(head.origin)
    places: tuple[int, int] | None = None
    former, count = "", 0
    for count, line in enumerate(lines, 1):
        seq, body, hashes = _read(line, count)
        reading.seq = seq
        leaf = merkle.hash_leaf(body)
        try:
            merkle.verify_inclusion(seq, head.size, leaf, hashes, head.root)
        except VerificationError as e:
            raise reading.broken(f"its proof does not lead to the signed root: {e}") from e
        n, prev = _place(reading, body, client)
        if places is None:
            places = n, n
        elif n != places[1] + 1:
            raise reading.broken(f"it is {n} in the chain of {client!r}, after {places[1]}")
        elif prev != former:
            raise reading.broken(f"it does not name the former entry of {client!r}")
        else:
            places = places[0], n
        former = leaf.hex()
    return Excerpt(
        origin=head.origin,
        client=client,
        entries=count,
        places=places,
        root=head.root.hex(),
        size=head.size,
        first=reading.first,
        last=reading.last or None,
        level=f"witnessed {len(seen)} of {len(known)}" if seen else "unanchored",
    )


def _place(reading: Reading, body: bytes, client: str) -> tuple[int, str]:
    """The one place of *client* in the entry: its number and the former leaf it names."""
    for place in reading.read(body):
        named, n, prev = reading.place(place)
        if named == client:
            return n, prev
    raise reading.broken(f"it is not about {client!r}")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise VerificationError("it is too long", where=f"{NAME}:{number}")
                try:
                    value = orjson.loads(line)
                except ValueError as e:
                    raise VerificationError("it is no JSON", where=f"{NAME}:{number}") from e
                if not isinstance(value, dict):
                    raise VerificationError("it is no object", where=f"{NAME}:{number}")
                yield value
    except OSError as e:
        raise VerificationError(f"it cannot be read: {e.strerror}", where=NAME) from e


def _read(line: dict[str, Any], number: int) -> tuple[int, bytes, list[bytes]]:
    seq, entry, hashes = line.get("seq"), line.get("entry"), line.get("proof")
    where = f"{NAME}:{number + 1}"
    if type(seq) is not int or not isinstance(entry, str) or not isinstance(hashes, list):
        raise VerificationError("it has not seq, entry and proof", where=where)
    if len(hashes) > MAX_HASHES or not all(isinstance(hash, str) for hash in hashes):
        raise VerificationError("its proof is malformed", where=where)
    try:
        return seq, entry.encode(), [from_base64(hash) for hash in hashes]
    except (KeyInvalid, UnicodeEncodeError) as e:
        raise VerificationError("its proof is malformed", where=where) from e
