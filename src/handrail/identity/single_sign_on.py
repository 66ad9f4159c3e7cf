"""Signing in through the provider: who comes back, and what their groups let them do.

* A person is found by (issuer, subject). The first time, by an e-mail address that the provider
  has made sure of; one address never belongs to two subjects, so that nobody is two people (I6).
* Roles that groups give are taken anew at each sign-in and count for `age` after it; so does the
  session. Roles that people gave stay as they are.
* Whoever has no role left loses their sessions in the same commit, and is not let in.
* What the provider calls *signed in at* is ours too: an hour-old sign-in there is not fresh here.
"""

import secrets
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from handrail.clock import Clock, to_us
from handrail.core import ids
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import NotAllowed, NotSignedIn
from handrail.identity.groups import Groups
from handrail.identity.id_token import Told, Wanted, check
from handrail.identity.identity import Identity
from handrail.identity.limits import Limit
from handrail.identity.oidc import Provider, verifier
from handrail.identity.tries import Tries
from handrail.privacy import tokens
from handrail.store.contract import Change, Drop, Event, Put, Row, Rows, Store, View, Write
from handrail.store.newcomer import NewPerson, role_puts

BACK = "/login/provider"  #: the path that people come back to
_USE = "single sign-on"
_SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Leaving:
    """A sign-in that begins: where to send the browser, and the secret that it keeps."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Back:
    """A sign-in that came back."""

    token: str
    who: SignedIn
    to: str  #: where the person was going
    kept: dict[str, str]  #: what they had entered, when they came to step up
    stepped_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the operator has set (docs/reference/settings.md)."""

    groups: Groups
    groups_claim: str = "groups"
    age: timedelta = timedelta(hours=24)  #: how long what groups say counts
    trust_email: bool = False  #: every address of the provider counts as verified
    name: str = "single sign-on"  #: as people know the provider


