"""Signed checkpoints: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519.

A checkpoint is text: the log's origin, its size, the root in base64, a line each; perhaps more
lines that others may add; an empty line; and signatures, a line each::

    handrail.example/log
    1024
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — handrail.example/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

A key is text, too: ``NAME+HASH+KEY``, where the hash binds name and key together. The log's key
bears the log's origin as its name.

Signatures by keys that the reader does not know are passed over, as the format wants (witnesses
add theirs). A signature that claims the reader's key and is not by it is an error.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import KeyInvalid, VerificationError

MAX_NOTE = 65_536  # bytes; a checkpoint with some hundred cosignatures
MAX_SIZE = 2**63 - 1  # entries, as other readers of the format have it
_ED25519 = b"\x01"  #: signed-note's number for this kind of signature
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half: who signs, and how to tell."""

    KIND: ClassVar[bytes] = _ED25519

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise KeyInvalid(f"a key's name has no spaces and no plus sign: {self.name!r}")
        if len(self.public) != 32:
            raise KeyInvalid("an Ed25519 public key has 32 bytes")

    @property
    def id(self) -> bytes:
        """Four bytes by which signatures name their key."""
        text = self.name.encode() + b"\n" + self.KIND + self.public
        return hashlib.sha256(text).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(self.KIND + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME+HASH+KEY``. Raises `KeyInvalid`."""
        name, id, key = _split(text.strip(), 3)
        raw = from_base64(key)
        if len(raw) != 33 or raw[:1] != cls.KIND:
            raise KeyInvalid(f"not an Ed25519 key of kind {cls.KIND[0]}")
        found = cls(name, raw[1:])
        if id != found.id.hex():
            raise KeyInvalid("the key's hash does not fit its name and bytes")
        return found


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The secret half. Its text is a secret: keep it where the database is not."""

    VERIFIER: ClassVar[type[VerifierKey]] = VerifierKey

    name: str
    secret: Ed25519PrivateKey

    @classmethod
    def generate(cls, name: str) -> Self:
        """Return a new key for the log *name*."""
        key = cls(name, Ed25519PrivateKey.generate())
        _ = key.verifier  # refuses a name that no note can carry
        return key

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return self.VERIFIER(self.name, self.secret.public_key().public_bytes_raw())

    def export(self) -> str:
        """Return ``PRIVATE+KEY+NAME+HASH+KEY``, the secret as text."""
        raw = to_base64(self.VERIFIER.KIND + self.secret.private_bytes_raw())
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{raw}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `export` wrote. Raises `KeyInvalid`, which never quotes the text."""
        private, word, name, id, key = _split(text.strip(), 5)
        raw = from_base64(key)
        if (private, word) != ("PRIVATE", "KEY") or len(raw) != 33 or raw[:1] != cls.VERIFIER.KIND:
            raise KeyInvalid("not an Ed25519 signing key")
        found = cls(name, Ed25519PrivateKey.from_private_bytes(raw[1:]))
        if id != found.verifier.id.hex():
            raise KeyInvalid("the key's hash does not fit its name and bytes")
        return found


#: What the name of a log ends with that people opened after a restore.
REOPENED = "/reopened-"


def base_of(origin: str) -> str:
    """The name that the log *origin* had at its very start."""
    return origin.partition(REOPENED)[0]


def successor(origin: str) -> str:
    """The name of the log that is opened in place of *origin*."""
    base, _, count = origin.partition(REOPENED)
    return f"{base}{REOPENED}{int(count or 0) + 1}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log as it is signed."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return what is signed."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def sign(checkpoint: Checkpoint, key: SignerKey) -> bytes:
    """Return the signed note of *checkpoint*. Ed25519 is deterministic: again gives the same."""
    text = checkpoint.text()
    signature = key.verifier.id + key.secret.sign(text.encode())
    return f"{text}\n— {key.name} {to_base64(signature)}\n".encode()


def parse(note: bytes) -> Checkpoint:
    """Read a checkpoint without looking at its signatures. Raises `VerificationError`."""
    text, _ = parts(note)
    origin, size, root, *extensions = _lines(text)
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE:
        raise _broken(f"not a size: {size[:40]!r}")
    try:
        hash = from_base64(root)
    except KeyInvalid as e:
        raise _broken("the root is not base64") from e
    if len(hash) != 32:
        raise _broken("the root does not have 32 bytes")
    if not origin or not all(extensions):
        raise _broken("an empty line")
    return Checkpoint(origin, int(size), hash, tuple(extensions))


def verify(note: bytes, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint of *note* if *key* signed it and it is of the log that *key* names."""
    checkpoint = parse(note)
    text, signatures = parts(note)
    ours = [s for name, s in signatures if name == key.name and s[:4] == key.id]
    if not ours:
        raise _broken(f"not signed by {key.name} with this key")
    for signature in ours:
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text.encode())
        except InvalidSignature as e:
            raise _broken(f"the signature by {key.name} is false") from e
    if checkpoint.origin != key.name:
        raise _broken(f"of the log {checkpoint.origin!r}, not of {key.name!r}")
    return checkpoint


def parts(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the signed text, and each signature with the name it bears. None is verified.

    Raises `VerificationError`."""
    if len(note) > MAX_NOTE:
        raise _broken(f"larger than {MAX_NOTE} bytes")
    try:
        whole = note.decode()
    except UnicodeDecodeError as e:
        raise _broken("not UTF-8") from e
    if any(c < " " and c != "\n" for c in whole):
        raise _broken("a control character")
    text, gap, tail = whole.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise _broken("no signatures")
    return text + "\n", [_signature(line) for line in tail[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes]:
    match line.split(" "):
        case ["—", name, text] if _NAME.fullmatch(name):
            try:
                raw = from_base64(text)
            except KeyInvalid as e:
                raise _broken("a signature is not base64") from e
            if len(raw) >= 5:
                return name, raw
    raise _broken("a malformed signature line")


def _lines(text: str) -> list[str]:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3:
        raise _broken("fewer than three lines")
    return lines


def _split(text: str, parts: int) -> list[str]:
    found = text.split("+", parts - 1)  # base64 may hold a plus sign: only the last part
    if len(found) != parts:
        raise KeyInvalid("not a key")
    return found


def to_base64(raw: bytes) -> str:
    """Return *raw* in standard base64."""
    return base64.b64encode(raw).decode()


def from_base64(text: str) -> bytes:
    """Decode base64, the one form only: other spellings of the same bytes are refused."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as e:
        raise KeyInvalid("not base64") from e
    if to_base64(raw) != text:
        raise KeyInvalid("not base64")
    return raw


def _broken(message: str) -> VerificationError:
    return VerificationError(message, where="checkpoint")
