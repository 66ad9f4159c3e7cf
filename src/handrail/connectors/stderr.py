"""What a child process writes to its standard error, into the log: by line, bounded, without
the secrets it was given."""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog

log = structlog.get_logger(__name__)

LINE = 500  # characters kept of one line
LINES = 200  # lines kept of one process
_SHORTEST = 4  # shorter values are no secrets, and hiding them would garble every line


@contextmanager
def captured(connection: str, secrets: Iterable[str] = ()) -> Iterator[TextIO]:
    """A file for a child's standard error; its lines are logged until every holder closes it."""
    hidden = sorted((s for s in secrets if len(s) >= _SHORTEST), key=len, reverse=True)
    readable, writable = os.pipe()

    def drain() -> None:
        with os.fdopen(readable, errors="replace") as lines:
            count = 0
            while line := lines.readline(LINE):
                count += 1
                if count <= LINES:
                    log.info("upstream says", connection=connection, line=_shown(line, hidden))
                if count == LINES:
                    log.info("upstream says too much", connection=connection, limit=LINES)

    threading.Thread(target=drain, name=f"stderr-{connection}", daemon=True).start()
    with os.fdopen(writable, "w") as errors:
        yield errors


def _shown(line: str, hidden: list[str]) -> str:
    for secret in hidden:
        line = line.replace(secret, "***")
    return line.rstrip()
