"""Passkeys (WebAuthn level 3): registering one, signing in and stepping up with it.

* The authenticator must have verified the person (a finger, a face, a PIN): a passkey is two
  factors, and a stolen device is none.
* Each answer belongs to a challenge of ours that this browser was given, for this use, once.
* A counter of signatures that does not grow means a copy of the passkey: it is refused.
* A browser holds a passkey to the host that it was made for, so that it can't be phished.
* What is stored is public. The record says that a passkey was added or removed, and by whom.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import cbor2
import orjson
import webauthn
from webauthn.helpers import options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from handrail.clock import Clock, from_us, rfc3339
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Conflict, NotFound, NotSignedIn, StepUpNeeded
from handrail.identity.identity import CONFIRM_AGE, Identity
from handrail.identity.limits import Limit
from handrail.identity.tries import Tries
from handrail.privacy import tokens
from handrail.store.contract import Change, Drop, Event, Put, Row, Rows, Store, View

#: Passkeys that one person may have.
MOST = 20
_LONGEST = 32 * 1024  # characters of an answer
_UV = UserVerificationRequirement.REQUIRED
#: What a hostile answer makes the library or its parsers raise.
_BROKEN = (
    WebAuthnException, cbor2.CBORDecodeError, ValueError, TypeError, KeyError, AttributeError,
    IndexError, RecursionError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the browser is asked: *options* for it, *state* for the form, *secret* to keep."""

    options: str  #: JSON, as WebAuthn writes it
    state: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A challenge that was answered: a session, where to go, and what had been entered."""

    token: str
    who: SignedIn
    to: str
    kept: dict[str, str]


def possible(url: str) -> bool:
    """Whether browsers take passkeys at *url*: by https, or on `localhost`; never at an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = bool(host) and ":" not in host and not host.replace(".", "").isdigit()
    return named and (parts.scheme == "https" or host == "localhost")


