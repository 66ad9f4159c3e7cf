"""Tree hashing and proofs against a slow, obvious twin and the published vectors."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.ledger import merkle
from handrail.ledger.errors import VerificationError

SIZES = range(131)
DATA = [n.to_bytes(2, "big") for n in range(131)]

# --- the twin: RFC 6962 section 2.1, word for word ---


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: Sequence[bytes]) -> bytes:
    if not d:
        return merkle.hashlib.sha256().digest()
    if len(d) == 1:
        return merkle.hashlib.sha256(b"\x00" + d[0]).digest()
    k = split(len(d))
    return merkle.hashlib.sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole=whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], whole=False), mth(d[:k])]


def nodes_of(data: Sequence[bytes]) -> merkle.Nodes:
    """Perfect subtrees only, as storage has them: asking for another is an error here."""

    def nodes(level: int, index: int) -> bytes:
        start, end = index << level, (index + 1) << level
        assert end <= len(data)
        return mth(data[start:end])

    return nodes


# --- hashing ---


def test_the_frontier_gives_the_roots_of_the_rfc() -> None:
    """extend, root and range_root agree with MTH for 0 to 130 leaves."""
    frontier: merkle.Frontier = ()
    for n in SIZES:
        assert merkle.root(frontier) == mth(DATA[:n])
        if n:
            assert merkle.range_root(0, n, nodes_of(DATA[:n])) == mth(DATA[:n])
        assert len(frontier) == n.bit_count()
        frontier = merkle.extend(frontier, n, merkle.hash_leaf(DATA[n]))


@pytest.mark.parametrize("bits", range(8))
def test_a_perfect_tree_has_the_root_of_the_rfc(bits: int) -> None:
    data = [bytes([n]) for n in range(1 << bits)]
    assert merkle.perfect_root([merkle.hash_leaf(d) for d in data]) == mth(data)


VECTORS = [
    bytes.fromhex(x)
    for x in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("n", range(9))
def test_the_roots_of_the_certificate_transparency_vectors(n: int) -> None:
    frontier: merkle.Frontier = ()
    for i, entry in enumerate(VECTORS[:n]):
        frontier = merkle.extend(frontier, i, merkle.hash_leaf(entry))
    assert merkle.root(frontier).hex() == ROOTS[n]


def test_the_inclusion_proof_of_the_certificate_transparency_vectors() -> None:
    proof = merkle.inclusion_proof(0, 8, nodes_of(VECTORS))
    assert [p.hex() for p in proof] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_the_consistency_proof_of_the_certificate_transparency_vectors() -> None:
    proof = merkle.consistency_proof(6, 8, nodes_of(VECTORS))
    assert [p.hex() for p in proof] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


# --- proofs ---

SMALL = 34


@pytest.mark.parametrize("size", range(1, SMALL))
def test_every_inclusion_proof_is_the_rfcs_and_verifies(size: int) -> None:
    data = DATA[:size]
    root = mth(data)
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, nodes_of(data))
        assert proof == path(index, data)
        merkle.verify_inclusion(index, size, merkle.hash_leaf(data[index]), proof, root)


@pytest.mark.parametrize("new", range(SMALL))
def test_every_consistency_proof_is_the_rfcs_and_verifies(new: int) -> None:
    data = DATA[:new]
    for old in range(new + 1):
        proof = merkle.consistency_proof(old, new, nodes_of(data))
        if old:
            assert proof == subproof(old, data, whole=True)
        merkle.verify_consistency(old, new, proof, mth(data[:old]), mth(data))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21])
def test_a_false_inclusion_proof_is_refused(size: int) -> None:
    """Another leaf, index, size or root; a hash changed, missing or too many."""
    data = DATA[:size]
    root = mth(data)
    for index in range(size):
        leaf = merkle.hash_leaf(data[index])
        proof = path(index, data)
        for bad in false_proofs(proof):
            with pytest.raises(VerificationError, match=r"^inclusion: "):
                merkle.verify_inclusion(index, size, leaf, bad, root)
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(index, size, merkle.hash_leaf(b"other"), proof, root)
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(index, size, leaf, proof, b"\0" * 32)
        for other in set(range(-1, size + 2)) - {index}:
            with pytest.raises(VerificationError):
                merkle.verify_inclusion(other, size, leaf, proof, root)


@pytest.mark.parametrize("new", [1, 2, 3, 5, 8, 13, 21])
def test_a_false_consistency_proof_is_refused(new: int) -> None:
    data = DATA[:new]
    for old in range(1, new + 1):
        proof = merkle.consistency_proof(old, new, nodes_of(data))
        roots = mth(data[:old]), mth(data)
        for bad in false_proofs(proof):
            with pytest.raises(VerificationError, match=r"^consistency: "):
                merkle.verify_consistency(old, new, bad, *roots)
        with pytest.raises(VerificationError):
            merkle.verify_consistency(old, new, proof, b"\0" * 32, roots[1])
        with pytest.raises(VerificationError):
            merkle.verify_consistency(old, new, proof, roots[0], b"\0" * 32)


def false_proofs(proof: list[bytes]) -> list[list[bytes]]:
    extra = b"\x07" * 32
    found = [[*proof, extra], [extra, *proof]]
    for i, node in enumerate(proof):
        found += [
            proof[:i] + proof[i + 1 :],
            [*proof[:i], bytes([node[0] ^ 1]) + node[1:], *proof[i + 1 :]],
            [*proof[:i], extra, *proof[i:]],
        ]
    return found


def test_an_empty_tree_is_continued_by_every_tree_but_has_one_root() -> None:
    merkle.verify_consistency(0, 5, [], merkle.EMPTY_ROOT, mth(DATA[:5]))
    with pytest.raises(VerificationError, match="not the root of an empty tree"):
        merkle.verify_consistency(0, 5, [], b"\0" * 32, mth(DATA[:5]))
    with pytest.raises(VerificationError, match="too long"):
        merkle.verify_consistency(0, 5, [b"\0" * 32], merkle.EMPTY_ROOT, mth(DATA[:5]))


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3)])
def test_sizes_that_make_no_sense_are_refused(old: int, new: int) -> None:
    with pytest.raises(VerificationError, match="do not continue"):
        merkle.verify_consistency(old, new, [], b"", b"")
    with pytest.raises(ValueError, match="does not continue"):
        merkle.consistency_proof(old, new, nodes_of(DATA))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 4), (4, 4)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="there is no leaf"):
        merkle.inclusion_proof(index, size, nodes_of(DATA))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_proofs_verify_in_trees_of_any_size(data: st.DataObject) -> None:
    """Sizes up to a million, where leaves are made up: the same hash for every perfect subtree."""
    size = data.draw(st.integers(1, 1_000_000))
    old = data.draw(st.integers(0, size))
    index = data.draw(st.integers(0, size - 1))
    same = [merkle.hash_leaf(b"")]
    for _ in range(20):
        same.append(merkle.hash_children(same[-1], same[-1]))

    def nodes(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size
        return same[level]

    root = merkle.range_root(0, size, nodes)
    merkle.verify_inclusion(index, size, same[0], merkle.inclusion_proof(index, size, nodes), root)
    merkle.verify_consistency(
        old,
        size,
        merkle.consistency_proof(old, size, nodes),
        merkle.range_root(0, old, nodes) if old else merkle.EMPTY_ROOT,
        root,
    )