class SingleSignOn:
    """Sign-in and step-up through one provider."""

    def __init__(
        self, identity: Identity, store: Store, clock: Clock, provider: Provider, terms: Terms
    ) -> None:
        self._identity = identity
        self._store = store
        self._clock = clock
        self._provider = provider
        self._terms = terms
        self._tries = Tries(store)
        self._lock = threading.Lock()
        self._starts = Limit(300, timedelta(minutes=15), "too many sign-ins begun")

    @property
    def name(self) -> str:
        """The provider as people know it."""
        return self._terms.name

    def begin(self, to: str, *, session: str = "", kept: dict[str, str] | None = None) -> Leaving:
        """Send a person to the provider; with a *session*, to sign in anew for a decision.

        Raises `Unavailable`, `TooMany`, and `NotSignedIn` when the session has ended."""
        if session:
            self._identity.who(session)
        self._starts.take("", self._clock.monotonic())
        nonce, proof = tokens.session_token(), verifier()
        carried = {
            "nonce": nonce,
            "verifier": proof,
            "to": to,
            "kept": kept or {},
            "session": tokens.hashed(session).hex() if session else "",
            "at": self._seconds(),
        }
        state, secret = self._tries.leave(_USE, carried)
        url = self._provider.leave_for(state, nonce, proof, anew=bool(session))
        return Leaving(url, secret)

    def finish(
        self,
        *,
        state: str,
        secret: str,
        code: str = "",
        error: str = "",
        iss: str = "",
        session: str = "",
    ) -> Back:
        """The person is back. *session* is the one of their browser now.

        Raises `NotSignedIn` for whatever can't be believed, `NotAllowed` for someone whom their
        groups give nothing, `Unavailable` when the provider can't be asked."""
        try:
            carried = self._tries.back(_USE, state, secret)
            self._provider.came_from(iss)
            if error or not code:
                raise NotSignedIn("the provider did not sign you in", hint="Begin again.")
            anew = bool(carried["session"])
            if anew and carried["session"] != tokens.hashed(session).hex():
                raise NotSignedIn("your session has changed meanwhile", hint="Begin again.")
            signed = self._provider.exchange(code, carried["verifier"])
            wanted = Wanted(
                issuer=self._provider.registration.issuer,
                client_id=self._provider.registration.client_id,
                nonce=carried["nonce"],
                groups_claim=self._terms.groups_claim,
                now=self._seconds(),
                anew_since=carried["at"] if anew else None,
            )
            told = check(signed.claims, signed.alg, signed.access_token, wanted)
            who = self._identity.who(session) if anew else None
            with self._lock:  # nobody is made twice
                person = self._admit(told, who.person if who else None)
        except (NotSignedIn, NotAllowed):
            self._identity.refused("handrail")
            raise
        ends_at = to_us(self._clock.now() + self._terms.age)
        token, found = self._identity.new_session(
            person,
            who.via if who else "console",
            EventType.STEPPED_UP if anew else EventType.SIGNED_IN,
            by="provider",
            ends=tokens.hashed(session) if anew else None,
            # Without a word of the provider it is no fresh sign-in: tier 3 asks again.
            signed_in_at=min((told.auth_time or 0) * _SECOND, to_us(self._clock.now())),
            expires_at=ends_at,
        )
        return Back(token, found, carried["to"], carried["kept"], anew)

    def _seconds(self) -> int:
        return to_us(self._clock.now()) // _SECOND

    # --- who it is here ---------------------------------------------------------------------

    def _admit(self, told: Told, must_be: str | None) -> str:
        """The person that *told* is, with the roles their groups give; made if they are new.

        With *must_be*, it must be that person. Raises `NotSignedIn` and `NotAllowed`."""
        issuer = self._provider.registration.issuer
        trusted = bool(told.email) and (told.verified or self._terms.trust_email)
        new = NewPerson(ids.new("per", self._clock.now(), secrets.token_bytes(10)))
        with self._store.read() as reader:
            linked = reader.row("subject", issuer, told.subject)
            by_email = next((p["id"] for p in reader.people() if p["email"] == told.email), None)
            candidate = linked["person"] if linked else by_email
            other = reader.subject(issuer, candidate) if candidate and not linked else None
            held = list(reader.roles(candidate)) if candidate else []
            sessions = [s["hash"] for s in reader.sessions(candidate)] if candidate else []
        if must_be is not None and candidate != must_be:
            raise NotSignedIn("you signed in there as somebody else", hint="Sign in as yourself.")
        if linked is None and not trusted:
            raise NotAllowed(
                "the provider has not made sure of your e-mail address",
                hint="It must send `email` and `email_verified`; ask who runs it.",
            )
        if other is not None:
            raise NotAllowed(
                "somebody else at the provider signs in with your e-mail address",
                hint="Ask the service desk manager.",
            )

        def unit(view: View) -> Rows:
            wanted = frozenset(
                (role, client)
                for role, client in self._terms.groups.of(told.groups)
                if not client or view.client(client) is not None
            )
            person = candidate or new.id
            writes: list[Write] = []
            events: list[Event] = []
            if candidate is None:
                if not wanted:
                    raise NotAllowed(_NOTHING, hint=_HINT)
                writes += new.rows(told.name or told.email, told.email, None, view.now)
                events.append(Event(EventType.PERSON_ADDED, "handrail", facts={"person": new.id}))
            else:
                row = view.row("person", person)
                if row is None or not row["active"]:
                    raise NotAllowed("this person is not active any more")
            if view.row("subject", issuer, told.subject) is None:
                link = {
                    "issuer": issuer,
                    "subject": told.subject,
                    "person": person,
                    "at": view.now,
                }
                writes.append(Put("subject", link))
            changed, said = self._roles(view, person, held, wanted)
            by_hand = [
                r
                for r in held
                if r["until"] is None
                and view.row("person_role", person, r["role"], r["client"]) is not None
            ]
            left = candidate is not None and not wanted and not by_hand
            if left:
                changed += [Drop("session", (h,)) for h in sessions if view.row("session", h)]
            return Rows(
                (*writes, *changed), (*events, *said), control=bool(events or said),
                answer=(person, left),
            )  # fmt: skip

        (person, left), _ = self._store.commit(unit)
        if left:
            raise NotAllowed(_NOTHING, hint=_HINT)
        return str(person)

    def _roles(
        self, view: View, person: str, held: list[Row], wanted: frozenset[tuple[str, str]]
    ) -> tuple[list[Write], list[Event]]:
        """What makes the roles from groups those *wanted*, and nothing else."""
        until = view.now + self._terms.age // timedelta(microseconds=1)
        writes: list[Write] = []
        events: list[Event] = []
        for row in held:
            key = (person, row["role"], row["client"])
            now = view.row("person_role", *key)
            if now is None or now["until"] is None or key[1:] in wanted:
                continue
            writes.append(Drop("person_role", key))
            if now["lapsed_at"] is None:
                events.append(_event(EventType.ROLE_ENDED, key))
        for role, client in sorted(wanted):
            key = (person, role, client)
            now = view.row("person_role", *key)
            if now is None:
                writes += role_puts(person, [(role, client)], view.now, "handrail", until)
                events.append(_event(EventType.ROLE_GRANTED, key))
            elif now["until"] is not None:
                if now["lapsed_at"] is not None or now["until"] <= view.now:
                    events.append(_event(EventType.ROLE_GRANTED, key))
                writes.append(Change("person_role", key, {"until": until, "lapsed_at": None}))
        return writes, events


_HINT = "Ask for a group that this program knows; the how-to lists which."
_NOTHING = "your groups at the provider give you nothing to do here"


def _event(kind: EventType, key: tuple[str, str, str]) -> Event:
    facts: dict[str, Any] = {"person": key[0], "role": key[1], "client": key[2], "why": "groups"}
    return Event(kind, "handrail", None, (key[2],) if key[2] else (), facts)
