"""A witness over HTTP: C2SP tlog-witness, on Python's own server, for a machine of its own.

    POST /add-checkpoint    what `witness` answers

Put TLS in front of it where the way leads through a strange network; the protocol itself needs no
secrecy. A request is at most `MAX_PROOF` bytes and has `TIMEOUT` to arrive.
"""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .errors import LedgerError
from .proof import MAX_PROOF
from .witness import Answer, Witness

TIMEOUT = 10.0  # seconds


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