class Passkeys:
    """Passkeys for the console at *url*. Raises `BadInput` where browsers take none."""

    def __init__(self, identity: Identity, store: Store, clock: Clock, url: str) -> None:
        if not possible(url):
            raise BadInput(f"there are no passkeys at {url}", hint="Set HANDRAIL_PUBLIC_URL.")
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._origin = f"{parts.scheme}://{parts.netloc}".lower()
        self._identity = identity
        self._store = store
        self._clock = clock
        self._tries = Tries(store)
        self._starts = Limit(300, timedelta(minutes=15), "too many sign-ins begun")

    # --- one's own --------------------------------------------------------------------------

    def of(self, person: str) -> list[dict[str, Any]]:
        """The passkeys of *person*, oldest first: `id`, `name`, `at`, `used_at`."""
        with self._store.read() as reader:
            rows = reader.passkeys(person)
        return [
            {
                "id": row["id"].hex(),
                "name": row["name"],
                "at": rfc3339(from_us(row["at"])),
                "used_at": rfc3339(from_us(row["used_at"])) if row["used_at"] else None,
            }
            for row in rows
        ]

    def begin_adding(self, who: SignedIn) -> Challenge:
        """Ask the browser for a new passkey. Raises `StepUpNeeded` when *who* signed in too long
        ago: a stale session would make itself a lasting one."""
        self._recent(who)
        with self._store.read() as reader:
            person, rows = reader.row("person", who.person), reader.passkeys(who.person)
        if person is None:
            raise NotFound("no such person")
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name="Handrail",
            user_id=who.person.encode(),
            user_name=person["email"],
            user_display_name=person["name"],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_UV
            ),
            exclude_credentials=_named(rows),
        )
        carried = {"challenge": options.challenge.hex(), "person": who.person}
        state, secret = self._tries.leave("add a passkey", carried)
        return Challenge(options_to_json(options), state, secret)

    def add(self, who: SignedIn, name: str, state: str, secret: str, answer: str) -> None:
        """Keep the passkey that the browser made. Raises `BadInput` for one that can't be
        believed, `NotSignedIn` when it was not asked for, `Conflict` when there are too many."""
        self._recent(who)
        carried = self._tries.back("add a passkey", state, secret)
        if carried["person"] != who.person:
            raise NotSignedIn("this passkey was asked for by somebody else")
        try:
            found = webauthn.verify_registration_response(
                credential=_object(answer),
                expected_challenge=bytes.fromhex(carried["challenge"]),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _BROKEN as error:
            raise BadInput(
                "this passkey can't be used", hint="It must ask for a finger, a face or a PIN."
            ) from error
        name = " ".join(name.split())[:80] or "Passkey"
        transports = _transports(answer)

        def unit(view: View) -> Rows:
            if view.row("passkey", found.credential_id) is not None:
                raise Conflict("this passkey is known already")
            row = {
                "id": found.credential_id,
                "person": who.person,
                "name": name,
                "public_key": found.credential_public_key,
                "count": found.sign_count,
                "transports": orjson.dumps(transports).decode(),
                "at": view.now,
                "used_at": None,
            }
            event = Event(EventType.PASSKEY_ADDED, f"person:{who.person}")
            return Rows((Put("passkey", row),), (event,))

        with self._store.read() as reader:
            if len(reader.passkeys(who.person)) >= MOST:
                raise Conflict(f"a person has at most {MOST} passkeys", hint="Remove one first.")
        self._store.commit(unit)

    def remove(self, who: SignedIn, id: str) -> None:
        """Remove one of one's own. Raises `NotFound`, for other people's as well."""
        try:
            key = bytes.fromhex(id)
        except ValueError:
            key = b""

        def unit(view: View) -> Rows:
            row = view.row("passkey", key)
            if row is None or row["person"] != who.person:
                raise NotFound("no such passkey")
            event = Event(EventType.PASSKEY_REMOVED, f"person:{who.person}")
            return Rows((Drop("passkey", (key,)),), (event,))

        self._store.commit(unit)

    # --- signing in -------------------------------------------------------------------------

    def begin(
        self, to: str, *, who: SignedIn | None = None, kept: Mapping[str, str] | None = None
    ) -> Challenge:
        """Ask the browser for a passkey: any of this host, or one of *who* to step up."""
        self._starts.take("", self._clock.monotonic())
        rows: Sequence[Row] = ()
        if who is not None:
            with self._store.read() as reader:
                rows = reader.passkeys(who.person)
            if not rows:
                raise NotFound("you have no passkey here", hint="Add one in the settings.")
        options = webauthn.generate_authentication_options(
            rp_id=self._host, user_verification=_UV, allow_credentials=_named(rows)
        )
        carried = {
            "challenge": options.challenge.hex(),
            "person": who.person if who else "",
            "to": to,
            "kept": dict(kept or {}),
        }
        state, secret = self._tries.leave("use a passkey", carried)
        return Challenge(options_to_json(options), state, secret)

    def finish(self, state: str, secret: str, answer: str, *, session: str = "") -> Answered:
        """Sign in, or step up when the challenge was for that; *session* then ends.

        Raises `NotSignedIn`, the same for whatever is wrong with the answer."""
        try:
            carried = self._tries.back("use a passkey", state, secret)
            anew = bool(carried["person"])
            who = self._identity.who(session) if anew else None
            person = self._person(carried, answer)
            if who is not None and who.person != person:
                raise NotSignedIn("this is somebody else's passkey")
        except NotSignedIn:
            self._identity.refused("handrail")
            raise
        token, found = self._identity.new_session(
            person,
            who.via if who else "console",
            EventType.STEPPED_UP if who else EventType.SIGNED_IN,
            by="passkey",
            ends=tokens.hashed(session) if who else None,
        )
        return Answered(token, found, carried["to"], carried["kept"])

    def _person(self, carried: Mapping[str, Any], answer: str) -> str:
        """Whose passkey answered. Raises `NotSignedIn`."""
        wrong = NotSignedIn("this passkey signs nobody in", hint="Try again, or another way.")
        try:
            said = _object(answer)
            key = webauthn.base64url_to_bytes(said["rawId"])
            with self._store.read() as reader:
                row = reader.row("passkey", key)
            if row is None or (carried["person"] and row["person"] != carried["person"]):
                raise wrong
            handle = said["response"].get("userHandle")
            if handle and webauthn.base64url_to_bytes(handle) != row["person"].encode():
                raise wrong
            found = webauthn.verify_authentication_response(
                credential=said,
                expected_challenge=bytes.fromhex(carried["challenge"]),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=row["public_key"],
                credential_current_sign_count=row["count"],
                require_user_verification=True,
            )
        except _BROKEN as error:
            raise wrong from error

        def unit(view: View) -> Rows:
            now = view.row("passkey", key)
            # Two answers at once, one of them of a copy: the later one does not grow the counter.
            if now is None or (now["count"] and found.new_sign_count <= now["count"]):
                raise wrong
            values = {"count": found.new_sign_count, "used_at": view.now}
            return Rows((Change("passkey", (key,), values),))

        self._store.commit(unit)
        return str(row["person"])

    def _recent(self, who: SignedIn) -> None:
        if self._clock.now() - who.signed_in_at > CONFIRM_AGE:
            raise StepUpNeeded("adding a passkey needs a recent sign-in")


def _object(answer: str) -> dict[str, Any]:
    """The browser's answer. Raises `ValueError`."""
    if len(answer) > _LONGEST:
        raise ValueError("too long")
    found = orjson.loads(answer)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - what was sent, not how we called
    return found


def _transports(answer: str) -> list[str]:
    """How the passkey is reached, as far as the browser said words that exist."""
    said = _object(answer).get("response", {}).get("transports")
    known = {t.value for t in AuthenticatorTransport}
    return [t for t in said if isinstance(t, str) and t in known] if isinstance(said, list) else []


def _named(rows: Sequence[Row]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=row["id"],
            transports=[AuthenticatorTransport(t) for t in orjson.loads(row["transports"])] or None,
        )
        for row in rows
    ]
