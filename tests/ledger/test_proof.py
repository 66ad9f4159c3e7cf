"""Proofs as text: made from what is published, verified by one key, strict in what is read."""

from pathlib import Path
from typing import Any

import pytest

from handrail.ledger import merkle, proof
from handrail.ledger.checkpoint import SignerKey
from handrail.ledger.errors import VerificationError
from handrail.ledger.tiles import Folder


@pytest.fixture
def path(long_log: Any, tmp_path: Path) -> Path:
    return long_log.write(tmp_path / "log")  # type: ignore[no-any-return]


def test_every_entry_is_proven_and_no_other_passes_for_it(long_log: Any, path: Path) -> None:
    """I21: what was recorded can be shown to a stranger who holds one key."""
    key = long_log.key.verifier
    for n in (0, 1, 255, 256, 511, 512, 598, 599):
        body = proof.inclusion(Folder(path), n)
        assert proof.verify_inclusion(body, long_log.bodies[n], key).size == 600
        with pytest.raises(VerificationError, match="not in the tree"):
            proof.verify_inclusion(body, long_log.bodies[n - 1], key)


def test_every_older_tree_is_shown_to_be_continued(long_log: Any, path: Path) -> None:
    frontier: merkle.Frontier = ()
    for n, leaf in enumerate(long_log.leaves):
        if n in {1, 2, 7, 255, 256, 257, 512, 599}:
            read = proof.parse_consistency(proof.consistency(Folder(path), n))
            assert read.at == n
            merkle.verify_consistency(
                n, 600, read.hashes, merkle.root(frontier), long_log.head.root
            )
        frontier = merkle.extend(frontier, n, leaf)


def test_what_is_not_there_is_not_proven(path: Path) -> None:
    with pytest.raises(ValueError, match="no leaf 600"):
        proof.inclusion(Folder(path), 600)
    with pytest.raises(ValueError, match="does not continue"):
        proof.consistency(Folder(path), 601)


def test_a_proof_by_another_key_is_none(long_log: Any, path: Path) -> None:
    other = SignerKey.generate(long_log.key.name).verifier
    with pytest.raises(VerificationError, match="not signed by"):
        proof.verify_inclusion(proof.inclusion(Folder(path), 3), long_log.bodies[3], other)


def test_extra_data_is_passed_over(long_log: Any, path: Path) -> None:
    body = proof.inclusion(Folder(path), 3).replace(b"index", b"extra QUJD\nindex", 1)
    proof.verify_inclusion(body, long_log.bodies[3], long_log.key.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 3", b"index 03"),
        (b"index 3", b"index -3"),
        (b"index 3", b"index 99999999999999999999"),
        (b"index 3", b"old 3"),
        (b"index 3\n", b""),
        (b"index 3", b"extra !\nindex 3"),
        (b"index 3", b"index 3\nQUJD"),
        (b"index 3", b"index 3" + b"\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" * 63),
        (b"index 3", "indéx 3".encode()),
        (b"\n\n", b"\n"),
        (b"\n\n", b"\n\n" + b"x" * proof.MAX_PROOF),
    ],
)
def test_another_form_is_refused(path: Path, old: bytes, new: bytes) -> None:
    body = proof.inclusion(Folder(path), 3)
    assert old in body
    with pytest.raises(VerificationError):
        proof.parse_inclusion(body.replace(old, new))


def test_a_proof_that_is_only_its_first_line_is_refused() -> None:
    with pytest.raises(VerificationError):
        proof.parse_inclusion(f"{proof.MAGIC}\n\nx".encode())


def test_a_damaged_tile_gives_no_proof_and_is_read_again_once_repaired(
    log: Any, tmp_path: Path
) -> None:
    folder = Folder(log.grow(300).write(tmp_path))
    tile = tmp_path / "tile/0/000"
    whole = tile.read_bytes()
    tile.write_bytes(whole[:64] + b"x" * 32 + whole[96:])
    with pytest.raises(VerificationError):
        proof.inclusion(folder, 7)

    tile.write_bytes(whole)

    proof.verify_inclusion(proof.inclusion(folder, 7), log.bodies[7], log.key.verifier)
