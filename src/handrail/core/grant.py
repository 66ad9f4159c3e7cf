"""What an approval and a begin are bound to: `H(x)`, whole (INVARIANTS I1, I9).

Length-prefixed, so that no two different actions encode alike; a random nonce that is sealed with
the arguments, so that nobody can guess arguments from the digest in a leaf.
"""

import hashlib
from collections.abc import Iterable, Sequence

_VERSION = b"handrail-action-1"


def digest(
    *,
    agent: str,
    agent_version: str,
    type: str,
    connection_digest: str,
    tool_digest: str,
    content_digests: Sequence[str],
    clients: Sequence[str],
    targets: Sequence[str],
    arguments: bytes,
    nonce: bytes,
) -> bytes:
    """Return `H(x)`: 32 bytes. Any change of any part changes it."""
    return _hash(
        [
            _VERSION,
            agent.encode(),
            agent_version.encode(),
            type.encode(),
            connection_digest.encode(),
            tool_digest.encode(),
            *_list(content_digests),
            *_list(clients),
            *_list(targets),
            arguments,
            nonce,
        ]
    )


def same(
    *, agent: str, type: str, clients: Sequence[str], targets: Sequence[str], arguments: bytes
) -> str:
    """What makes a call asked again the same call: hex. Guessable, so never in a leaf."""
    return _hash([agent.encode(), type.encode(), *_list(clients), *_list(targets), arguments]).hex()


def _list(parts: Sequence[str]) -> Iterable[bytes]:
    yield len(parts).to_bytes(4, "big")
    for part in parts:
        yield part.encode()


def _hash(parts: Iterable[bytes]) -> bytes:
    whole = bytearray()
    for part in parts:
        whole += len(part).to_bytes(8, "big")
        whole += part
    return hashlib.sha256(whole).digest()
