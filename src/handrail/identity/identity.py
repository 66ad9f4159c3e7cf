"""Who is who, for the doors: agents by key, people by session.

* Only hashes of keys and tokens are stored; a token is 256 random bits.
* Signing in and stepping up make a new token: none that existed before is ever raised.
* A person who leaves is out with the same commit (`service.people`): every look-up reads the
  person and the session together.
* A try counts before its password is looked at; who guesses from one place does not shut out who
  signs in from another.
* Nothing of a secret, nor an e-mail address, ever stands in a leaf.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from handrail.clock import Clock, from_us, to_us
from handrail.core import ids
from handrail.core.events import EventType
from handrail.core.model import Agent, SignedIn
from handrail.errors import BadInput, Closed, NotAllowed, NotFound, NotSignedIn, StepUpNeeded
from handrail.identity import passwords
from handrail.identity.limits import Limit
from handrail.privacy import tokens
from handrail.store import nouns
from handrail.store.contract import Change, Drop, Event, Put, Row, Rows, Store, View
from handrail.store.newcomer import LINK_LIFE, NewPerson, role_puts

_WINDOW = timedelta(minutes=15)
CONSOLE_SESSION = timedelta(hours=12)
CLI_SESSION = timedelta(days=30)
_NEVER = 1 << 62  # microseconds
DEVICE_LIFE = timedelta(minutes=10)
DEVICE_INTERVAL = 2  # seconds between polls
#: Confirming a terminal makes a session that may approve, so an older sign-in may not do it.
CONFIRM_AGE = timedelta(minutes=15)
#: What the first person may do, so that one person alone can start.
FIRST_ROLES = (
    "service-desk-manager",
    "on-call-senior",
    "account-engineer",
    "security-lead",
    "operations-leadership",
    "compliance-officer",
)


@dataclass(frozen=True, slots=True)
class DeviceStart:
    """A sign-in begun on a terminal: the code to keep, the code to type, and for how long."""

    device_code: str
    user_code: str
    expires_in: int  #: seconds
    interval: int  #: seconds between polls


class Identity:
    """Answers the doors' one question: who is this?"""

    def __init__(self, store: Store, clock: Clock, *, with_passwords: bool = True) -> None:
        self._store = store
        self._clock = clock
        #: Whether a password signs anybody in (`HANDRAIL_PASSWORDS`).
        self.with_passwords = with_passwords
        #: From one address: for one name, and for all. For one name from everywhere: more, so
        #: that guessing elsewhere does not keep an approver out, and few enough to be hopeless.
        self._by_place = Limit(5, _WINDOW)
        self._by_address = Limit(30, _WINDOW)
        self._by_name = Limit(50, _WINDOW)
        self._by_person = Limit(5, _WINDOW)
        self._codes = Limit(5, _WINDOW, "too many wrong codes")
        self._starts = Limit(300, _WINDOW, "too many sign-ins begun on terminals")

    # --- agents -----------------------------------------------------------------------------

    def agent_of(self, key: str) -> Agent:
        """The agent behind *key*. Raises `NotSignedIn` for an unknown, expired or revoked key,
        or an agent that is suspended or past its end."""
        now = to_us(self._clock.now())
        with self._store.read() as reader:
            row = reader.row("agent_key", tokens.hashed(key))
            agent = reader.row("agent", row["agent"]) if row is not None else None
        if row is None or agent is None:
            raise NotSignedIn("this key is not known", hint="Ask the agent's sponsor for a key.")
        if row["revoked_at"] is not None or _past(row, now):
            raise NotSignedIn("this key is revoked or expired")
        if agent["suspended"] or _past(agent, now):
            raise NotSignedIn("this agent is suspended or its registration has ended")
        return nouns.agent(agent)

    # --- people -----------------------------------------------------------------------------

    def who(self, token: str) -> SignedIn:
        """The person behind a session token. Raises `NotSignedIn`."""
        with self._store.read() as reader:
            session = reader.row("session", tokens.hashed(token))
            person = reader.row("person", session["person"]) if session is not None else None
        now = to_us(self._clock.now())
        if session is None or person is None or not person["active"]:
            raise NotSignedIn("you are not signed in")
        if _past(session, now):
            raise NotSignedIn("your session has ended")
        return _signed_in(session, person)

    def sign_in(
        self, email: str, password: str, *, via: str = "console", address: str = ""
    ) -> tuple[str, SignedIn]:
        """Sign in by password; return a new token and who it stands for.

        Raises `NotSignedIn`, the same for an unknown name and a wrong password, and `TooMany`.
        """
        self._by_password()
        name, now = email.strip().casefold(), self._clock.monotonic()
        limits = [(self._by_address, address)] if address else []
        limits += [(self._by_place, f"{address} {name}"), (self._by_name, name)]
        for limit, key in limits:
            limit.take(key, now)
        with self._store.read() as reader:
            person = next((p for p in reader.people() if p["email"] == name), None)
        right = passwords.verify(password, person["password"] if person else None)
        if person is None or not right or not person["active"]:
            self.refused("handrail")
            raise NotSignedIn("this e-mail address and password do not go together")
        for limit, key in limits:
            limit.give_back(key)
        return self.new_session(person["id"], via, EventType.SIGNED_IN)

    def step_up(self, token: str, password: str) -> tuple[str, SignedIn]:
        """Sign in again for a decision: the old token ends, a new one is returned.

        Raises `NotSignedIn` and `TooMany`; then the old one stands as it was."""
        self._by_password()
        who = self.who(token)
        self._by_person.take(who.person, self._clock.monotonic())
        with self._store.read() as reader:
            person = reader.row("person", who.person)
        if person is None or not passwords.verify(password, person["password"]):
            self.refused(f"person:{who.person}")
            raise NotSignedIn("this is not your password")
        self._by_person.give_back(who.person)
        return self.new_session(
            who.person, who.via, EventType.STEPPED_UP, ends=tokens.hashed(token)
        )

    def _by_password(self) -> None:
        """Raise `NotAllowed` where the operator has switched passwords off."""
        if not self.with_passwords:
            raise NotAllowed(
                "passwords are switched off here",
                hint="Sign in with single sign-on or a passkey.",
            )

    def sign_out(self, token: str) -> None:
        """End the session. Signing out twice is signing out."""
        key = tokens.hashed(token)

        def unit(view: View) -> Rows:
            session = view.row("session", key)
            if session is None:
                return Rows()
            event = Event(EventType.SIGNED_OUT, f"person:{session['person']}")
            return Rows((Drop("session", (key,)),), (event,))

        self._store.commit(unit)

    def refused(self, principal: str) -> None:
        """Record that somebody was refused."""
        event = Event(EventType.SIGN_IN_FAILED, principal)
        self._store.commit(lambda view: Rows(events=(event,)))

    def new_session(
        self,
        person: str,
        via: str,
        kind: EventType,
        *,
        by: str = "password",
        ends: bytes | None = None,
        signed_in_at: int | None = None,
        expires_at: int | None = None,
    ) -> tuple[str, SignedIn]:
        """A new session of *person*, signed in *by* a password, the provider, …; the session whose
        hash is *ends* is over with it. It ends after its usual life or at *expires_at*, whichever
        comes first. Raises `NotSignedIn` for someone who has left."""
        token, csrf = tokens.session_token(), secrets.token_urlsafe(24)
        life = CLI_SESSION if via == "cli" else CONSOLE_SESSION

        def unit(view: View) -> Rows:
            row = view.row("person", person)
            if row is None or not row["active"]:
                raise NotSignedIn("this person is not active any more")
            session = {
                "hash": tokens.hashed(token),
                "person": person,
                "csrf": csrf,
                "via": via,
                "at": view.now,
                "signed_in_at": view.now if signed_in_at is None else signed_in_at,
                "expires_at": min(
                    view.now + life // timedelta(microseconds=1),
                    expires_at if expires_at is not None else _NEVER,
                ),
            }
            writes: list[Put | Drop] = [Put("session", session)]
            if ends is not None:
                if view.row("session", ends) is None:
                    raise NotSignedIn("your session has ended")
                writes.append(Drop("session", (ends,)))
            event = Event(kind, f"person:{person}", facts={"via": via, "by": by})
            return Rows(tuple(writes), (event,), answer=_signed_in(session, row))

        who, _ = self._store.commit(unit)
        return token, who

    # --- the first person, and invited ones -------------------------------------------------

    def set_up_link(self) -> str | None:
        """A new one-time link token while there is no person yet; None afterwards."""
        token = tokens.session_token()

        def unit(view: View) -> Rows:
            if any(True for _ in view.people()):
                return Rows()
            link = {
                "hash": tokens.hashed(token),
                "person": None,
                "at": view.now,
                "expires_at": view.now + LINK_LIFE // timedelta(microseconds=1),
            }
            return Rows((Put("set_up_link", link),), answer=token)

        found, _ = self._store.commit(unit)
        return str(found) if found else None

    def invite(self, email: str) -> str | None:
        """The path of a new one-time link for someone who has no password yet; else None.

        Called where the program is started, by whoever may start it; never by a door."""
        token = tokens.session_token()
        with self._store.read() as reader:
            person = next((p for p in reader.people() if p["email"] == email), None)
        if person is None or person["password"] is not None:
            return None

        def unit(view: View) -> Rows:
            link = {
                "hash": tokens.hashed(token),
                "person": person["id"],
                "at": view.now,
                "expires_at": view.now + LINK_LIFE // timedelta(microseconds=1),
            }
            return Rows((Put("set_up_link", link),))

        self._store.commit(unit)
        return f"/setup/{token}"

    def link(self, token: str) -> Row:
        """The link behind *token*. Raises `NotFound` when it is used, expired or unknown."""
        with self._store.read() as reader:
            row = reader.row("set_up_link", tokens.hashed(token))
        if row is None or _past(row, to_us(self._clock.now())):
            raise NotFound("this link is used or has ended", hint="Ask for a new one.")
        return row

    def set_up(self, token: str, name: str, email: str, password: str) -> tuple[str, SignedIn]:
        """Use a link: makes the first person, or gives an invited one their password."""
        self.link(token)  # before the work of hashing
        new = NewPerson(ids.new("per", self._clock.now(), secrets.token_bytes(10)))
        stored = passwords.hash_password(password)
        key = tokens.hashed(token)

        def unit(view: View) -> Rows:
            link = view.row("set_up_link", key)
            if link is None or _past(link, view.now):
                raise Closed("this link was used or has ended meanwhile")
            invited = link["person"]
            if invited is None:
                if any(True for _ in view.people()):
                    raise Closed("someone has set this up already", hint="Sign in instead.")
                person, puts = new.id, new.rows(name, email, stored, view.now)
                puts += role_puts(new.id, [(r, "") for r in FIRST_ROLES], view.now, new.id)
                event = Event(EventType.SET_UP, f"person:{new.id}")
            else:
                self._by_password()
                person = invited
                row = view.row("person", invited)
                if row is None or not row["active"]:
                    raise NotSignedIn("this person is not active any more")
                if row["password"] is not None:
                    # An older link of the same person must not be a second way in.
                    raise Closed("you have a password already", hint="Sign in with it.")
                puts = [Change("person", (invited,), {"password": stored})]
                event = Event(
                    EventType.PERSON_CHANGED, f"person:{invited}", facts={"what": "a password"}
                )
            writes = (*puts, Drop("set_up_link", (key,)))
            return Rows(writes, (event,), control=True, answer=person)

        person, _ = self._store.commit(unit)
        return self.new_session(str(person), "console", EventType.SIGNED_IN, by="link")

    # --- sign-in from a terminal (RFC 8628 in spirit) ---------------------------------------

    def device_start(self) -> DeviceStart:
        """Begin a sign-in from a terminal. Raises `TooMany`: anyone may, so it is bounded."""
        self._starts.take("", self._clock.monotonic())
        device, user = tokens.session_token(), tokens.user_code()

        def unit(view: View) -> Rows:
            row = {
                "hash": tokens.hashed(device),
                "user_code": user,
                "person": None,
                "at": view.now,
                "expires_at": view.now + DEVICE_LIFE // timedelta(microseconds=1),
            }
            return Rows((Put("device", row),))

        self._store.commit(unit)
        return DeviceStart(device, user, int(DEVICE_LIFE.total_seconds()), DEVICE_INTERVAL)

    def device_confirm(self, who: SignedIn, user_code: str) -> None:
        """The signed-in person confirms the code that their terminal shows. Raises `StepUpNeeded`
        when they signed in too long ago: a stale session would make itself a fresh one."""
        if self._clock.now() - who.signed_in_at > CONFIRM_AGE:
            raise StepUpNeeded("confirming a terminal needs a recent sign-in")
        code = "".join(c for c in user_code.upper() if c.isalpha())
        if len(code) != 8:
            raise BadInput("the code has eight letters", hint="Type it as your terminal shows it.")
        shown = f"{code[:4]}-{code[4:]}"
        self._codes.take(who.person, self._clock.monotonic())
        with self._store.read() as reader:
            row = reader.device(shown)
        if row is None:
            raise NotFound("no terminal waits with this code")
        self._codes.give_back(who.person)

        def unit(view: View) -> Rows:
            device = view.row("device", row["hash"])
            if device is None or _past(device, view.now):
                raise NotFound("this code has ended", hint="Run `handrail login` again.")
            if device["person"] is not None:
                raise Closed("this code was confirmed already")
            # From here on ``at`` is when whoever confirmed had signed in: the terminal's session
            # is as fresh as that, and no fresher.
            values = {"person": who.person, "at": to_us(who.signed_in_at)}
            return Rows((Change("device", (row["hash"],), values),))

        self._store.commit(unit)

    def device_poll(self, device_code: str) -> str | None:
        """The session token once a person has confirmed, exactly once; None until then.

        Raises `NotFound` for a code that is unknown, used or expired."""
        key = tokens.hashed(device_code)

        def unit(view: View) -> Rows:
            device = view.row("device", key)
            if device is None or _past(device, view.now):
                raise NotFound("this sign-in has ended", hint="Run `handrail login` again.")
            if device["person"] is None:
                return Rows()
            return Rows((Drop("device", (key,)),), answer=device)

        device, _ = self._store.commit(unit)
        if device is None:
            return None
        # Dying here loses the code and gives nobody a session: they run `handrail login` again.
        token, _ = self.new_session(
            device["person"],
            "cli",
            EventType.SIGNED_IN,
            by="terminal",
            signed_in_at=device["at"],
        )
        return token


def _past(row: Row, now: int) -> bool:
    return row["expires_at"] is not None and row["expires_at"] <= now


def _signed_in(session: Row, person: Row) -> SignedIn:
    return SignedIn(
        person=person["id"],
        name=person["name"],
        signed_in_at=from_us(session["signed_in_at"]),
        via=session["via"],
        csrf=session["csrf"],
    )
