"""Talking to the single sign-on provider: OpenID Connect, authorization code with PKCE.

* What the provider says of itself (discovery) is kept for an hour, its keys too; a token signed
  with a key that is not known makes the keys be fetched again, at most once a minute.
* Only signatures by its public keys count: no `none`, no shared secret (RFC 8725).
* The provider is of the operator's choosing, so it may be in the own network; but it speaks https
  unless it is on this computer, and no redirect is followed.

Whether a token is believed is `id_token`'s; who somebody is here, `single_sign_on`'s.
"""

import base64
import hashlib
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx2
import orjson
import structlog
from joserfc import jws
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from handrail.clock import Clock
from handrail.errors import BadInput, NotSignedIn, Unavailable

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
TIMEOUT = 10.0  #: seconds for one answer of the provider
_KEPT = 3600.0  # seconds that discovery and keys are taken as they were
_AGAIN = 60.0  # seconds at least between two fetches of the keys
_MAX = 512 * 1024  # bytes of one answer
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the provider knows this Handrail by."""

    issuer: str
    client_id: str
    secret: str  #: empty: a public client, PKCE alone
    redirect: str  #: where people come back to
    scope: str = "openid profile email"


@dataclass(frozen=True, slots=True)
class Signed:
    """An ID token whose signature is the provider's; nothing else of it is checked yet."""

    claims: Mapping[str, Any]
    alg: str
    access_token: str


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    at: float  #: by the clock that never goes back


