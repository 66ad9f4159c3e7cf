"""One serving process a data folder: an advisory lock that the system lets go of with the process."""

import fcntl
import os
from pathlib import Path

from handrail.errors import Unavailable


class OnlyOne:
    """Held from `take` to `leave`, or to the end of the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "serving.lock"
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock. Raises `Unavailable` when another process holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Unavailable(
                f"another Handrail serves {self._path.parent}",
                hint="Stop that one first, or name another folder with --data.",
            ) from None
        self._descriptor = descriptor

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def leave(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
