"""Passwords: Argon2id, as PHC strings (RFC 9106, second recommended option)."""

import os
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from handrail.errors import BadInput

SHORTEST = 12
LONGEST = 512
_ITERATIONS, _LANES, _MEMORY = 3, 4, 64 * 1024  # KiB


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
    return kdf.derive_phc_encoded(password.encode())


def verify(password: str, stored: str | None) -> bool:
    """Whether *password* is the one behind *stored*. Without one, does the same work and says
    no, so that the time taken tells nobody whether a person exists."""
    try:
        Argon2id.verify_phc_encoded(password[:LONGEST].encode(), stored or _decoy())
    except InvalidKey:
        return False
    return stored is not None


@cache
def _decoy() -> str:
    return hash_password(os.urandom(24).hex())
