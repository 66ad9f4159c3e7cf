"""Anchoring: a published head is shown to witnesses, and published again with what they signed.

The witnesses stand in a file of their own, a line each: the key, a space, the address::

    witness.example/one+7b1b2f3a+BKsf…  https://witness.example

* A witness says itself what it saw last, so a log that asks needs no memory of it.
* A witness that saw more entries than the log has, or another root for as many, means that the log
  was put back or is another: `Rollback`, `Fork`. Nothing is repaired here; people must look.
* A witness that does not answer takes no part this time. Nothing waits for it: entries are final by
  their commit, and `verify` says how many witnesses a head has.
"""

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import checkpoint
from .checkpoint import MAX_NOTE, VerifierKey
from .cosign import WitnessVerifier, attach, cosigned
from .errors import Fork, KeyInvalid, LedgerError, Rollback, VerificationError
from .proof import consistency
from .tiles import Folder

TIMEOUT = 5.0  # seconds
MAX_WITNESSES = 32


class Unanswered(LedgerError):
    """A witness could not be asked, or did not answer as witnesses do."""

    default_hint = "Is it running, and does it know this log?"


@dataclass(frozen=True, slots=True)
class Where:
    """A witness: whose cosignature counts, and where to ask for it."""

    key: VerifierKey
    url: str


def read(path: Path) -> tuple[Where, ...]:
    """Return the witnesses that the file *path* names; none when there is no file.

    Raises `KeyInvalid` for a line that names none."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return ()
    found = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        key, _, url = line.strip().partition(" ")
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise KeyInvalid(f"no address of a witness in {path.name}: {url[:80]!r}")
        found.append(Where(WitnessVerifier.parse(key), url.strip().rstrip("/")))
    if len(found) > MAX_WITNESSES:
        raise KeyInvalid(f"more than {MAX_WITNESSES} witnesses in {path.name}")
    return tuple(found)


def missing(path: Path, witnesses: Sequence[Where]) -> list[Where]:
    """Return those whose cosignature the checkpoint published under *path* lacks."""
    there = cosigned(Folder(path).checkpoint(), [w.key for w in witnesses])
    return [w for w in witnesses if w.key.name not in there]


def cosignature(path: Path, witness: Where) -> tuple[bytes, bytes]:
    """Return the checkpoint published under *path*, and *witness*'s line for it.

    Raises `Rollback` or `Fork` when the witness saw another log, `Unanswered` when it says
    nothing, `VerificationError` when what it says is false."""
    size = _size(path)
    old = 0
    for _ in range(3):  # it may be shown another head meanwhile
        body = consistency(Folder(path), old)
        note = body.partition(b"\n\n")[2]
        status, said = _post(witness, body)
        if status == 200:
            # Its own line and no other: another witness's would be for that one to give.
            start = f"— {witness.key.name} ".encode()
            line = next((x for x in said.splitlines(keepends=True) if x.startswith(start)), b"")
            if witness.key.name not in cosigned(attach(note, [line]), [witness.key]):
                raise VerificationError("not its cosignature", where=witness.key.name)
            return note, line
        if status == 422:
            raise Fork(f"the witness {witness.key.name} saw another log of this name")
        if status != 409:
            raise Unanswered(f"{witness.key.name} answered {status}: {_plain(said)}")
        seen, size = _seen(witness, said), _size(path)
        if seen > size:
            raise Rollback(f"the witness {witness.key.name} saw {seen} entries; here are {size}")
        if seen == old:
            raise Fork(f"the witness {witness.key.name} saw another root for {seen} entries")
        old = seen
    raise Unanswered(f"{witness.key.name} was shown other heads meanwhile")


def _size(path: Path) -> int:
    return checkpoint.parse(Folder(path).checkpoint()).size


def _seen(witness: Where, said: bytes) -> int:
    text = said.strip()
    if not text.isdigit() or len(text) > 19:
        raise Unanswered(f"{witness.key.name} answered 409 without a size")
    return int(text)


def _post(witness: Where, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(witness.url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("POST", f"{parts.path}/add-checkpoint", body)
        answer = connection.getresponse()  # never follows a redirect
        return answer.status, answer.read(MAX_NOTE)
    except (OSError, http.client.HTTPException) as e:
        raise Unanswered(f"{witness.key.name} does not answer: {e}") from e
    finally:
        connection.close()


def _plain(said: bytes) -> str:
    return said[:200].decode("ascii", "replace").strip()
