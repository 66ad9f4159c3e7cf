"""A held copy: it grows with the log, and refuses a rewrite even with the log's own key."""

from pathlib import Path
from typing import Any

import pytest

from handrail.ledger.checkpoint import SignerKey
from handrail.ledger.errors import Fork, MemoryUnreadable, Rollback, VerificationError
from handrail.ledger.mirror import take
from handrail.ledger.tiles import tile_path
from handrail.ledger.verify import verify


def test_a_mirror_grows_with_the_log(log: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for size in (0, 3, 3, 256, 300, 520):
        log.grow(size - log.head.size)
        report = take(
            copy, log.write(tmp_path / f"{size}-{len(list(tmp_path.iterdir()))}"), log.vkey
        )
        assert report == verify(copy / "log", log.vkey)
        assert report.entries == size


def test_a_full_tile_in_place_of_a_part_is_taken(log: Any, tmp_path: Path) -> None:
    there = log.grow(300).write(tmp_path / "there")
    note = log.note()
    log.grow(212).write(tmp_path / "later")
    for level in (0, -1):
        part, full = (there / tile_path(level, 1, w) for w in (44, 256))
        part.unlink()
        part.parent.rmdir()
        full.write_bytes((tmp_path / "later" / tile_path(level, 1)).read_bytes())
    assert (there / "checkpoint").read_bytes() == note
    take(tmp_path / "copy", there, log.vkey)
    assert verify(tmp_path / "copy" / "log", log.vkey).entries == 300


def test_a_rewrite_with_the_stolen_key_is_refused(log: Any, make_log: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    take(copy, log.grow(300).write(tmp_path / "log"), log.vkey)
    for size in (300, 400):
        rewritten = make_log(key=log.key)
        rewritten.add(by="person:somebody-else")
        path = rewritten.grow(size - 1).write(tmp_path / f"rewritten-{size}")
        assert verify(path, log.vkey).entries == size  # sound in itself
        with pytest.raises(Fork, match="that are held"):
            take(copy, path, log.vkey)
        assert verify(copy / "log", log.vkey).root == log.head.root.hex()
    log.grow(100)
    assert take(copy, log.write(tmp_path / "control"), log.vkey).entries == 400


def test_an_older_copy_and_another_key_are_refused(log: Any, make_log: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    older = log.grow(10).write(tmp_path / "older")
    take(copy, log.grow(10).write(tmp_path / "log"), log.vkey)
    with pytest.raises(Rollback, match="10 entries were shown, but 20 are held"):
        take(copy, older, log.vkey)
    thief = make_log(key=SignerKey.generate(log.key.name)).grow(30).write(tmp_path / "thief")
    with pytest.raises(VerificationError, match="not signed by"):
        take(copy, thief, log.vkey)


def test_a_mirror_that_lost_its_memory_takes_nothing(log: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    path = log.grow(10).write(tmp_path / "log")
    take(copy, path, log.vkey)
    (copy / "memory.json").unlink()
    with pytest.raises(MemoryUnreadable):
        take(copy, path, log.vkey)
