"""The log as static files: names, tiles, export, and keeping abreast of a growing log."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.ledger import checkpoint, merkle, tiles
from handrail.ledger.errors import Fork, MemoryUnreadable, Rollback, VerificationError
from handrail.ledger.publish import Publisher, TileWriter, export
from handrail.ledger.signer import Signer
from handrail.ledger.tiles import ENTRIES, Folder, bundle, parse_path, tile_path, unbundle
from handrail.ledger.verify import verify

# A busy machine is no fault of what is tested.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- names ---


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 7, 1), "tile/0/007.p/1"),
        ((3, 999, 256), "tile/3/999"),
        ((0, 1000, 255), "tile/0/x001/000.p/255"),
        ((ENTRIES, 1234067, 256), "tile/entries/x001/x234/067"),
        ((63, 1, 2), "tile/63/001.p/2"),
    ],
)
def test_tiles_have_the_names_of_c2sp(tile: tuple[int, int, int], path: str) -> None:
    assert tile_path(*tile) == path
    assert parse_path(path) == tile


@patient
@given(st.integers(ENTRIES, 63), st.integers(0, 2**40), st.integers(1, 256))
def test_every_tile_has_a_name_that_reads_back(level: int, n: int, width: int) -> None:
    assert parse_path(tile_path(level, n, width)) == (level, n, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000/",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/0/../0/000",
        "tile/0/" + "x001/" * 40 + "000",
        "tile/entries/٠٠٠",
    ],
)
def test_nothing_else_is_the_name_of_a_tile(path: str) -> None:
    with pytest.raises(ValueError, match="not the path of a tile"):
        parse_path(path)


# --- bundles ---


@patient
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_reads_back(entries: list[bytes]) -> None:
    assert unbundle(bundle(entries), len(entries)) == entries


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x01", b"\x00\x05abcd", b"\x00\x00\x00"])
def test_a_bundle_that_ends_early_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError, match="ends within"):
        unbundle(data, 2)


# --- export ---


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513])
def test_an_export_verifies_whatever_its_size(log: Any, tmp_path: Path, size: int) -> None:
    log.grow(size)

    report = verify(log.write(tmp_path / "log"), log.vkey)

    assert (report.entries, report.root) == (size, log.head.root.hex())


def test_an_export_holds_just_the_files_of_c2sp(long_log: Any, tmp_path: Path) -> None:
    path = long_log.write(tmp_path / "log")
    found = sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())
    assert found == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ]
    assert (path / "tile/0/000").read_bytes() == b"".join(long_log.leaves[:256])
    assert (path / "tile/1/000.p/2").read_bytes() == b"".join(
        merkle.perfect_root(long_log.leaves[n : n + 256]) for n in (0, 256)
    )


def test_an_export_takes_as_many_entries_as_were_signed(log: Any, tmp_path: Path) -> None:
    note = log.grow(10).note()
    log.grow(5)
    export(log.bodies, note, tmp_path / "log")
    assert verify(tmp_path / "log", log.vkey).entries == 10


@pytest.mark.parametrize("change", ["fewer", "other"])
def test_an_export_that_is_not_what_was_signed_has_no_checkpoint(
    log: Any, tmp_path: Path, change: str
) -> None:
    log.grow(10)
    bodies = log.bodies[:9] if change == "fewer" else [b"{}", *log.bodies[1:]]
    with pytest.raises(VerificationError, match=r"^export: "):
        export(bodies, log.note(), tmp_path / "log")
    assert not (tmp_path / "log/checkpoint").exists()


def test_an_export_never_mixes_with_what_is_there(log: Any, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    with pytest.raises(FileExistsError):
        export([], log.note(), tmp_path)


def test_proofs_are_made_from_the_files(long_log: Any, tmp_path: Path) -> None:
    size = 600
    nodes = Folder(long_log.write(tmp_path / "log")).nodes(size)
    for index in (0, 1, 255, 256, 511, 512, 599):
        proof = merkle.inclusion_proof(index, size, nodes)
        merkle.verify_inclusion(index, size, long_log.leaves[index], proof, long_log.head.root)
    for old in (1, 255, 256, 300, 512, 599):
        merkle.verify_consistency(
            old,
            size,
            merkle.consistency_proof(old, size, nodes),
            merkle.range_root(0, old, nodes),
            long_log.head.root,
        )


@pytest.fixture(scope="module")
def three_levels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """65,795 entries: a full tile of level 1, and one hash on level 2."""
    path = tmp_path_factory.mktemp("long")
    writer = TileWriter(Folder(path), durable=False)
    for n in range(65_536 + 259):
        writer.add(b"%d" % n)
    writer.flush()
    return path


def test_tiles_reach_as_high_as_the_log_is_long(three_levels: Path) -> None:
    size = 65_536 + 259
    nodes = Folder(three_levels).nodes(size)
    top = Folder(three_levels).tile(2, 0, 1)
    assert top == [merkle.perfect_root(Folder(three_levels).tile(1, 0, 256))]
    frontier: merkle.Frontier = ()
    for n in range(size):
        frontier = merkle.extend(frontier, n, merkle.hash_leaf(b"%d" % n))
    assert merkle.range_root(0, size, nodes) == merkle.root(frontier)
    writer = TileWriter(Folder(three_levels), size // 256)
    for n in range(writer.size, size):
        writer.add(b"%d" % n)
    assert (writer.size, writer.root) == (size, merkle.root(frontier))


# --- the publisher ---


@pytest.fixture
def publisher(log: Any, tmp_path: Path) -> Publisher:
    return Publisher(Signer.create(log.key, tmp_path / "memory"), tmp_path / "log")


def publish_head(publisher: Publisher, log: Any) -> bytes:
    return publisher.publish(log.head.size, log.head.root, log.stream)


def test_a_growing_log_verifies_at_every_head(
    log: Any, publisher: Publisher, tmp_path: Path
) -> None:
    for more in (0, 1, 0, 2, 250, 3, 1, 300, 0, 256):
        log.grow(more)
        note = publish_head(publisher, log)
        assert checkpoint.verify(note, log.key.verifier).size == log.head.size
        report = verify(tmp_path / "log", log.vkey)
        assert (report.entries, report.root) == (log.head.size, log.head.root.hex())


def test_a_published_folder_is_the_same_as_an_export(
    log: Any, publisher: Publisher, tmp_path: Path
) -> None:
    """But for the parts of tiles that older checkpoints speak of."""
    for more in (100, 200, 300):
        log.grow(more)
        publish_head(publisher, log)
    exported = log.write(tmp_path / "export")
    for file in exported.rglob("*"):
        if file.is_file():
            published = tmp_path / "log" / file.relative_to(exported)
            assert published.read_bytes() == file.read_bytes()
    assert not (tmp_path / "log/tile/0/000.p").exists()


def test_a_restarted_publisher_goes_on(log: Any, publisher: Publisher, tmp_path: Path) -> None:
    log.grow(300)
    publish_head(publisher, log)
    asked: list[int] = []

    def stream(start: int, end: int) -> Any:
        asked.append(start)
        return log.stream(start, end)

    log.grow(30)
    again = Publisher(Signer(log.key, tmp_path / "memory"), tmp_path / "log")
    again.publish(log.head.size, log.head.root, stream)

    assert asked == [256]  # from the last bundle that was full
    assert verify(tmp_path / "log", log.vkey).entries == 330


def test_a_folder_that_was_lost_or_damaged_is_written_again(
    log: Any, publisher: Publisher, tmp_path: Path
) -> None:
    log.grow(300)
    note = publish_head(publisher, log)
    for damage in ("all", "checkpoint", "edge", "full", "above"):
        if damage == "all":
            shutil.rmtree(tmp_path / "log")
        elif damage == "checkpoint":
            (tmp_path / "log/checkpoint").write_bytes(b"torn")
        elif damage == "edge":
            shutil.rmtree(tmp_path / "log/tile/0/001.p")
            shutil.rmtree(tmp_path / "log/tile/entries/001.p")
        elif damage == "full":
            (tmp_path / "log/tile/0/000").write_bytes(b"\0" * 256 * 32)
        else:
            (tmp_path / "log/tile/1/000.p/1").write_bytes(b"")
        again = Publisher(Signer(log.key, tmp_path / "memory"), tmp_path / "log")
        assert publish_head(again, log) == note
        assert verify(tmp_path / "log", log.vkey).entries == 300


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("call", [(Path, "replace"), (os, "fsync"), (shutil, "rmtree")])
def test_dying_at_any_write_is_made_up_for(
    make_log: Any,
    tmp_path: Path,
    call: tuple[Any, str],
    stored: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process is killed at the first write, the second, and so on: each of them not stored,
    and stored but reported lost. Readers meanwhile find one head or the other, whole."""
    real = getattr(*call)
    writes = 0
    while True:
        folder = tmp_path / str(writes)
        folder.mkdir()
        log = make_log().grow(300)
        publisher = Publisher(Signer.create(log.key, folder / "memory"), folder / "log")
        publish_head(publisher, log)
        log.grow(250)
        left = writes

        def dying(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left != -1:
                return real(*arguments, **named)
            if stored:
                real(*arguments, **named)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(*call, dying)
            try:
                publish_head(publisher, log)
            except Killed:
                pass
            else:
                break  # there were only so many
        writes += 1
        assert verify(folder / "log", log.vkey).entries in (300, 550)
        log.grow(7)
        again = Publisher(Signer(log.key, folder / "memory"), folder / "log")
        publish_head(again, log)
        assert verify(folder / "log", log.vkey).entries == 557

    assert writes >= 2


def test_a_publisher_goes_on_after_an_error(log: Any, publisher: Publisher, tmp_path: Path) -> None:
    """Entries that do not give the head, once: nothing is signed, and the next call is clean."""
    log.grow(20)
    for wrong in ([b"{}"] * 20, log.bodies[:19]):
        with pytest.raises(VerificationError, match="do not give the head"):
            publisher.publish(20, log.head.root, lambda a, b, wrong=wrong: wrong[a:b])
    assert not (tmp_path / "log/checkpoint").exists()
    publish_head(publisher, log)
    assert verify(tmp_path / "log", log.vkey).entries == 20


def test_an_older_copy_of_the_database_is_not_signed(
    log: Any, make_log: Any, publisher: Publisher, tmp_path: Path
) -> None:
    log.grow(20)
    publish_head(publisher, log)
    older = make_log(key=log.key).grow(10)
    with pytest.raises(Rollback):
        publish_head(publisher, older)
    assert verify(tmp_path / "log", log.vkey).entries == 20


@pytest.mark.parametrize("published", [20, 300, 520])
@pytest.mark.parametrize("forked", [1, 10, 260])
def test_an_older_copy_that_grew_again_is_not_signed(
    log: Any, make_log: Any, publisher: Publisher, tmp_path: Path, published: int, forked: int
) -> None:
    """Put back to an older copy, then written on past what was signed: longer, but another log.
    Nothing of it is signed, and what was published still verifies."""
    log.grow(published)
    publish_head(publisher, log)
    older = make_log(key=log.key).grow(min(forked, published - 1))
    older.add(by="handrail")
    older.grow(600)
    for again in (publisher, Publisher(Signer(log.key, tmp_path / "memory"), tmp_path / "log")):
        with pytest.raises(Fork):
            publish_head(again, older)
        assert verify(tmp_path / "log", log.vkey).entries == published
    publish_head(publisher, log.grow(300))
    assert verify(tmp_path / "log", log.vkey).root == log.head.root.hex()


def test_without_the_signers_memory_nothing_is_published(
    log: Any, publisher: Publisher, tmp_path: Path
) -> None:
    (tmp_path / "memory").unlink()
    with pytest.raises(MemoryUnreadable):
        publish_head(publisher, log.grow(3))


def test_widths_of_tiles() -> None:
    assert [tiles.width_of(0, n, 600) for n in range(4)] == [256, 256, 88, 0]
    assert [tiles.width_of(ENTRIES, n, 600) for n in range(4)] == [256, 256, 88, 0]
    assert [tiles.width_of(1, n, 600) for n in range(2)] == [2, 0]
    assert [tiles.levels_of(n) for n in (0, 1, 255, 256, 65_535, 65_536)] == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600])
def test_the_paths_of_a_log_are_the_files_of_its_export(
    log: Any, tmp_path: Path, size: int
) -> None:
    path = log.grow(size).write(tmp_path / "log")
    files = {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}
    assert sorted(tiles.paths(size)) == sorted(files - {"checkpoint"})


def test_the_paths_of_a_long_log_reach_its_third_level(three_levels: Path) -> None:
    files = {str(p.relative_to(three_levels)) for p in three_levels.rglob("*") if p.is_file()}
    assert sorted(tiles.paths(65_536 + 259)) == sorted(files)
