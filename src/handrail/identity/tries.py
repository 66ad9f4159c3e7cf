"""What leaves for a while and comes back once: sign-ins at the provider, challenges of passkeys.

* The browser keeps a secret; the store keeps the rest sealed under it. Whoever brings the state
  from another browser opens nothing (RFC 9700 4.7: login CSRF, another person's link).
* Coming back uses it up, whatever comes of it.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken

from handrail.errors import NotSignedIn, TooLarge
from handrail.privacy import tokens
from handrail.store.contract import Drop, Put, Rows, Store, View

LIFE = timedelta(minutes=10)
_MOST = 512 * 1024  # bytes that one may carry


class Tries:
    """The sign-ins that are not back yet."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def leave(self, use: str, carried: Mapping[str, Any]) -> tuple[str, str]:
        """Keep *carried* until it comes back for the same *use*; return (state, the browser's secret).

        Raises `TooLarge` when it carries more than it may."""
        state, secret = tokens.session_token(), tokens.session_token()
        sealed = _box(use, state, secret).encrypt(orjson.dumps(carried))
        if len(sealed) > _MOST:
            raise TooLarge(
                "the form is too long to be kept meanwhile", hint="Shorten what you wrote."
            )

        def unit(view: View) -> Rows:
            row = {
                "hash": tokens.hashed(state),
                "sealed": sealed,
                "at": view.now,
                "expires_at": view.now + LIFE // timedelta(microseconds=1),
            }
            return Rows((Put("sign_in_try", row),))

        self._store.commit(unit)
        return state, secret

    def back(self, use: str, state: str, secret: str) -> dict[str, Any]:
        """What was carried, once. Raises `NotSignedIn` when it was never begun, has ended, is used
        up, or was begun in another browser or for another use."""
        key = tokens.hashed(state)

        def unit(view: View) -> Rows:
            row = view.row("sign_in_try", key)
            if row is None:
                return Rows()
            kept = row["sealed"] if row["expires_at"] > view.now else None
            return Rows((Drop("sign_in_try", (key,)),), answer=kept)

        sealed, _ = self._store.commit(unit)
        try:
            found: dict[str, Any] = orjson.loads(_box(use, state, secret).decrypt(sealed or b""))
        except (InvalidToken, ValueError) as error:
            raise NotSignedIn(
                "this sign-in was not begun in this browser, or has ended", hint="Begin again."
            ) from error
        return found


def _box(use: str, state: str, secret: str) -> Fernet:
    key = hashlib.sha256(f"{use}\n{state}\n{secret}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
