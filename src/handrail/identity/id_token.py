"""What makes an ID token believed (OpenID Connect Core 3.1.3.7), as one pure function.

The signature was checked before (`oidc`). Here, in the order of the clause:

* it comes from the issuer, is for this client, and for nobody else beside it;
* it is neither expired nor from before the sign-in began, within a minute of skew;
* its nonce is the one that was sent, so that it belongs to this sign-in;
* the access token beside it is the one it names;
* where the person had to sign in anew, it says when they did, and that was after we asked.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.errors import NotSignedIn

SKEW = 60  #: seconds that the provider's clock and ours may differ
#: How old a token may be when it arrives, seconds: it was made for this sign-in.
OLDEST = 600
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
_MOST_GROUPS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a token must say to be believed."""

    issuer: str
    client_id: str
    nonce: str
    groups_claim: str
    now: int  #: seconds since 1970
    anew_since: int | None = None  #: the person must have signed in after this, seconds


@dataclass(frozen=True, slots=True)
class Told:
    """Who the provider says has signed in."""

    subject: str
    email: str  #: lower case; may be empty
    verified: bool  #: the provider has made sure of the address
    name: str
    groups: frozenset[str]
    auth_time: int | None  #: when they signed in there, seconds; None when it does not say


def check(claims: Mapping[str, Any], alg: str, access_token: str, wanted: Wanted) -> Told:
    """Who the token is about. Raises `NotSignedIn` naming the first thing that is wrong."""
    if claims.get("iss") != wanted.issuer:
        raise _wrong("it is from another issuer")
    _audience(claims, wanted.client_id)
    _times(claims, wanted.now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), wanted.nonce.encode()):
        raise _wrong("it belongs to another sign-in")
    if "at_hash" in claims and claims["at_hash"] != half_hash(access_token, alg):
        raise _wrong("the access token is not its own")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise _wrong("it names nobody")
    email = claims.get("email")
    name = claims.get("name")
    return Told(
        subject=subject,
        email=email.strip().casefold() if isinstance(email, str) else "",
        verified=claims.get("email_verified") is True,
        name=name if isinstance(name, str) else "",
        groups=_groups(claims, wanted.groups_claim),
        auth_time=_auth_time(claims, wanted),
    )


def half_hash(token: str, alg: str) -> str:
    """The left half of the token's hash, by the signature's hash function (Core 3.1.3.6)."""
    digest = _HASHES[alg[-3:]](token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _audience(claims: Mapping[str, Any], client_id: str) -> None:
    found = claims.get("aud")
    audiences = found if isinstance(found, list) else [found]
    if client_id not in audiences:
        raise _wrong("it is for another program")
    if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):
        raise _wrong("it was made for another program")


def _times(claims: Mapping[str, Any], now: int) -> None:
    expires, made = _instant(claims, "exp"), _instant(claims, "iat")
    if expires is None or made is None:
        raise _wrong("it does not say how long it holds")
    if expires <= now - SKEW:
        raise _wrong("it has expired", hint="Are the clocks right? Begin again.")
    if made > now + SKEW or made < now - OLDEST - SKEW:
        raise _wrong("it was not made now", hint="Are the clocks right? Begin again.")
    begins = _instant(claims, "nbf")
    if begins is not None and begins > now + SKEW:
        raise _wrong("it does not hold yet", hint="Are the clocks right? Begin again.")


def _auth_time(claims: Mapping[str, Any], wanted: Wanted) -> int | None:
    at = _instant(claims, "auth_time")
    if at is not None and at > wanted.now + SKEW:
        raise _wrong("it says that you will sign in later", hint="Are the clocks right?")
    if wanted.anew_since is None:
        return at
    if at is None:
        raise _wrong(
            "it does not say when you signed in",
            hint="The provider must answer `max_age` with `auth_time`. Use a passkey instead.",
        )
    if at < wanted.anew_since - SKEW:
        raise _wrong("you did not sign in anew", hint="Sign in there again when it asks.")
    return at


def _groups(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    found: Any = claims.get(claim)
    if found is None:
        # Some providers leave a long list out and point elsewhere; taking that for "no groups"
        # would put people out who have done nothing.
        names = claims.get("_claim_names")
        if isinstance(names, Mapping) and claim in names:
            raise _wrong(
                "your groups are too many for it",
                hint="Let the provider send only groups that belong to this program.",
            )
        return frozenset()
    groups = [found] if isinstance(found, str) else found
    if not isinstance(groups, list) or len(groups) > _MOST_GROUPS:
        raise _wrong(f"its {claim!r} is no list of groups")
    return frozenset(g for g in groups if isinstance(g, str))


def _instant(claims: Mapping[str, Any], name: str) -> int | None:
    found = claims.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 2**40:
        raise _wrong(f"its {name} is no time")
    return int(found)


def _wrong(what: str, *, hint: str = "Begin again.") -> NotSignedIn:
    return NotSignedIn(f"the provider's answer can't be believed: {what}", hint=hint)
