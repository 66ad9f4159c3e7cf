"""The ring-me test: has a channel provably reached this person? (SPEC 5)

* A code goes to the person's channels, never to the page that asked for it; typing it while signed
  in as that person proves that they read there. Opening anything proves nothing.
* A code is good for fifteen minutes, for one person, for five tries, and once. It is kept in memory
  only: after a restart one rings again.
* So does an answer to a proposal by somebody whom a channel that carries words told of it.
* The proof holds for `reached_within` of the policy, a month. A role is covered by a holder with
  one, and by nobody else.
"""

import hmac
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handrail.channels.contract import Message
from handrail.clock import Clock, rfc3339
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import NotAllowed, NotSent, TooMany
from handrail.privacy import tokens
from handrail.service import rights
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.service.telling import Telling
from handrail.store.contract import Change, Event, Rows, Store, View

LIFE = timedelta(minutes=15)  #: of a code
_TRIES = 5
_AGAIN = timedelta(minutes=1)  #: between two rings of one person
_TOLD = 2_000  # messages remembered until they are answered
_RENEW = timedelta(days=1)  # an older proof is renewed by an answer


@dataclass(slots=True)
class _Code:
    hash: bytes
    channel: str
    at: datetime
    tries: int = 0


class Ring:
    """Rings people and takes their codes. *telling* is over channels that carry words: an open
    console shows no code."""

    def __init__(
        self, store: Store, telling: Telling, policies: Policies, keeper: Keeper, clock: Clock
    ) -> None:
        self._store = store
        self._policies = policies
        self._telling = telling
        self._keeper = keeper
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._told: dict[tuple[str, str], str] = {}  # (person, proposal) → channel

    def told(self, person: str, proposal: str, channel: str) -> None:
        """Remember that *channel* took a message to *person* about *proposal*. Kept in memory: what
        a restart forgets proves nothing."""
        if channel not in self._telling.names:
            return  # an open page shows that somebody is there, not that a message reaches them
        with self._lock:
            while len(self._told) >= _TOLD:
                self._told.pop(next(iter(self._told)))
            self._told[person, proposal] = channel

    def answered(self, who: SignedIn, proposal: str) -> None:
        """*who* answered *proposal*: where they had been told of it, that reached them. Opening it
        would prove nothing: programs open what is in a mail, in a signed-in browser too."""
        with self._lock:
            channel = self._told.pop((who.person, proposal), None)
        person = self._keeper.current().people.get(who.person)
        now = self._clock.now()
        if channel is None or person is None:
            return
        if person.reached_at is None or now - person.reached_at > _RENEW:
            self._proved(who, channel)

    def ring(self, who: SignedIn) -> dict[str, Any]:
        """Send *who* a code over their channels; return the channel that took it, and until when
        the code is good. Raises `NotSent` when none did, `TooMany` within a minute."""
        person = self._keeper.current().people.get(who.person)
        if person is None or not person.active:
            raise NotAllowed("this person is not active any more")
        now = self._clock.now()
        code = tokens.user_code()
        with self._lock:
            last = self._codes.get(person.id)
            if last is not None and now - last.at < _AGAIN:
                left = _AGAIN - (now - last.at)
                raise TooMany("you were rung just now", retry_after=int(left.total_seconds()) + 1)
            made = self._codes[person.id] = _Code(tokens.hashed(code), "", now)
        message = Message(
            ref="ring",
            kind="ring",
            title="Does Handrail reach you?",
            lines=(f"Code: {code}", f"Good until {now + LIFE:%H:%M} UTC, for you only"),
            path="/settings/availability",
            until=now + LIFE,
        )
        channel = self._telling.reach(person, message)
        if channel is None:
            with self._lock:
                self._codes.pop(person.id, None)
            raise NotSent(
                "no channel took it", hint="`handrail doctor` says what is wrong with the channels."
            )
        with self._lock:
            made.channel = channel
        return {"channel": channel, "until": rfc3339(now + LIFE)}

    def confirm(self, who: SignedIn, code: str) -> dict[str, Any]:
        """Take the code that reached *who*. Raises `NotAllowed` for any other."""
        now = self._clock.now()
        with self._lock:
            made = self._codes.get(who.person)
            if made is None or now - made.at > LIFE or made.tries >= _TRIES:
                raise NotAllowed("no code is good now", hint="Ring again.")
            made.tries += 1
            if not hmac.compare_digest(made.hash, tokens.hashed(code.strip().upper())):
                raise NotAllowed("this is not the code", hint="Read it again, or ring again.")
            del self._codes[who.person]

        self._proved(who, made.channel)
        within = self._policies.current().settings.reached_within
        return {"channel": made.channel, "until": rfc3339(now + within)}

    def _proved(self, who: SignedIn, channel: str) -> None:
        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            change = Change("person", (person.id,), {"reached_at": view.now})
            facts = {"channel": channel}
            return Rows(
                (change,), (Event(EventType.PERSON_REACHED, f"person:{person.id}", facts=facts),)
            )

        self._store.commit(unit)
