"""Sealing what must be deletable and must not be read with the database alone (LEDGER).

* AES-256-GCM. One data key per client, wrapped by a master key. Both lie in a folder of their
  own, apart from the database: a copy of the one is worth nothing without the other.
* A ciphertext is bound to its ``ref`` and to its key: moved to another row it does not open.
* It commits to its key: the header names a SHA-256 of the key, so that no second key opens it
  to something else.
* A new key is on disk, flushed, before anything is sealed with it: what can be read back after a
  crash can be opened.

    sealer = open_sealer(folder)
    key, ciphertext = sealer.seal("act_…:request", "client-1", plaintext)
    plaintext = sealer.open("act_…:request", key, ciphertext)

Layout: version (1 byte) ‖ key commitment (32) ‖ nonce (12) ‖ AES-256-GCM output with its tag.
Not here: which data to seal, subjects, erasure and retention.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from handrail.errors import Unavailable, Unreadable
from handrail.privacy.randomness import draw

_VERSION = b"\x01"
_KEY_BYTES = 32
_CHECK = slice(1, 33)
_NONCE = slice(33, 45)
_BODY = slice(45, None)
_SHORTEST = 45 + 16

_SCHEMA = """
CREATE TABLE IF NOT EXISTS master (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    commitment BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS key (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL UNIQUE,
    wrapped BLOB NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    cipher: AESGCM
    commitment: bytes


class Sealer:
    """Seals and opens. Any number of threads may share one."""

    def __init__(self, connection: sqlite3.Connection, master: AESGCM) -> None:
        self._connection = connection
        self._master = master
        self._lock = threading.Lock()  # guards the connection
        self._by_client: dict[str, _Key] = {}
        self._by_id: dict[str, _Key] = {}

    def seal(self, ref: str, client: str, plaintext: bytes) -> tuple[str, bytes]:
        """Return the id of the client's key and the ciphertext of *plaintext*, bound to *ref*."""
        key = self._by_client.get(client) or self._key_of(client)
        nonce = draw(12)
        body = key.cipher.encrypt(nonce, plaintext, _bound(ref, key.id))
        return key.id, b"".join((_VERSION, key.commitment, nonce, body))

    def open(self, ref: str, key_id: str, ciphertext: bytes) -> bytes:
        """Return what was sealed under *ref*.

        Raises `Unreadable` when the key is gone or this is not what was sealed with it there.
        """
        key = self._by_id.get(key_id) or self._key(key_id)
        if len(ciphertext) < _SHORTEST or ciphertext[:1] != _VERSION:
            raise Unreadable(f"what stands under {ref} is not sealed data of this version")
        if not hmac.compare_digest(ciphertext[_CHECK], key.commitment):
            raise Unreadable(f"what stands under {ref} was sealed with another key")
        try:
            return key.cipher.decrypt(ciphertext[_NONCE], ciphertext[_BODY], _bound(ref, key.id))
        except InvalidTag as e:
            raise Unreadable(f"what stands under {ref} was changed or moved") from e

    def close(self) -> None:
        """Let go of the keys."""
        with self._lock:
            self._connection.close()
            self._by_client.clear()
            self._by_id.clear()

    def _key_of(self, client: str) -> _Key:
        """The client's key, made and flushed to disk if it has none yet."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    row = self._connection.execute(
                        "SELECT id, wrapped FROM key WHERE client = ?", (client,)
                    ).fetchone() or self._make(client)
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as e:
                raise Unavailable(f"the keys cannot be used: {e}") from e
            return self._remember(row[0], client, row[1])

    def _make(self, client: str) -> tuple[str, bytes]:
        id = f"key_{secrets.token_hex(16)}"
        nonce = os.urandom(12)
        wrapped = nonce + self._master.encrypt(
            nonce, AESGCM.generate_key(_KEY_BYTES * 8), _bound(client, id)
        )
        self._connection.execute("INSERT INTO key VALUES (?, ?, ?)", (id, client, wrapped))
        return id, wrapped

    def _key(self, id: str) -> _Key:
        with self._lock:
            try:
                row = self._connection.execute(
                    "SELECT client, wrapped FROM key WHERE id = ?", (id,)
                ).fetchone()
            except sqlite3.Error as e:
                raise Unavailable(f"the keys cannot be used: {e}") from e
            if row is None:
                raise Unreadable("the key of this data is gone: it was erased")
            return self._remember(id, row[0], row[1])

    def _remember(self, id: str, client: str, wrapped: bytes) -> _Key:
        try:
            secret = self._master.decrypt(wrapped[:12], wrapped[12:], _bound(client, id))
        except InvalidTag as e:
            raise Unreadable("a key was changed, or belongs to another master key") from e
        key = _Key(id, AESGCM(secret), _commitment(secret))
        self._by_client[client] = self._by_id[id] = key
        return key


def open_sealer(folder: Path) -> Sealer:
    """Open the keys in *folder*, making master key and file at the first start.

    Raises `Unavailable` when the folder cannot be used or others may read it, `Unreadable` when
    its master key is missing or another than the one the keys were wrapped with.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = folder / "keys.db"
        os.close(os.open(keys, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(keys, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as e:
        raise Unavailable(f"the folder of keys {folder} cannot be used: {e}") from e
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.executescript(_SCHEMA)
        master = _master(folder / "master.key", connection)
        return Sealer(connection, AESGCM(master))
    except BaseException as e:
        connection.close()
        if isinstance(e, OSError | sqlite3.Error):
            raise Unavailable(f"the folder of keys {folder} cannot be used: {e}") from e
        raise


def _master(path: Path, connection: sqlite3.Connection) -> bytes:
    """The master key, made if this is the first start; checked against what the keys know."""
    connection.execute("BEGIN IMMEDIATE")  # two first starts at once take turns
    try:
        row = connection.execute("SELECT commitment FROM master").fetchone()
        if row is None:
            master = _read(path) if path.exists() else _write(path)
            connection.execute("INSERT INTO master VALUES (1, ?)", (_commitment(master),))
        elif not path.exists():
            raise Unreadable(f"the master key {path} is missing")
        else:
            master = _read(path)
            if not hmac.compare_digest(row[0], _commitment(master)):
                raise Unreadable(f"{path} is not the master key that the keys were wrapped with")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return master


def _read(path: Path) -> bytes:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Unavailable(f"others may read the master key {path}", hint=f"Run: chmod 600 {path}")
    master = path.read_bytes()
    if len(master) != _KEY_BYTES:
        raise Unreadable(f"{path} is not a master key")
    return master


def _write(path: Path) -> bytes:
    # Under another name first: a crash must not leave half a key where a key is looked for.
    draft = path.with_suffix(".new")
    master = secrets.token_bytes(_KEY_BYTES)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, master)
        os.fsync(file)
    finally:
        os.close(file)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return master


def _commitment(secret: bytes) -> bytes:
    return hashlib.sha256(b"handrail seal key\x00" + secret).digest()


def _bound(ref: str, key_id: str) -> bytes:
    """The associated data: version, key and ref, each with its length, so that none runs over."""
    name, key = ref.encode(), key_id.encode()
    return b"".join(
        (_VERSION, len(key).to_bytes(4, "big"), key, len(name).to_bytes(4, "big"), name)
    )
