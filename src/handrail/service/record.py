"""The record as files: signed within a second of each commit, published, exported, verified.

Entries are final by their commit; nothing here stands in the way of one. A signer that refuses
(the database was put back, or is another) stops publishing and says so on every page; it never
signs over it.
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from handrail.clock import Clock, to_us
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, HandrailError, NotFound
from handrail.ledger import publish
from handrail.ledger.errors import LedgerError
from handrail.ledger.publish import Publisher
from handrail.ledger.signer import Signer
from handrail.ledger.tiles import parse_path
from handrail.ledger.verify import Report, verify
from handrail.store.contract import Event, Rows, Store

log = structlog.get_logger(__name__)

#: The longest that a committed head stays unsigned (SPEC 12).
SIGN_WITHIN = 1.0
HEARTBEAT = timedelta(hours=24)


class Record:
    """Signs, publishes and exports the log."""

    def __init__(self, store: Store, signer: Signer, folder: Path, clock: Clock) -> None:
        self._store = store
        self._signer = signer
        self._folder = folder
        self._publisher = Publisher(signer, folder)
        self._clock = clock
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._trouble = ""
        store.on_commit(self._committed)

    # --- signing ----------------------------------------------------------------------------

    def start(self) -> None:
        """Sign in a thread until `stop`."""
        self._thread = threading.Thread(target=self._loop, name="signer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Sign what is committed, and stop."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.sign()

    def sign(self) -> None:
        """Sign and publish the committed head, if it moved. Never raises: trouble is shown."""
        with self._lock:
            try:
                with self._store.read() as reader:
                    head = reader.head()
                    size, root = int(head["size"]), bytes(head["root"])
                    if (size, root) != self._signer.last or not self._published():
                        self._publisher.publish(
                            size, root, lambda a, b: (body for _, body in reader.stream(a, b))
                        )
                self._trouble = ""
            except (LedgerError, HandrailError, OSError) as error:
                if str(error) != self._trouble:
                    log.error("the record is not signed", why=str(error))
                self._trouble = str(error)

    def _published(self) -> bool:
        return (self._folder / "checkpoint").exists()

    def _committed(self, types: Sequence[str]) -> None:
        self._wake.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(60.0)
            self._wake.clear()
            self.sign()
            self._heartbeat()
            self._stop.wait(SIGN_WITHIN / 2)

    def _heartbeat(self) -> None:
        """Silence in the record must be visible as such: an entry a day at the least."""
        with self._store.read() as reader:
            at = int(reader.head()["at"])
        if to_us(self._clock.now()) - at < HEARTBEAT // timedelta(microseconds=1):
            return
        try:
            self._store.commit(lambda view: Rows(events=(Event(EventType.HEARTBEAT, "handrail"),)))
        except HandrailError as error:
            log.error("no heartbeat", why=error.message)

    # --- showing ----------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The public key by which anyone verifies the record."""
        return str(self._signer.key.verifier)

    def status(self) -> dict[str, Any]:
        """How long the record is, what is signed of it, and what is wrong, if anything."""
        with self._store.read() as reader:
            head = reader.head()
        try:
            size, _ = self._signer.last
        except LedgerError as error:
            size, self._trouble = 0, str(error)
        return {
            "origin": head["origin"],
            "size": head["size"],
            "root": bytes(head["root"]).hex(),
            "epoch": head["epoch"],
            "signed": size,
            "behind": head["size"] - size,
            "key": self.key,
            "level": "unanchored",
            "trouble": self._trouble,
        }

    def file(self, path: str) -> bytes:
        """One published file: `checkpoint` or `tile/…`. Raises `NotFound`."""
        try:
            if path != "checkpoint":
                parse_path(path)
            return self._folder.joinpath(*path.split("/")).read_bytes()
        except (OSError, ValueError):
            raise NotFound(f"no such file of the record: {path[:100]}") from None

    def export(self, out: Path, who: SignedIn | None = None) -> dict[str, Any]:
        """Write the whole record as files that any static host can serve. *out* must be empty.

        Raises `BadInput` when it is not, or when the record is not signed."""
        by = f"person:{who.person}" if who else "handrail"
        self._store.commit(lambda view: Rows(events=(Event(EventType.EXPORTED, by),)))
        self.sign()
        if self._trouble:
            raise BadInput(f"the record is not signed: {self._trouble}")
        try:
            with self._store.read() as reader:
                note = (self._folder / "checkpoint").read_bytes()
                publish.export((body for _, body in reader.stream()), note, out)
        except FileExistsError:
            raise BadInput(f"{out} is not empty", hint="Name a new folder.") from None
        except OSError as error:
            raise BadInput(f"{out} cannot be written: {error}") from error
        size, root = self._signer.last
        return {"out": str(out), "size": size, "root": root.hex(), "key": self.key}

    def verify(self) -> Report:
        """Verify what is published, as an outsider would. Raises `LedgerError`."""
        return verify(self._folder, self.key)

    def checked(self) -> tuple[bool, str]:
        """Whether what is published verifies, and what was found, in a sentence."""
        try:
            report = self.verify()
        except (LedgerError, OSError) as error:
            return False, str(error)
        return True, f"{report.entries} entries, chain unbroken, {report.level}"

    def entries(self) -> Iterator[bytes]:
        """Every entry, in order."""
        with self._store.read() as reader:
            for _, body in reader.stream():
                yield body
