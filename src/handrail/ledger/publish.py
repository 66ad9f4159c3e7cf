"""Write the log as static files that any web server can serve (`tiles` says which).

* `export` writes a whole log for one checkpoint, into an empty folder.
* `Publisher` keeps a folder abreast of a growing log and has each new head signed.

Tiles come first and the checkpoint last, each file whole or not at all: whoever reads a
checkpoint finds all it speaks about. A folder is a copy: what is lost is written again.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from . import checkpoint, merkle
from .errors import Fork, VerificationError
from .memory import replace_durably
from .signer import Signer
from .tiles import ENTRIES, WIDTH, Folder, bundle, levels_of, row_frontier, tile_path

Entries = Callable[[int, int], Iterable[bytes]]  #: (start, end) → entries at those positions


class TileWriter:
    """Writes the tiles of a log into a folder, entry by entry, holding one tile a level.

    With *bundles* it goes on behind that many full bundles, whose tiles the folder must hold.
    With *durable* a full tile is on disk before it has its name. Parts of tiles never are: they
    are written again and again, and nothing is resumed from them.
    """

    def __init__(self, folder: Folder, bundles: int = 0, *, durable: bool = True) -> None:
        self._folder = folder
        self._durable = durable
        self._full: list[str] = []
        self.size = bundles * WIDTH
        self._bundle: list[bytes] = []
        self._rows: list[list[bytes]] = [[]]
        for level in range(1, levels_of(self.size)):
            first, end = self.size >> 8 * (level + 1) << 8, self.size >> 8 * level
            below = (folder.tile(level - 1, n, WIDTH) for n in range(first, end))
            self._rows.append([merkle.perfect_root(hashes) for hashes in below])

    @property
    def root(self) -> bytes:
        """The root of the tree so far."""
        frontier = [node for row in reversed(self._rows) for node in row_frontier(row)]
        return merkle.root(tuple(frontier))

    def add(self, entry: bytes) -> None:
        """Write *entry* at the next position."""
        self._bundle.append(entry)
        self.size += 1
        if len(self._bundle) == WIDTH:
            self._write(ENTRIES, self.size // WIDTH - 1, bundle(self._bundle), WIDTH)
            self._bundle = []
        node, level = merkle.hash_leaf(entry), 0
        while True:
            if level == len(self._rows):
                self._rows.append([])
            row = self._rows[level]
            row.append(node)
            if len(row) < WIDTH:
                return
            n = (self.size >> 8 * (level + 1)) - 1
            self._write(level, n, b"".join(row), WIDTH)
            self._rows[level] = []
            node, level = merkle.perfect_root(row), level + 1

    def flush(self) -> None:
        """Write the tiles that are not full."""
        if self._bundle:
            self._write(ENTRIES, self.size // WIDTH, bundle(self._bundle), len(self._bundle))
        for level, row in enumerate(self._rows):
            if row:
                self._write(level, self.size >> 8 * (level + 1), b"".join(row), len(row))

    def tidy(self) -> None:
        """Remove parts of tiles that are full now. Only once a checkpoint needs them no more."""
        for name in self._full:
            shutil.rmtree(self._folder.path / f"{name}.p", ignore_errors=True)
        self._full = []

    def _write(self, level: int, n: int, data: bytes, width: int) -> None:
        name = tile_path(level, n, width)
        if width == WIDTH:
            self._full.append(name)
        path = self._folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._durable and width == WIDTH:
            replace_durably(path, data)
        else:
            draft = path.with_name(path.name + ".new")
            draft.write_bytes(data)
            draft.replace(path)


def export(entries: Iterable[bytes], note: bytes, path: Path) -> None:
    """Write the log whose signed checkpoint is *note* into the folder *path*, which is empty.

    Takes as many *entries* as the checkpoint counts. Raises `VerificationError` when they are
    not the checkpoint's; the folder has no checkpoint then. `FileExistsError` when not empty.
    """
    head = checkpoint.parse(note)
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise FileExistsError(f"not empty: {path}")
    writer = TileWriter(Folder(path), durable=False)
    for entry in islice(entries, head.size):
        writer.add(entry)
    if writer.size != head.size:
        raise VerificationError(
            f"{writer.size} entries, but {head.size} are signed", where="export"
        )
    if writer.root != head.root:
        raise VerificationError("the entries are not those that were signed", where="export")
    writer.flush()
    os.sync()
    replace_durably(path / "checkpoint", note)


class Publisher:
    """Keeps the folder *path* abreast of the log, each head signed by *signer*.

    Called by one thread, within a second of each commit. Whatever it raises, the store goes on:
    entries are final by their commit, and the next call signs them.
    """

    def __init__(self, signer: Signer, path: Path) -> None:
        self._signer = signer
        self._folder = Folder(path)
        self._writer: TileWriter | None = None
        path.mkdir(parents=True, exist_ok=True)

    def publish(self, size: int, root: bytes, entries: Entries) -> bytes:
        """Return the signed checkpoint of the committed head (*size*, *root*), published.

        Raises `Refused` when the signer will not sign it, `VerificationError` when *entries* do
        not give *root*.
        """
        before, known = self._signer.last
        if size < before:
            return self._signer.sign(size, root)  # refuses, and says why
        writer, self._writer = self._writer or self._resume(size), None
        if not _filled(writer, size, root, entries):
            # Either the folder is damaged, and is written again from the start; or the database
            # is not the one that was signed, and what is published must stay as it is.
            if _root(entries(0, before)) != known:
                raise Fork(f"the first {before} entries stored are not those that were signed")
            writer = TileWriter(self._folder)
            if not _filled(writer, size, root, entries):
                raise VerificationError(
                    f"the entries stored do not give the head of {size}", where="publish"
                )
        writer.flush()
        # Dying before the signer remembers leaves tiles that no checkpoint speaks about; dying
        # after it, a head that is signed again. Either way the next call finds and does the rest.
        proof = merkle.consistency_proof(before, size, self._folder.nodes(size))
        note = self._signer.sign(size, root, proof)
        replace_durably(self._folder.path / "checkpoint", note)
        writer.tidy()
        self._writer = writer
        return note

    def _resume(self, size: int) -> TileWriter:
        """A writer behind the full bundles that are published, or at the start."""
        with suppress(VerificationError):
            head = checkpoint.verify(self._folder.checkpoint(), self._signer.key.verifier)
            return TileWriter(self._folder, min(head.size, size) // WIDTH)
        return TileWriter(self._folder)


def _filled(writer: TileWriter, size: int, root: bytes, entries: Entries) -> bool:
    """Add what is missing up to *size*; whether that gives *root*."""
    for entry in entries(writer.size, size):
        writer.add(entry)
    return (writer.size, writer.root) == (size, root)


def _root(entries: Iterable[bytes]) -> bytes:
    frontier: merkle.Frontier = ()
    for n, entry in enumerate(entries):
        frontier = merkle.extend(frontier, n, merkle.hash_leaf(entry))
    return merkle.root(frontier)
