"""Secrets that stand for someone: 256 random bits, of which only a SHA-256 is ever stored."""

import hashlib
import secrets

_CODE = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels: no words


def session_token() -> str:
    return secrets.token_urlsafe(32)


def agent_key() -> tuple[str, str]:
    """Return (the whole key, shown once; its prefix, shown always)."""
    prefix = secrets.token_hex(4)
    return f"hr_{prefix}_{secrets.token_urlsafe(32)}", f"hr_{prefix}"


def user_code() -> str:
    """Eight letters to read from one screen and type on another."""
    letters = "".join(secrets.choice(_CODE) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def hashed(secret: str) -> bytes:
    """What is stored of *secret*. Looking up by it takes the same time for every wrong one:
    the index sees a hash that the sender can't steer."""
    return hashlib.sha256(secret.encode()).digest()
