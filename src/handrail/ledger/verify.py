"""Verify a log offline, trusting nothing but one public key.

    python -m handrail.ledger.verify PATH --key VKEY

PATH is a folder of files as C2SP tlog-tiles lays them out (`tiles`). This folder of code needs
only Python, `cryptography` and `orjson`: an auditor can copy it and run it anywhere.

The steps, each marked in the code below:

1. The checkpoint is signed by the key, and is of the log that the key names.
2. The right edge: the tiles that are not full give the root that was signed.
3. Every other tile, from the top: its hashes give the hash that the tile above holds for it.
4. Every entry: its bytes give the leaf hash in its tile; each bundle holds just its entries.
5. Every entry is in canonical form and has the fields of an entry, in their types.
6. Every entry names this log and its own position. The name changes only where people reopened
   the log after a restore, by an entry that says so and what is missing.
7. Time and control epoch never go back.
8. Each client's entries are a chain: numbered without a gap, each naming the one before.

A tile is believed only after the one above it, and an entry is read only after its leaf, so that
nobody without the signing key can make this take long or swell: it holds a tile a level, one
bundle, and the newest place of each client's chain.

What it cannot see: an older copy put back whole, or a log rewritten by a thief of its key. Only
memory outside can, so the report never says just "OK" but which level of anchoring was reached:
*unanchored*, or *witnessed k of n* of the witnesses whose keys the reader brings (9). A reader's
own memory is a checkpoint or a proof kept from earlier: the log must continue it (10).
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from . import checkpoint, merkle
from .cosign import WitnessVerifier, cosigned
from .entry import decode
from .errors import EntryInvalid, KeyInvalid, LedgerError, VerificationError
from .proof import MAGIC, parse_inclusion
from .tiles import WIDTH, Folder, levels_of, row_frontier, tile_path, width_of

#: More clients than any organisation has; a log that names more is made to swell its reader.
MAX_CLIENTS = 100_000

#: The fields of an entry in canonical order, and the types they have, with an action or without.
FIELDS = ("action", "at", "by", "clients", "epoch", "facts", "origin", "seq", "type")
TYPES = (
    (str, str, str, list, int, dict, str, int, str),
    (type(None), str, str, list, int, dict, str, int, str),
)
PLACE = ("client", "n", "prev")
#: The type of the entry by which people go on under another name.
REOPENED = "person:ledger:reopened"
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_SECOND = 19  # characters of an instant, to its second


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified."""

    origin: str
    entries: int
    root: str  #: hex
    first: str | None  #: when the first entry was made
    last: str | None
    epoch: int  #: the control epoch of the last entry
    clients: int  #: how many clients' chains there are
    level: str  #: which outside memory vouches for it
    kept: int = 0  #: how many checkpoints kept from earlier it continues
    reopened: tuple[str, ...] = ()  #: what is missing since people reopened it after a restore

    def __str__(self) -> str:
        span = f", from {self.first} to {self.last}" if self.entries else ""
        return (
            f"{self.origin}: {self.entries} entries{span}, chains of {self.clients} clients\n"
            f"root {self.root}\n"
            f"everything holds; {self.level}"
            + (f"; continues {self.kept} kept from earlier" if self.kept else "")
            + "".join(f"\nreopened by people; missing: {what}" for what in self.reopened)
        )


