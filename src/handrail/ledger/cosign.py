"""Cosignatures of witnesses: C2SP tlog-cosignature, cosignature/v1, Ed25519.

A witness signs, with the time, that it saw this head and no other of the same size, and that the
head continues all it saw before. Its line stands in the same note as the log's own::

    — witness.example/one jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ…

The bytes are the key's id (4), the time in seconds since 1970 (8, big-endian), the signature (64).
What a witness must check before it signs is `witness`'s.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .checkpoint import SignerKey, VerifierKey, parts, to_base64
from .errors import VerificationError

_LENGTH = 4 + 8 + 64  # bytes


class WitnessVerifier(VerifierKey):
    """The public half of a witness's key. The same bytes as a log's key are another key."""

    __slots__ = ()
    KIND: ClassVar[bytes] = b"\x04"  # cosignature/v1


class WitnessKey(SignerKey):
    """The secret half of a witness's key."""

    __slots__ = ()
    VERIFIER: ClassVar[type[VerifierKey]] = WitnessVerifier


def cosign(note: bytes, key: WitnessKey, at: int) -> bytes:
    """Return the line by which *key* says that it saw *note* at *at* (seconds since 1970)."""
    text, _ = parts(note)
    raw = key.verifier.id + at.to_bytes(8, "big") + key.secret.sign(_message(text, at))
    return f"— {key.name} {to_base64(raw)}\n".encode()


def cosigned(note: bytes, keys: Iterable[VerifierKey]) -> dict[str, int]:
    """Return which of *keys* cosigned *note*, and when (seconds since 1970), by name.

    Keys that are not among them are passed over. Raises `VerificationError` for a line that
    claims one of them and is not by it.
    """
    text, signatures = parts(note)
    found: dict[str, int] = {}
    for key in keys:
        for raw in [raw for name, raw in signatures if name == key.name and raw[:4] == key.id]:
            at = int.from_bytes(raw[4:12], "big")
            try:
                if len(raw) != _LENGTH:
                    raise InvalidSignature
                public = Ed25519PublicKey.from_public_bytes(key.public)
                public.verify(raw[12:], _message(text, at))
            except InvalidSignature as e:
                raise VerificationError(
                    f"the cosignature by {key.name} is false", where="checkpoint"
                ) from e
            found[key.name] = max(at, found.get(key.name, 0))
    return found


def attach(note: bytes, lines: Sequence[bytes]) -> bytes:
    """Return *note* with the signature *lines* behind its own. Raises `VerificationError`."""
    whole = note + b"".join(lines)
    text, signatures = parts(whole)
    if text != parts(note)[0] or len(signatures) < len(lines) + 1:
        raise VerificationError("these are no signature lines", where="checkpoint")
    return whole


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
