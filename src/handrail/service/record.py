"""The record as files: signed within a second of each commit, published, exported, verified.

Entries are final by their commit; nothing here stands in the way of one. A signer that refuses
(the database was put back, or is another) stops publishing and says so on every page; it never
signs over it.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from handrail.clock import Clock, to_us
from handrail.core.defaults import Settings
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, HandrailError, NotFound
from handrail.ledger import anchor, checkpoint, custody, excerpt, proof, publish
from handrail.ledger.anchor import Unanswered
from handrail.ledger.checkpoint import parts
from handrail.ledger.cosign import attach
from handrail.ledger.errors import LedgerError, MemoryUnreadable, Refused
from handrail.ledger.memory import replace_durably
from handrail.ledger.publish import Publisher
from handrail.ledger.signer import Signer
from handrail.ledger.tiles import Folder, parse_path
from handrail.ledger.verify import Report, verify
from handrail.service import agreement
from handrail.service.agreement import Agreement
from handrail.store.contract import Event, Rows, Store

log = structlog.get_logger(__name__)

#: The longest that a committed head stays unsigned (SPEC 12).
SIGN_WITHIN = 1.0
#: Entries that a page compares with the tables; an export compares all.
NEWEST = 20_000


class Record:
    """Signs, publishes and exports the log."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        folder: Path,
        clock: Clock,
        heartbeat_after: Callable[[], timedelta] = lambda: Settings().heartbeat,
    ) -> None:
        self._store = store
        self._heartbeat_after = heartbeat_after
        self._signer = signer
        self._folder = folder
        self._files = Folder(folder)
        self._publisher = Publisher(signer, folder)
        self._clock = clock
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._trouble = ""
        self._published_new = threading.Event()
        self._doubt = ""  #: what a witness holds against the record
        self._level = "unanchored"
        self._refused = ""  #: why the signer will never sign what the database holds
        store.on_commit(self._committed)

    # --- signing ----------------------------------------------------------------------------

    def start(self) -> None:
        """Sign in a thread, and ask witnesses in another, until `stop`."""
        for name, loop in (("signer", self._loop), ("anchor", self._anchor_loop)):
            thread = threading.Thread(target=loop, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Sign what is committed, and stop."""
        self._stop.set()
        self._wake.set()
        self._published_new.set()
        for thread in self._threads:
            thread.join()
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
                        self._published_new.set()
                self._trouble = ""
                self._refused = ""
            except (LedgerError, HandrailError, OSError) as error:
                # A signer that lost its memory can't tell either, whether this is the newest copy.
                refused = isinstance(error, Refused | MemoryUnreadable)
                self._refused = str(error) if refused else ""
                if str(error) != self._trouble:
                    log.error("the record is not signed", why=str(error))
                self._trouble = str(error)

    def anchor(self) -> None:
        """Show what is published to the witnesses that lack it. Never raises: trouble is shown.

        A witness that does not answer is asked again with the next head; one that saw another log
        is a doubt on every page until people have looked."""
        try:
            with self._lock:
                witnesses = anchor.read(self._base() / "witnesses")
                wanted = anchor.missing(self._folder, witnesses) if witnesses else []
        except (LedgerError, OSError) as error:
            self._doubted(str(error))
            return
        doubt = ""
        for witness in wanted:
            try:
                self._cosigned(*anchor.cosignature(self._folder, witness))
            except Unanswered as error:
                log.warning("a witness did not answer", why=error.message)
            except (LedgerError, OSError) as error:
                doubt = str(error)
        try:
            with self._lock:
                missing = len(anchor.missing(self._folder, witnesses)) if witnesses else 0
        except (LedgerError, OSError) as error:
            self._doubted(str(error))
            return
        seen = len(witnesses) - missing
        self._level = f"witnessed {seen} of {len(witnesses)}" if seen else "unanchored"
        self._doubted(doubt)

    def _cosigned(self, note: bytes, line: bytes) -> None:
        """Publish *line* with the head that it is for, unless a newer one is published."""
        with self._lock:
            there = (self._folder / "checkpoint").read_bytes()
            if parts(there)[0] == parts(note)[0]:
                replace_durably(self._folder / "checkpoint", attach(there, [line]))

    def _doubted(self, why: str) -> None:
        if why and why != self._doubt:
            log.error("a witness contradicts the record", why=why)
        self._doubt = why

    def _anchor_loop(self) -> None:
        while not self._stop.is_set():
            self._published_new.wait(60.0)
            self._published_new.clear()
            if not self._stop.is_set():
                self.anchor()

    def _published(self) -> bool:
        return (self._folder / "checkpoint").exists()

    def _committed(self, types: Sequence[str]) -> None:
        self._wake.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(60.0)
            self._wake.clear()
            self.sign()
            self.beat()
            self._stop.wait(SIGN_WITHIN / 2)

    def beat(self) -> None:
        """Silence in the record must be visible as such: an entry a day at the least."""
        with self._store.read() as reader:
            at = int(reader.head()["at"])
        if to_us(self._clock.now()) - at < self._heartbeat_after() // timedelta(microseconds=1):
            return
        try:
            self._store.commit(lambda view: Rows(events=(Event(EventType.HEARTBEAT, "handrail"),)))
        except HandrailError as error:
            log.error("no heartbeat", why=error.message)

    # --- being put back, and going on ---------------------------------------------------------

    @property
    def held(self) -> str:
        """Why nothing may rest on this record: the database was put back, or is another. Empty
        when all is well."""
        return self._refused or self._doubt

    @property
    def signed(self) -> tuple[int, bytes] | None:
        """(size, root) of what was signed last; None when nobody remembers it."""
        try:
            return self._signer.last
        except MemoryUnreadable:
            return None

    def shared(self) -> int:
        """How many entries the database shares with what was signed: up to where it was put back.
        Found by halving, since after the first entry that differs none is the same."""
        signed = self.signed
        with self._store.read() as reader:
            size = int(reader.head()["size"])
            if signed is None:
                return size
            low, high = 0, min(size, signed[0])
            nodes = self._files.nodes(signed[0])
            while low < high:
                middle = (low + high) // 2
                row = reader.row("entry", middle)
                try:
                    same = row is not None and bytes(row["leaf"]) == nodes(0, middle)
                except LedgerError:
                    return low  # what was published is lost as well
                low, high = (middle + 1, high) if same else (low, middle)
        return low

    def missing(self) -> int | str:
        """How many signed entries the database lacks; in words where nobody remembers."""
        signed = self.signed
        # A copy on a new machine: nobody there remembers what was signed after it.
        return "an unknown number of" if signed is None else signed[0] - self.shared()

    def now(self) -> datetime:
        return self._clock.now()

    def published(self) -> str:
        """The checkpoint that is published, as text; empty without one."""
        path = self._folder / "checkpoint"
        return path.read_text() if path.exists() else ""

    def reopened(self, origin: str, commit: Callable[[], object]) -> str:
        """Go on as the log *origin*, once *commit* has made it so; return where what was published
        under the former name is kept. Nothing has changed when *commit* raises."""
        with self._lock:
            signer = custody.prepared(self._base(), origin)
            commit()
            kept = self._folder.with_name(f"{self._folder.name}-before-{origin.rpartition('/')[2]}")
            if self._folder.exists():
                self._folder.replace(kept)
            self._take(signer)
            self._doubt = ""
        self.sign()
        return str(kept)

    def staged(self) -> str:
        """The public half of the key that is to take over."""
        return str(custody.staged(self._base(), self._signer.key.name).verifier)

    def taken_over(self, *, keep: bool) -> None:
        """Let the staged key sign from now on; with *keep*, the former one beside it."""
        with self._lock:
            self._take(custody.taken_over(self._base(), self._signer.key.name, keep=keep))
        self.sign()

    def _base(self) -> Path:
        folder = self._signer.folder
        return folder.parent if folder.name.startswith("reopened-") else folder

    def _take(self, signer: Signer) -> None:
        self._signer = signer
        self._publisher = Publisher(signer, self._folder)
        self._files = Folder(self._folder)

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
            "level": self._level,
            "trouble": self._trouble or self._doubt,
            "held": self.held,
            "missing": self.missing() if self.held else 0,
        }

    def file(self, path: str) -> bytes:
        """One published file: `checkpoint` or `tile/…`. Raises `NotFound`."""
        try:
            if path != "checkpoint":
                parse_path(path)
            return self._folder.joinpath(*path.split("/")).read_bytes()
        except (OSError, ValueError):
            raise NotFound(f"no such file of the record: {path[:100]}") from None

    def inclusion(self, seq: int) -> bytes:
        """The proof that entry *seq* is in what is published. Raises `NotFound`."""
        return self._proven(proof.inclusion, seq)

    def consistency(self, old: int) -> bytes:
        """The proof that what is published continues its first *old* entries. Raises `NotFound`."""
        return self._proven(proof.consistency, old)

    def _proven(self, prove: Callable[[Folder, int], bytes], at: int) -> bytes:
        with self._lock:  # between a new head's tiles and its checkpoint, neither is whole
            try:
                return prove(self._files, at)
            except (ValueError, LedgerError) as error:
                raise NotFound(
                    str(error), hint="The newest entries are signed within a second; ask again."
                ) from None

    def export(self, out: Path, who: SignedIn | None = None) -> dict[str, Any]:
        """Write the whole record as files that any static host can serve. *out* must be empty.

        Raises `BadInput` when it is not, or when the record is not signed."""
        note = self._exported(who, ())
        with self._writing(out), self._store.read() as reader:
            publish.export((body for _, body in reader.stream()), note, out)
        size, root = self._signer.last
        return {"out": str(out), "size": size, "root": root.hex(), "key": self.key}

    def excerpt(
        self,
        out: Path,
        client: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        who: SignedIn | None = None,
    ) -> dict[str, Any]:
        """Write what the record holds of *client*, each entry with its proof. *out* must be empty.

        The export is itself the newest entry of the client's chain. Raises `BadInput` like
        `export`, and for a client that is none."""
        with self._store.read() as reader:
            if reader.row("client", client) is None:
                raise BadInput(f"no client {client}", hint="handrail clients lists them.")
        note = self._exported(who, (client,))
        start, end = (None if at is None else to_us(at) for at in (since, until))
        with self._writing(out), self._store.read() as reader:
            entries = reader.between(start, end, client)
            size = excerpt.write(entries, client, self._files, note, out)
        root = checkpoint.parse(note).root.hex()
        return {"out": str(out), "size": size, "root": root, "key": self.key, "client": client}

    def _exported(self, who: SignedIn | None, clients: tuple[str, ...]) -> bytes:
        """Record an export, sign it and all before it, and return the checkpoint."""
        by = f"person:{who.person}" if who else "handrail"
        event = Event(EventType.EXPORTED, by, None, clients)
        self._store.commit(lambda view: Rows(events=(event,)))
        self.sign()
        if self._trouble:
            raise BadInput(f"the record is not signed: {self._trouble}")
        self.anchor()
        return (self._folder / "checkpoint").read_bytes()

    @contextmanager
    def _writing(self, out: Path) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise BadInput(f"{out} is not empty", hint="Name a new folder.") from None
        except OSError as error:
            raise BadInput(f"{out} cannot be written: {error}") from error

    def verify(self) -> Report:
        """Verify what is published, as an outsider would. Raises `LedgerError`."""
        keys = [str(w.key) for w in anchor.read(self._base() / "witnesses")]
        return verify(self._folder, self.key, witnesses=keys)

    def compare(self, newest: int | None = None) -> Agreement:
        """Whether the tables say what the record says; with *newest*, of so many entries."""
        return agreement.compare(self._store, self._clock.now(), self._heartbeat_after(), newest)

    def checked(self) -> tuple[bool, str]:
        """Whether what is published verifies and the tables agree with the newest of it, and what
        was found, in a sentence."""
        try:
            report = self.verify()
        except (LedgerError, OSError) as error:
            return False, str(error)
        compared = self.compare(NEWEST)
        if not compared.holds:
            return False, f"{compared}. {compared.told[0]}"
        return True, f"{report.entries} entries, chain unbroken, {report.level}; {compared}"

    def entries(self) -> Iterator[bytes]:
        """Every entry, in order."""
        with self._store.read() as reader:
            for _, body in reader.stream():
                yield body