def verify(
    path: Path,
    key: str,
    *,
    witnesses: Sequence[str] = (),
    kept: Sequence[bytes] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify the log under *path* with the public *key* (``NAME+HASH+KEY``).

    *witnesses* are the keys whose cosignatures count; what nobody signed is only less anchored.
    *kept* are checkpoints, or proofs with theirs, that the log gave out earlier.

    Raises `VerificationError`, which says what is broken and where, or `KeyInvalid`. *progress*
    hears how many entries were verified, bundle by bundle.
    """
    folder = Folder(path)
    # (1) the checkpoint
    note = folder.checkpoint()
    head = checkpoint.verify(note, checkpoint.VerifierKey.parse(key))
    # (9) who else saw it; a false cosignature is broken, a missing one is not
    known = {WitnessVerifier.parse(witness) for witness in witnesses}
    seen = cosigned(note, known)
    reading = Reading(head.origin)
    for bodies, leaves in bundles(folder, head):
        for body, leaf in zip(bodies, leaves, strict=True):
            reading.entry(body, leaf)
        if progress:
            progress(reading.seq)
    reading.end()
    # (10) what the reader remembers
    for older in kept:
        _continues(folder, head, older, key)
    level = f"witnessed {len(seen)} of {len(known)}" if seen else "unanchored"
    return replace(reading.report(head, level), kept=len(kept))


def _continues(folder: Folder, head: checkpoint.Checkpoint, older: bytes, key: str) -> None:
    """(10) The log of *head* has all that the checkpoint *older* counts, unchanged."""
    note = parse_inclusion(older).note if older.startswith(MAGIC.encode()) else older
    then = checkpoint.verify(note, checkpoint.VerifierKey.parse(key))
    if then.size > head.size:
        raise VerificationError(
            f"it ends after {head.size} entries, and {then.size} were signed before",
            where="kept checkpoint",
        )
    proof = merkle.consistency_proof(then.size, head.size, folder.nodes(head.size))
    try:
        merkle.verify_consistency(then.size, head.size, proof, then.root, head.root)
    except VerificationError as e:
        raise VerificationError(
            f"its first {then.size} entries are not those that were signed before",
            where="kept checkpoint",
        ) from e


def bundles(
    folder: Folder, head: checkpoint.Checkpoint
) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Every bundle's entries and their leaf hashes, in order: (2) to (4), the hashes and the tree.

    Raises `VerificationError` at the first that is not what *head* says.
    """
    # (2) the right edge
    edge = [_edge(folder, level, head.size) for level in range(levels_of(head.size))]
    frontier = tuple(node for row in reversed(edge) for node in row_frontier(row))
    if merkle.root(frontier) != head.root:
        raise VerificationError(
            "the tiles at the right edge do not give the signed root", where="tile"
        )
    for n, leaves in _leaf_tiles(folder, edge, head.size):
        bodies = folder.entries(n, len(leaves))
        _check_leaves(n, bodies, leaves)
        yield bodies, leaves


def _edge(folder: Folder, level: int, size: int) -> list[bytes]:
    """The hashes of the tile of *level* that is not full."""
    n = size >> 8 * (level + 1)
    width = width_of(level, n, size)
    return folder.tile(level, n, width) if width else []


def _leaf_tiles(
    folder: Folder, edge: list[list[bytes]], size: int
) -> Iterator[tuple[int, list[bytes]]]:
    """(3) Every leaf tile in order, each believed because of the one above it."""
    for level in range(len(edge) - 1, 0, -1):
        first = size >> 8 * (level + 1) << 8
        for i, node in enumerate(edge[level]):
            yield from _below(folder, level, first + i, node)
    if edge and edge[0]:
        yield size // WIDTH, edge[0]


def _below(folder: Folder, level: int, n: int, node: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """The leaf tiles under *node*, which is hash *n* of *level*."""
    hashes = folder.tile(level - 1, n, WIDTH)
    if merkle.perfect_root(hashes) != node:
        raise VerificationError(
            f"its hashes do not give the one in {tile_path(level, n // WIDTH)}",
            where=tile_path(level - 1, n),
        )
    if level == 1:
        yield n, hashes
        return
    for i, below in enumerate(hashes):
        yield from _below(folder, level - 1, n * WIDTH + i, below)


def _check_leaves(n: int, bodies: list[bytes], leaves: list[bytes]) -> None:
    """(4) The entries of bundle *n* are those of its leaf tile."""
    sha256 = hashlib.sha256
    found = [sha256(b"\x00" + body).digest() for body in bodies]
    if found != leaves:
        i = next(i for i, leaf in enumerate(leaves) if found[i] != leaf)
        raise VerificationError(
            "its bytes do not give its leaf hash", where=f"entry {n * WIDTH + i}"
        )


class Reading:
    """Reads entries in order, and holds each against those before it."""

    def __init__(self, origin: str) -> None:
        self.seq = 0  #: the next position
        self.origin = origin
        self.first: str | None = None
        self.last = ""
        self.reopened: list[str] = []  #: what each reopening says is missing
        self._named: str | None = None
        self._epoch = 0
        self._chains: dict[str, tuple[int, str]] = {}

    def entry(self, body: bytes, leaf: bytes) -> None:
        """The next entry of a whole log."""
        clients = self.read(body)
        # (8) chains
        if clients:
            self._places(clients, leaf)
        self.seq += 1

    def read(self, body: bytes) -> list[Any]:
        """The entry at position `seq`: its clients' places, not looked at yet."""
        # (5) form, fields and types
        try:
            entry = decode(body)
        except EntryInvalid as e:
            raise self.broken(str(e)) from e
        if tuple(entry) != FIELDS:
            raise self.broken("it does not have the fields of an entry")
        _, at, _, clients, epoch, _, origin, seq, _ = values = tuple(entry.values())
        if tuple(map(type, values)) not in TYPES:  # not isinstance: true is no number
            raise self.broken("a field is not of its type")
        # (6) this log, this position
        if origin != self._named:
            self._renamed(entry)
        if seq != self.seq:
            raise self.broken(f"it says that it is entry {seq}")
        # (7) time and epoch
        self._time(at)
        if epoch < self._epoch:
            raise self.broken(f"the control epoch goes back from {self._epoch} to {epoch}")
        self._epoch = epoch
        found: list[Any] = clients
        return found

    def _renamed(self, entry: dict[str, Any]) -> None:
        """A log bears one name, but for people reopening it after a restore (`custody`)."""
        origin, facts = entry["origin"], entry["facts"]
        again = entry["type"] == REOPENED and facts.get("former") == self._named
        if checkpoint.base_of(origin) != checkpoint.base_of(self.origin) or not (
            again or self._named is None
        ):
            raise self.broken(f"it is of the log {origin!r}")
        if again:
            self.reopened.append(f"{facts.get('missing')} signed entries of {self._named}")
        self._named = origin

    def end(self) -> None:
        """The last entry was read: it must bear the name that was signed."""
        if self._named not in {None, self.origin}:
            raise self.broken(f"its entries are of the log {self._named!r}")

    def _time(self, at: str) -> None:
        if not _AT.fullmatch(at):
            raise self.broken("its time is not of the one form")
        if at[:_SECOND] != self.last[:_SECOND]:
            try:
                datetime.fromisoformat(at)
            except ValueError as e:
                raise self.broken(f"there is no such time: {at}") from e
        if at < self.last:  # of one form, so that text compares like time
            raise self.broken(f"time goes back from {self.last} to {at}")
        self.first = self.first or at
        self.last = at

    def _places(self, places: list[Any], leaf: bytes) -> None:
        hexed, chains, former = leaf.hex(), self._chains, ""
        for place in places:
            client, n, prev = self.place(place)
            last, named = chains.get(client, (-1, ""))
            if client <= former:
                raise self.broken("its clients are not each named once, in order")
            if n != last + 1:
                raise self.broken(f"it is {n} in the chain of {client!r}, after {last}")
            if prev != named:
                raise self.broken(f"it does not name the former entry of {client!r}")
            if last < 0 and len(chains) >= MAX_CLIENTS:
                raise self.broken(f"more than {MAX_CLIENTS} clients")
            chains[client] = (n, hexed)
            former = client

    def place(self, place: Any) -> tuple[str, int, str]:
        """The client, number and former leaf that *place* in a chain names."""
        if type(place) is not dict or tuple(place) != PLACE:
            raise self.broken("a place in a client's chain is malformed")
        client, n, prev = place.values()
        if type(client) is not str or type(n) is not int or type(prev) is not str:
            raise self.broken("a place in a client's chain is malformed")
        return client, n, prev

    def report(self, head: checkpoint.Checkpoint, level: str) -> Report:
        return Report(
            origin=head.origin,
            entries=head.size,
            root=head.root.hex(),
            first=self.first,
            last=self.last or None,
            epoch=self._epoch,
            clients=len(self._chains),
            level=level,
            reopened=tuple(self.reopened),
        )

    def broken(self, message: str) -> VerificationError:
        return VerificationError(message, where=f"entry {self.seq}")


def main(arguments: list[str] | None = None) -> int:
    """0: everything holds; 1: something is broken; 2: it could not be tried."""
    parser = argparse.ArgumentParser(prog="verify", description="Verify a log offline.")
    parser.add_argument("path", type=Path, help="the folder that holds `checkpoint` and `tile`")
    parser.add_argument("--key", required=True, help="the log's public key, NAME+HASH+KEY")
    parser.add_argument(
        "--witness", action="append", default=[], help="a witness's public key; once for each"
    )
    parser.add_argument(
        "--kept", action="append", default=[], type=Path, help="a checkpoint or proof kept earlier"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(arguments)
    try:
        kept = [path.read_bytes() for path in options.kept]
        report = verify(options.path, options.key, witnesses=options.witness, kept=kept)
    except OSError as e:
        sys.stderr.write(f"{e}\n")
        return 2
    except KeyInvalid as e:
        sys.stderr.write(f"the key cannot be used: {e}\n{e.hint}\n")
        return 2
    except LedgerError as e:
        if options.json:
            sys.stdout.write(
                orjson.dumps({"broken": e.message, "where": getattr(e, "where", "")}).decode()
                + "\n"
            )
        else:
            sys.stderr.write(f"BROKEN  {e}\n")
        return 1
    text = orjson.dumps(asdict(report)).decode() if options.json else str(report)
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
