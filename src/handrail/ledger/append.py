"""Append to the log: values in, values out. The transaction around it is the store's.

The store holds the head row, calls `extend` for each event, writes bodies, leaves and the new
head, and commits: a change of state and the entry that records it become durable together. The
commit makes an entry final; the next checkpoint, signed elsewhere, makes it provable.

* An entry states the log (``origin``) and its position (``seq``), so that it fits nowhere else.
* ``at`` never goes back, nor does the control ``epoch``, which an entry with *control* moves: its
  own epoch is the new one (I11).
* For each client concerned the entry takes the next place ``n``, from 0, in that client's chain,
  and names the leaf hash of that client's former entry (``prev``; empty for the first). So one
  client's entries are complete by themselves, without showing anyone else's.
* A `Head` is a value: keeping the former one is all that undoing needs.

What becomes of the *places* it returns, and of chains that are not in memory, is the caller's.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from . import entry, merkle
from .errors import ClockWentBack


class Head(NamedTuple):
    """The head of a log: all that the next entry depends on, but the clients' chains."""

    origin: str
    size: int = 0
    frontier: merkle.Frontier = ()
    epoch: int = 0
    at: int = 0  #: microseconds since 1970, of the newest entry

    @property
    def root(self) -> bytes:
        """The root of the tree; computed, once a batch is enough."""
        return merkle.root(self.frontier)


class Link(NamedTuple):
    """The newest place in one client's chain."""

    n: int
    leaf: bytes


Chains = Callable[[str], Link | tuple[int, bytes] | None]  #: client → its newest place, if any


class Added(NamedTuple):
    """What one `extend` came to."""

    head: Head
    seq: int
    body: bytes
    leaf: bytes
    places: tuple[tuple[str, int], ...]  #: (client, n); each client's new `Link` is (n, leaf)


def extend(
    head: Head,
    chains: Chains,
    *,
    type: str,
    by: str,
    at: int,
    action: str | None = None,
    clients: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
    control: bool = False,
) -> Added:
    """Return the log of *head* with one more entry, made at *at* (microseconds since 1970).

    Raises `EntryInvalid` or `EntryTooLarge` for facts that no entry can hold and `ClockWentBack`
    for a time before the head's; nothing has changed then.
    """
    origin, seq, frontier, epoch, newest = head
    if at < newest:
        raise ClockWentBack(f"an entry at {entry.stamp(at)} after one at {entry.stamp(newest)}")
    if control:
        epoch += 1
    places: list[tuple[str, int]] = []
    links = []
    for client in sorted(set(clients)):
        last = chains(client)
        n, prev = (0, "") if last is None else (last[0] + 1, last[1].hex())
        places.append((client, n))
        links.append({"client": client, "n": n, "prev": prev})
    body = entry.encode(
        {
            "action": action,
            "at": entry.stamp(at),
            "by": by,
            "clients": links,
            "epoch": epoch,
            "facts": facts or {},
            "origin": origin,
            "seq": seq,
            "type": type,
        }
    )
    leaf = merkle.hash_leaf(body)
    grown = Head(origin, seq + 1, merkle.extend(frontier, seq, leaf), epoch, at)
    return Added(grown, seq, body, leaf, tuple(places))
