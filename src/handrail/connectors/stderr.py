"""What a child process writes to its standard error, into the log: by line, and bounded."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog

log = structlog.get_logger(__name__)

_LINE = 500  # characters kept of one line
_LINES = 200  # lines kept of one process


@contextmanager
def captured(connection: str) -> Iterator[TextIO]:
    """A file for a child's standard error; its lines are logged until it is closed."""
    readable, writable = os.pipe()

    def drain() -> None:
        with os.fdopen(readable, errors="replace") as lines:
            for n, line in enumerate(lines):
                if n < _LINES:
                    log.info("upstream says", connection=connection, line=line.rstrip()[:_LINE])

    reader = threading.Thread(target=drain, name=f"stderr-{connection}", daemon=True)
    reader.start()
    with os.fdopen(writable, "w") as errors:
        yield errors
