"""Passwords: Argon2id, as PHC strings (RFC 9106, second recommended option).

One takes 64 MiB and four threads while it works, so that one is worked on at a time: many sign-ins
at once wait for each other instead of filling the memory. OpenSSL needs that as well: derivations
side by side share its threads and can wait for each other for ever.
"""

import os
import threading
import unicodedata
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from handrail.errors import BadInput

SHORTEST = 12
LONGEST = 512
_ITERATIONS, _LANES, _MEMORY = 3, 4, 64 * 1024  # KiB
_ONE_AT_A_TIME = threading.Lock()


def hash_password(password: str) -> str:
    """Return the PHC string to store. Raises `BadInput` for one that is too short or long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(
            f"a password has {SHORTEST} to {LONGEST} characters",
            hint="A few unrelated words are easy to remember and hard to guess.",
        )
    kdf = Argon2id(
        salt=os.urandom(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY
    )
    with _ONE_AT_A_TIME:
        return kdf.derive_phc_encoded(_bytes(password))


def verify(password: str, stored: str | None) -> bool:
    """Whether *password* is the one behind *stored*. Without one, does the same work and says
    no, so that the time taken tells nobody whether a person exists."""
    right = stored or _decoy()
    try:
        with _ONE_AT_A_TIME:
            Argon2id.verify_phc_encoded(_bytes(password[:LONGEST]), right)
    except InvalidKey:
        return False
    return stored is not None and len(password) <= LONGEST


def _bytes(password: str) -> bytes:
    """The same bytes for the same characters, however a keyboard composes them."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


@cache
def _decoy() -> str:
    return hash_password(os.urandom(24).hex())
