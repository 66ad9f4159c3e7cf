"""RFC 6962 / RFC 9162 tree hashing and proofs, over leaf hashes.

* leaf = SHA-256(0x00 ‖ entry), node = SHA-256(0x01 ‖ left ‖ right): the prefixes keep an entry
  from passing for a node.
* The **frontier** of a tree holds the roots of its perfect subtrees, widest first: one for each
  bit of its size. It is all that appending needs.
* Proofs are made from a `Nodes` function, which gives the hash of a perfect subtree: ``nodes(level,
  index)`` covers the leaves ``index * 2**level`` up to ``(index + 1) * 2**level``.
* Verifying returns, or raises `VerificationError`.

What a leaf means is `entry`'s; where hashes are kept is `tiles`' and the store's.
"""

import hashlib
from collections.abc import Callable, Sequence

from .errors import VerificationError

Frontier = tuple[bytes, ...]  #: roots of the perfect subtrees, widest first
Nodes = Callable[[int, int], bytes]  #: (level, index) → hash of a perfect subtree
Hash = bytes

_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()  #: RFC 9162 2.1.1: the hash of an empty list


def hash_leaf(entry: bytes) -> Hash:
    """Return the leaf hash of *entry*."""
    return _sha256(b"\x00" + entry).digest()


def hash_children(left: Hash, right: Hash) -> Hash:
    """Return the hash of the node over *left* and *right*."""
    return _sha256(b"\x01" + left + right).digest()


def extend(frontier: Frontier, size: int, leaf: Hash) -> Frontier:
    """Return the frontier of the tree of *size* leaves with *leaf* added."""
    node, kept = leaf, len(frontier)
    while size & 1:  # each trailing one-bit is a subtree as wide as `node`
        kept -= 1
        node = _sha256(b"\x01" + frontier[kept] + node).digest()
        size >>= 1
    return (*frontier[:kept], node)


def root(frontier: Frontier) -> Hash:
    """Return the root of the tree with that frontier."""
    if not frontier:
        return EMPTY_ROOT
    *roots, node = frontier
    while roots:
        node = hash_children(roots.pop(), node)
    return node


def row_above(row: Sequence[Hash]) -> list[Hash]:
    """Return the hashes over each pair of *row*; a last one without a partner is left out."""
    return [
        _sha256(b"\x01" + left + right).digest()
        for left, right in zip(row[::2], row[1::2], strict=False)
    ]


def perfect_root(hashes: Sequence[Hash]) -> Hash:
    """Return the root over *hashes*, whose number must be a power of two."""
    row = hashes
    while len(row) > 1:
        row = row_above(row)
    return row[0]


def range_root(start: int, end: int, nodes: Nodes) -> Hash:
    """Return the hash MTH(D[start:end]) of a range that a proof can meet.

    Requires 0 <= start < end, and *start* a multiple of the largest power of two that is not
    larger than the width. Those are the ranges that RFC 9162 splits a tree into.
    """
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(width)
    return hash_children(range_root(start, middle, nodes), range_root(middle, end, nodes))


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[Hash]:
    """Return the proof that leaf *index* is in the tree of *size* leaves (RFC 9162 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    proof, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(range_root(middle, end, nodes))
            end = middle
        else:
            proof.append(range_root(start, middle, nodes))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[Hash]:
    """Return the proof that the first *old* of *new* leaves are unchanged (RFC 9162 2.1.4.1)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not continue one of {old}")
    if old in (0, new):
        return []
    proof, start, end = [], 0, new
    whole = True  # the verifier holds the root of [start, old) itself: it is not in the proof
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(range_root(middle, end, nodes))
            end = middle
        else:
            proof.append(range_root(start, middle, nodes))
            start, whole = middle, False
    if not whole:
        proof.append(range_root(start, end, nodes))
    return proof[::-1]


def verify_inclusion(index: int, size: int, leaf: Hash, proof: Sequence[Hash], root: Hash) -> None:
    """Return if *proof* shows *leaf* at *index* of the tree with that root (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        raise VerificationError(f"there is no leaf {index} in a tree of {size}", where="inclusion")
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise VerificationError("the proof is too long", where="inclusion")
        if fn & 1 or fn == sn:
            node = hash_children(sibling, node)
            # At the right edge whole levels have no sibling.
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = hash_children(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise VerificationError("the proof is too short", where="inclusion")
    if node != root:
        raise VerificationError(f"leaf {index} is not in the tree", where="inclusion")


def verify_consistency(
    old: int, new: int, proof: Sequence[Hash], old_root: Hash, new_root: Hash
) -> None:
    """Return if *proof* shows that the tree of *new* continues that of *old* (RFC 9162 2.1.4.2)."""
    if not 0 <= old <= new:
        raise VerificationError(f"{new} leaves do not continue {old}", where="consistency")
    if old in (0, new):
        if proof:
            raise VerificationError("the proof is too long", where="consistency")
        if old == new and old_root != new_root:
            raise VerificationError("two roots for one size", where="consistency")
        if old == 0 and old_root != EMPTY_ROOT:
            raise VerificationError("not the root of an empty tree", where="consistency")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise VerificationError("the proof is too short", where="consistency")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0]
    for node in path[1:]:
        if sn == 0:
            raise VerificationError("the proof is too long", where="consistency")
        if fn & 1 or fn == sn:
            first, second = hash_children(node, first), hash_children(node, second)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = hash_children(second, node)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise VerificationError("the proof is too short", where="consistency")
    if first != old_root or second != new_root:
        raise VerificationError(
            "the newer tree is not the older one continued", where="consistency"
        )


def _split(width: int) -> int:
    """The largest power of two smaller than *width*; requires width > 1."""
    return 1 << (width - 1).bit_length() - 1
