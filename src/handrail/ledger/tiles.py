"""The log as static files: C2SP tlog-tiles. Reading them, without trusting them.

    checkpoint                        the signed head
    tile/<level>/<n>[.p/<width>]      up to 256 hashes: at level L each covers 256^L entries
    tile/entries/<n>[.p/<width>]      up to 256 entries, each behind its length in 16 bits

``n`` is written in groups of three digits, all but the last behind an x: ``x001/x234/067``. A
tile that is not full has its width in its name; readers may find the full one in its place.

A `Folder` reads within stated sizes and from regular files only, so that no file makes a reader
hang or swell. Whether what it read is right is the reader's to check. Writing is `publish`'s.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from . import merkle
from .checkpoint import MAX_NOTE
from .entry import MAX_ENTRY
from .errors import VerificationError

HEIGHT = 8  #: levels of the tree in one tile
WIDTH = 1 << HEIGHT  #: hashes in a full tile, entries in a full bundle
HASH = 32  # bytes
MAX_BUNDLE = WIDTH * (2 + MAX_ENTRY)  # bytes
ENTRIES = -1  #: the level that stands for bundles of entries

_PATH = re.compile(
    r"tile/(?:(?P<level>[0-9]|[1-5][0-9]|6[0-3])|entries)"
    r"/(?P<n>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


def tile_path(level: int, n: int, width: int = WIDTH) -> str:
    """Return where tile *n* of *level* is (`ENTRIES` for a bundle of entries)."""
    digits = f"{n:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    kind = "entries" if level == ENTRIES else str(level)
    return f"tile/{kind}/{number}" + ("" if width == WIDTH else f".p/{width}")


def paths(size: int) -> Iterator[str]:
    """Every file of a log of *size* entries but its checkpoint: tiles by level, then bundles."""
    counts = [(ENTRIES, size)]
    level, count = 0, size
    while count:
        counts.append((level, count))
        level, count = level + 1, count // WIDTH
    for kind, total in counts:
        for n in range(total // WIDTH):
            yield tile_path(kind, n)
        if total % WIDTH:
            yield tile_path(kind, total // WIDTH, total % WIDTH)


def parse_path(path: str) -> tuple[int, int, int]:
    """Return (level, n, width) of *path*. Raises `ValueError`: each tile has one name only."""
    found = _PATH.fullmatch(path)
    if not found or len(path) > 64:
        raise ValueError(f"not the path of a tile: {path[:80]!r}")
    level = ENTRIES if found["level"] is None else int(found["level"])
    n = int(found["n"].replace("/", "").replace("x", ""))
    width = WIDTH if found["width"] is None else int(found["width"])
    if width > WIDTH or tile_path(level, n, width) != path:
        raise ValueError(f"not the path of a tile: {path!r}")
    return level, n, width


def width_of(level: int, n: int, size: int) -> int:
    """Return how many hashes tile *n* of *level* has in the tree of *size*; 0: no such tile."""
    hashes = size >> HEIGHT * max(level, 0)
    return max(0, min(WIDTH, hashes - n * WIDTH))


def levels_of(size: int) -> int:
    """Return how many levels of tiles the tree of *size* has."""
    return -(-size.bit_length() // HEIGHT)


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return *entries* as one file holds them."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def unbundle(data: bytes, count: int) -> list[bytes]:
    """Return the first *count* entries of a bundle. Raises `VerificationError`."""
    found: list[bytes] = []
    at, end = 0, len(data)
    for _ in range(count):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if at > end or start > end:
            raise VerificationError(f"it ends within entry {len(found)} of {count}")
        found.append(data[start:at])
    return found


def row_frontier(row: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the perfect trees over *row*, widest first."""
    found, start = [], 0
    for bit in range(len(row).bit_length() - 1, -1, -1):
        if len(row) >> bit & 1:
            found.append(merkle.perfect_root(row[start : start + (1 << bit)]))
            start += 1 << bit
    return found


class Folder:
    """The files of a log under *path*."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Tiles of one width never change, and every proof passes those above and at the edge.
        self._kept = lru_cache(maxsize=256)(self._rows)

    def checkpoint(self) -> bytes:
        """Return the signed checkpoint. Raises `VerificationError`."""
        return self.read("checkpoint", MAX_NOTE)

    def tile(self, level: int, n: int, width: int) -> list[bytes]:
        """Return the hashes of a tile. Raises `VerificationError`."""
        data, more = self._part_or_full(level, n, width, WIDTH * HASH)
        if more:
            data = data[: width * HASH]
        if len(data) != width * HASH:
            raise VerificationError(
                f"it has {len(data)} bytes and not {width * HASH}",
                where=tile_path(level, n, width),
            )
        return [data[i : i + HASH] for i in range(0, len(data), HASH)]

    def entries(self, n: int, width: int) -> list[bytes]:
        """Return the entries of a bundle. Raises `VerificationError`."""
        data, more = self._part_or_full(ENTRIES, n, width, MAX_BUNDLE)
        where = tile_path(ENTRIES, n, width)
        try:
            found = unbundle(data, width)
        except VerificationError as e:
            raise VerificationError(e.message, where=where) from e
        if not more and sum(map(len, found)) + 2 * width != len(data):
            raise VerificationError(f"it goes on after its {width} entries", where=where)
        return found

    def nodes(self, size: int) -> merkle.Nodes:
        """Return the hashes of the tree of *size*, for making proofs."""

        def node(level: int, index: int) -> bytes:
            tiled, within = divmod(level, HEIGHT)
            n, place = divmod(index, WIDTH >> within)
            return self._kept(tiled, n, width_of(tiled, n, size))[within][place]

        return node

    def forget(self) -> None:
        """Read every tile again: one that was kept turned out to be damaged."""
        self._kept.cache_clear()

    def _rows(self, level: int, n: int, width: int) -> list[list[bytes]]:
        """The tree within a tile, as far as it is perfect: its hashes, those over pairs, …"""
        found = [self.tile(level, n, width)]
        while len(found[-1]) > 1:
            found.append(merkle.row_above(found[-1]))
        return found

    def read(self, name: str, limit: int) -> bytes:
        """Return what file *name* holds, at most *limit* bytes. Raises `VerificationError`."""
        try:
            # Without O_NONBLOCK, opening a pipe would wait for a writer.
            file = os.open(self.path / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise VerificationError("it is not a regular file", where=name)
                with os.fdopen(file, "rb", closefd=False) as stream:
                    data = stream.read(limit + 1)
            finally:
                os.close(file)
        except OSError as e:
            raise VerificationError(f"it cannot be read: {e.strerror}", where=name) from e
        if len(data) > limit:
            raise VerificationError(f"it is larger than {limit} bytes", where=name)
        return data

    def _part_or_full(self, level: int, n: int, width: int, limit: int) -> tuple[bytes, bool]:
        """What the file of a tile holds, and whether it is the full one in place of the part."""
        part, full = tile_path(level, n, width), tile_path(level, n)
        # The log may have grown past this checkpoint: then the part may be gone.
        more = part != full and not (self.path / part).exists() and (self.path / full).exists()
        return self.read(full if more else part, limit), more
