"""Random bytes for ids and nonces, drawn from the system in larger pieces.

A system call for each few bytes gives the interpreter's lock away each time, which costs more
than the bytes under load. Each byte is used once, by one thread.
"""

import os
import threading

_PIECE = 4096


class _Piece(threading.local):
    """One thread's unused bytes."""

    left = b""


_piece = _Piece()


def draw(count: int) -> bytes:
    """Return *count* fresh random bytes from the operating system's generator."""
    left = _piece.left
    if len(left) < count:
        left = os.urandom(max(_PIECE, count))
    _piece.left = left[count:]
    return left[:count]
