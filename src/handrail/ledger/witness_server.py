"""A witness over HTTP: C2SP tlog-witness, on Python's own server, for a machine of its own.

    POST /add-checkpoint    what `witness` answers

Put TLS in front of it where the way leads through a strange network; the protocol itself needs no
secrecy. A request is at most `MAX_PROOF` bytes and has `TIMEOUT` to arrive.
"""

import os
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .checkpoint import VerifierKey
from .cosign import WitnessKey
from .errors import LedgerError
from .proof import MAX_PROOF
from .witness import Answer, Witness

TIMEOUT = 10.0  # seconds


def prepared(folder: Path, name: str, logs: Sequence[str], *, new: bool) -> Witness:
    """Return the witness that lives in *folder*, for the *logs* of those keys.

    Its key is made at the first start. *new* logs begin to be remembered. Raises `KeyInvalid`,
    `FileExistsError` for a new log that is known, `MemoryUnreadable` for another that is not."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "key"
    keys = [VerifierKey.parse(log) for log in logs]
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(WitnessKey.generate(name).export())
            out.flush()
            os.fsync(out.fileno())
    witness = Witness(WitnessKey.parse(file.read_text()), keys, folder)
    for key in keys:
        if new:
            Witness.introduce(folder, key.name)
        witness.last(key.name)
    return witness


def serving(
    witness: Witness, host: str, port: int, now: Callable[[], float] = time.time
) -> ThreadingHTTPServer:
    """Return a server for *witness* at that address, bound but not yet serving."""

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT
        server_version = "handrail-witness"
        sys_version = ""

        def do_POST(self) -> None:
            self._answer(self._asked())

        def do_GET(self) -> None:
            self._answer(Answer(405, b"POST /add-checkpoint\n"))

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what was cosigned stands in the memory."""

        def _asked(self) -> Answer:
            if self.path != "/add-checkpoint":
                return Answer(404, b"POST /add-checkpoint\n")
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or len(length) > 9:
                return Answer(411, b"how long is it?\n")
            if int(length) > MAX_PROOF:
                return Answer(413, b"too long\n")
            try:
                return witness.add_checkpoint(self.rfile.read(int(length)), int(now()))
            except (LedgerError, OSError) as error:
                # It cannot tell what it saw, or not keep what it sees: it signs nothing.
                self.log_error("%s", error)
                return Answer(500, f"this witness signs nothing: {error}\n".encode())

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    return ThreadingHTTPServer((host, port), Handler)