class Provider:
    """One provider, and what it said of itself. Safe to use from many threads."""

    def __init__(self, registration: Registration, clock: Clock) -> None:
        if not _spoken_to(registration.issuer):
            raise BadInput(
                f"HANDRAIL_OIDC_ISSUER is {registration.issuer!r}",
                hint="Set it to the provider's https address, as its own configuration writes it.",
            )
        self.registration = registration
        self._clock = clock
        self._lock = threading.Lock()
        self._about: _Kept | None = None
        self._keys: _Kept | None = None

    def leave_for(self, state: str, nonce: str, verifier: str, *, anew: bool) -> str:
        """The address to send a person to. With *anew* they must sign in there again.

        Raises `Unavailable` when the provider can't be reached."""
        ask = {
            "response_type": "code",
            "client_id": self.registration.client_id,
            "redirect_uri": self.registration.redirect,
            "scope": self.registration.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            # It makes the provider say when the person signed in there (Core 3.1.2.1).
            "max_age": "0" if anew else "86400",
        }
        if anew:
            ask["prompt"] = "login"
        to = str(self._said()["authorization_endpoint"])
        return f"{to}{'&' if urlsplit(to).query else '?'}{urlencode(ask)}"

    def came_from(self, iss: str) -> None:
        """Raise `NotSignedIn` unless the answer is this provider's (RFC 9207)."""
        named = self._said().get("authorization_response_iss_parameter_supported") is True
        if (iss or named) and iss != self.registration.issuer:
            raise NotSignedIn("this answer is from another provider", hint="Begin again.")

    def exchange(self, code: str, verifier: str) -> Signed:
        """The tokens behind *code*. Raises `NotSignedIn` when the provider refuses the code or its
        token is not signed by it; `Unavailable` when it can't be reached."""
        known = self.registration
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": known.redirect,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        offered = self._said().get("token_endpoint_auth_methods_supported")
        methods = offered if isinstance(offered, list) else ["client_secret_basic"]
        if not known.secret:
            form["client_id"] = known.client_id
        elif "client_secret_basic" in methods or "client_secret_post" not in methods:
            pair = f"{quote(known.client_id, safe='')}:{quote(known.secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": known.client_id, "client_secret": known.secret}
        status, said = self._ask("POST", str(self._said()["token_endpoint"]), form, headers)
        if status != 200:
            log.warning("provider refused a code", status=status, error=str(said.get("error"))[:80])
            if status >= 500:
                raise _away(f"it answers {status}")
            raise NotSignedIn("the provider refused this sign-in", hint="Begin again.")
        token, access = said.get("id_token"), said.get("access_token")
        if not isinstance(token, str) or not isinstance(access, str):
            raise NotSignedIn("the provider sent no ID token", hint="Ask for the scope openid.")
        claims, alg = self._verified(token)
        return Signed(claims, alg, access)

    # --- signatures -------------------------------------------------------------------------

    def _verified(self, token: str) -> tuple[Mapping[str, Any], str]:
        try:
            try:
                found = jws.deserialize_compact(token, self._key_set(), list(ALGORITHMS))
            except InvalidKeyIdError:
                # A key that is not known: the provider may have changed its keys.
                found = jws.deserialize_compact(token, self._key_set(anew=True), list(ALGORITHMS))
            claims = orjson.loads(found.payload)
        except (JoseError, ValueError, TypeError) as error:
            log.warning("provider's token refused", why=f"{type(error).__name__}: {error}"[:200])
            raise _unsigned() from error
        if not isinstance(claims, dict):
            raise _unsigned()
        return claims, str(found.headers()["alg"])

    def _key_set(self, *, anew: bool = False) -> KeySet:
        """The provider's keys. With *anew*, as they are now, unless they were fetched just now."""
        with self._lock:
            kept, now = self._keys, self._clock.monotonic()
        if kept is not None and now - kept.at < (_AGAIN if anew else _KEPT):
            return cast("KeySet", kept.value)
        status, said = self._ask("GET", str(self._said()["jwks_uri"]))
        if status != 200 or not isinstance(said.get("keys"), list):
            raise _away(f"its keys answer {status}")
        # Only public keys sign: a shared secret among them would be everybody's.
        public = [k for k in said["keys"] if isinstance(k, dict) and k.get("kty") in {"RSA", "EC"}]
        try:
            keys = KeySet.import_key_set(cast("KeySetSerialization", {"keys": public}))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _away(f"its keys can't be read: {type(error).__name__}") from error
        with self._lock:
            self._keys = _Kept(keys, now)
        return keys

    # --- what it says of itself -------------------------------------------------------------

    def _said(self) -> Mapping[str, Any]:
        with self._lock:
            kept, now = self._about, self._clock.monotonic()
        if kept is not None and now - kept.at < _KEPT:
            return cast("Mapping[str, Any]", kept.value)
        issuer = self.registration.issuer
        status, said = self._ask("GET", issuer.rstrip("/") + _DISCOVERY)
        if status != 200:
            raise _away(f"its configuration answers {status}")
        if said.get("issuer") != issuer:
            raise _away("its configuration is of another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            url = said.get(name)
            if not isinstance(url, str) or not _spoken_to(url, within=issuer):
                raise _away(f"its configuration has no usable {name}")
        with self._lock:
            self._about = _Kept(said, now)
        return said

    def _ask(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of one answer. Raises `Unavailable`."""
        read = bytearray()
        try:
            with (
                httpx2.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
                client.stream(
                    method,
                    url,
                    data=form,
                    headers={"accept": "application/json", **(headers or {})},
                ) as response,
            ):
                for piece in response.iter_bytes():
                    read += piece
                    if len(read) > _MAX:
                        raise _away(f"{url} answers more than {_MAX} bytes")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _away(f"{type(error).__name__} at {url}") from error
        try:
            said = orjson.loads(bytes(read))
        except ValueError:
            said = None
        return response.status_code, said if isinstance(said, dict) else {}


def verifier() -> str:
    """A new secret of PKCE (RFC 7636)."""
    return secrets.token_urlsafe(48)


def challenge(verifier: str) -> str:
    """What is shown of *verifier* before it is needed."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _spoken_to(url: str, *, within: str = "") -> bool:
    """Whether *url* is https, or on this computer as the issuer *within* is."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    here = parts.scheme == "http" and parts.hostname in _HERE
    return here and (not within or urlsplit(within).hostname in _HERE)


def _away(why: str) -> Unavailable:
    log.warning("single sign-on provider can't be used", why=why)
    return Unavailable(
        "the single sign-on provider can't be reached",
        hint="Try again in a minute, or sign in another way if you have one.",
    )


def _unsigned() -> NotSignedIn:
    return NotSignedIn(
        "the provider's answer can't be believed: it is not signed by it", hint="Begin again."
    )
