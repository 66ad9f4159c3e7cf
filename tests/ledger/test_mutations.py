"""A thousand changes to an exported log, and not one goes unseen.

Random: bytes flipped, cut, added, swapped, in any file. Structured: an entry is changed into
another valid one, or entries are taken out, doubled, reordered, spliced in; and the hashes above
are repaired up to the leaf, the leaf's tile, the tiles above, the root, a root signed by another
key of the same name. What a thief of the log's own key can do is in `test_verify`.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail.ledger import checkpoint, entry, merkle
from handrail.ledger.checkpoint import Checkpoint, SignerKey
from handrail.ledger.errors import VerificationError
from handrail.ledger.publish import export
from handrail.ledger.tiles import ENTRIES, WIDTH, bundle, tile_path, width_of
from handrail.ledger.verify import verify

SIZE = 300
RANDOM = 600
STRUCTURED = 80  # for each of five levels of repair


@pytest.fixture(scope="module")
def log(make_log: Callable[..., Any]) -> Any:
    return make_log().grow(SIZE)


@pytest.fixture
def path(log: Any, tmp_path: Path) -> Path:
    return log.write(tmp_path / "log")


def assert_found(path: Path, log: Any, what: object) -> None:
    where = None
    try:
        verify(path, log.vkey)
    except VerificationError as e:
        where = e.where
    assert where is not None, f"missed: {what}"
    assert where, f"found, but not where: {what}"


def chance_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same changes at every run


# --- random bytes ---


def flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def cut(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.randint(1, 40)]


def add(data: bytearray, chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    data[at:at] = chance.randbytes(chance.randint(1, 40))


def overwrite(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    data[start : start + 32] = bytes(len(data[start : start + 32]))


def double(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    data[start:start] = data[start : start + chance.randint(1, 64)]


def swap(data: bytearray, chance: random.Random) -> None:
    half = len(data) // 2
    size = chance.randint(1, min(64, half))
    a, b = chance.randint(0, half - size), chance.randint(half, len(data) - size)
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def test_random_changes_of_bytes_are_all_found(log: Any, path: Path) -> None:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    assert len(files) == 6
    tried = 0
    for seed in range(RANDOM):
        chance = chance_of(seed)
        file = files[seed % len(files)]
        good = file.read_bytes()
        data = bytearray(good)
        kind = chance.choice([flip, flip, cut, add, overwrite, double, swap])
        kind(data, chance)
        if data == good:
            continue  # a swap of equal bytes is no change
        file.write_bytes(data)
        assert_found(path, log, (seed, file.name, kind.__name__))
        file.write_bytes(good)
        tried += 1
    assert tried > RANDOM * 0.9
    assert verify(path, log.vkey).entries == SIZE  # the control


# --- structured changes, each with valid entries throughout ---


def edited(bodies: list[bytes], chance: random.Random) -> None:
    n = chance.randrange(len(bodies))
    fields = entry.decode(bodies[n])
    match chance.randrange(6):
        case 0:
            fields["facts"]["tier"] = fields["facts"]["tier"] % 3 + 1
        case 1:
            fields["by"] = "person:per_1"
        case 2:
            fields["type"] = "handrail:action:done"
        case 3:
            fields["at"] = fields["at"][:-2] + ("1Z" if fields["at"][-2] == "0" else "0Z")
        case 4:
            fields["action"] = "act_other"
        case _:
            fields["epoch"] += 1
    bodies[n] = entry.encode(fields)


def removed(bodies: list[bytes], chance: random.Random) -> None:
    del bodies[chance.randrange(len(bodies))]


def renumbered(bodies: list[bytes], chance: random.Random) -> None:
    """One taken out, and those behind it moved up, so that no position is missing."""
    del bodies[chance.randrange(len(bodies))]
    bodies[:] = [entry.encode(entry.decode(b) | {"seq": n}) for n, b in enumerate(bodies)]


def truncated(bodies: list[bytes], chance: random.Random) -> None:
    del bodies[-chance.randint(1, 60) :]


def doubled(bodies: list[bytes], chance: random.Random) -> None:
    n = chance.randrange(len(bodies))
    bodies.insert(n, bodies[n])


def reordered(bodies: list[bytes], chance: random.Random) -> None:
    a, b = chance.sample(range(len(bodies)), 2)
    bodies[a], bodies[b] = bodies[b], bodies[a]


def inserted(bodies: list[bytes], chance: random.Random) -> None:
    n = chance.randrange(len(bodies))
    fields = entry.decode(bodies[n]) | {"clients": [], "facts": {"approved": True}}
    bodies.insert(n, entry.encode(fields))


def spliced(bodies: list[bytes], chance: random.Random) -> None:
    n = chance.randrange(len(bodies))
    bodies[n] = entry.encode(entry.decode(bodies[n]) | {"origin": "handrail.example/other"})


def appended(bodies: list[bytes], chance: random.Random) -> None:
    bodies.append(entry.encode(entry.decode(bodies[-1]) | {"seq": len(bodies), "clients": []}))


KINDS = [edited, removed, renumbered, truncated, doubled, reordered, inserted, spliced, appended]


def write_tiles(path: Path, bodies: list[bytes], *, hashes: bool) -> Iterator[str]:
    """Write the bundles, and with *hashes* the leaf tiles, of as many entries as fit the old
    names; yield the names of those written."""
    for n in range(-(-SIZE // WIDTH)):
        width = width_of(0, n, SIZE)
        part = bodies[n * WIDTH : n * WIDTH + width]
        (path / tile_path(ENTRIES, n, width)).write_bytes(bundle(part))
        if hashes:
            name = tile_path(0, n, width)
            (path / name).write_bytes(b"".join(map(merkle.hash_leaf, part)))
            yield name


def repaired_to_nothing(path: Path, bodies: list[bytes], log: Any) -> None:
    list(write_tiles(path, bodies, hashes=False))


def repaired_to_the_leaf(path: Path, bodies: list[bytes], log: Any) -> None:
    """Bundles and leaf tiles agree: what readers before CVE-2026-56865 took for good."""
    list(write_tiles(path, bodies, hashes=True))


def repaired_to_the_tiles(path: Path, bodies: list[bytes], log: Any) -> None:
    """Every tile agrees with every other; only the signed root does not."""
    note = (path / "checkpoint").read_bytes()
    shutil.rmtree(path)
    export(bodies, sign(bodies, log.key), path)
    (path / "checkpoint").write_bytes(note)


def repaired_to_the_root(path: Path, bodies: list[bytes], log: Any) -> None:
    """The checkpoint states the new root, too, under the old signature."""
    signature = (path / "checkpoint").read_bytes().partition(b"\n\n")[2]
    shutil.rmtree(path)
    export(bodies, sign(bodies, log.key), path)
    text = (path / "checkpoint").read_bytes().partition(b"\n\n")[0]
    (path / "checkpoint").write_bytes(text + b"\n\n" + signature)


def repaired_and_signed_by_another(path: Path, bodies: list[bytes], log: Any) -> None:
    shutil.rmtree(path)
    export(bodies, sign(bodies, SignerKey.generate(log.head.origin)), path)


LEVELS = [
    repaired_to_nothing,
    repaired_to_the_leaf,
    repaired_to_the_tiles,
    repaired_to_the_root,
    repaired_and_signed_by_another,
]


def sign(bodies: list[bytes], key: SignerKey) -> bytes:
    frontier: merkle.Frontier = ()
    for n, body in enumerate(bodies):
        frontier = merkle.extend(frontier, n, merkle.hash_leaf(body))
    return checkpoint.sign(Checkpoint(key.name, len(bodies), merkle.root(frontier)), key)


@pytest.mark.parametrize("repair", LEVELS)
def test_structured_changes_are_all_found_whatever_is_repaired(
    log: Any, path: Path, repair: Callable[[Path, list[bytes], Any], None]
) -> None:
    good = path.parent / "good"
    path.rename(good)
    for seed in range(STRUCTURED):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(good, path)
        chance = chance_of(seed)
        bodies = list(log.bodies)
        kind = KINDS[seed % len(KINDS)]
        kind(bodies, chance)
        assert bodies != log.bodies
        if repair in LEVELS[:2] and bodies[:SIZE] == log.bodies:
            continue  # what was added lies behind the files that there are
        repair(path, bodies, log)
        assert_found(path, log, (seed, kind.__name__, repair.__name__))


def test_the_same_repairs_of_an_unchanged_log_verify(log: Any, path: Path) -> None:
    """The control: it is the change that is found, not the way of writing."""
    for repair in LEVELS[:4]:
        repair(path, list(log.bodies), log)
        assert verify(path, log.vkey).root == log.head.root.hex()


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in {truncated, appended}])
def test_what_the_thief_of_the_key_cannot_hide_without_rewriting_the_rest(
    log: Any, tmp_path: Path, kind: Callable[[list[bytes], random.Random], None]
) -> None:
    """Everything repaired, and signed by the log's own key: positions and chains still tell.

    An edit of an entry that no later entry of its clients names, or of one without a client, is
    what only memory outside can find; the seed avoids them.
    """
    for seed in range(10):
        bodies = list(log.bodies)
        if kind is edited:
            n = seed * 8 + 3  # concerns three clients, all of whom come again
            bodies[n] = entry.encode(entry.decode(bodies[n]) | {"by": "person:per_1"})
        else:
            kind(bodies, chance_of(seed))
        target = tmp_path / str(seed)
        export(bodies, sign(bodies, log.key), target)
        assert_found(target, log, (seed, kind.__name__))
