"""The policy in force: published by people, versioned, digested, never replaced by a bad one.

A change that can lower oversight takes two people; whether it can is computed (I27). The very
first version of a fresh installation is published with the set-up, by the person who sets up. A
folder that is watched (`service.folder`) publishes by itself only what lowers nothing.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handrail.core import policy as document
from handrail.core.defaults import Settings
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.core.policy import Policy
from handrail.core.policy_check import check
from handrail.core.policy_difference import Comparison, compare
from handrail.errors import Conflict, NotAllowed, NotFound, PolicyInvalid, Problem
from handrail.service import codec, rights
from handrail.service.known import Keeper
from handrail.store.contract import Event, Put, Rows, Store, View

if TYPE_CHECKING:
    from handrail.service.folder import Folder
    from handrail.service.freezes import Source

#: Who may publish a policy.
OWNERS = ("service-desk-manager", "operations-leadership")
_KEPT = 16  # compiled versions kept for reversals of older actions


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found in the files of a policy, and what changes from the one in force. Without a
    *policy* there are errors that keep it from loading; with any error it is not published."""

    policy: Policy | None
    problems: tuple[Problem, ...]
    difference: Comparison | None

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")


class Policies:
    """Compiles, keeps and publishes policy versions."""

    def __init__(self, store: Store, keeper: Keeper | None = None) -> None:
        self._store = store
        self._keeper = keeper or Keeper(store)
        self.watched: Folder | None = None  #: the folder that this process watches
        #: how the calendars stand that freezes of the policy in force name
        self.sources: Callable[[], Sequence[Source]] = list
        self._lock = threading.Lock()
        self._compiled: dict[str, Policy] = {}
        self._current = ""
        with store.read() as reader:
            newest = reader.policy()
        if newest is not None:
            self._current = newest["digest"]

    @property
    def any(self) -> bool:
        """Whether a policy was ever published."""
        return bool(self._current)

    def current(self) -> Policy:
        """The policy in force. Raises `NotFound` before the first is published."""
        return self.version(self._current)

    def heartbeat(self) -> timedelta:
        """How long the record may be silent; the default before there is a policy."""
        return (self.current().settings if self._current else Settings()).heartbeat

    def version(self, digest: str) -> Policy:
        """A published version by its digest."""
        compiled = self._compiled.get(digest)
        if compiled is not None:
            return compiled
        with self._store.read() as reader:
            row = next((r for r in reader.policies() if r["digest"] == digest), None)
        if row is None:
            raise NotFound(
                "no policy is in force",
                hint="Publish one: First steps in the console, or handrail serve --policy DIR.",
            )
        return self._keep(document.load(codec.load(row["files"])))

    def files(self, version: str) -> Mapping[str, str] | None:
        """The files of a published version: by number, by how its digest begins (at least eight
        characters), or *current*. None where there is no such version."""
        with self._store.read() as reader:
            rows = reader.policies()
        for row in rows:
            begins = len(version) >= 8 and row["digest"].startswith(version)
            newest = version == "current" and row["digest"] == self._current
            if begins or newest or version == str(row["n"]):
                found: Mapping[str, str] = codec.load(row["files"])
                return found
        return None

    def look(self, files: Mapping[str, str], *, people: bool = True) -> Looked:
        """Check *files* and compare them with the policy in force; publish nothing. With *people*
        also who of today's people stands behind its roles and chains."""
        known = self._keeper.current()
        clients = sorted(known.clients.values(), key=lambda c: c.id)
        everyone = list(known.people.values()) if people else None
        policy, problems = check(files, people=everyone, clients=clients)
        if policy is None:
            return Looked(policy=None, problems=problems, difference=None)
        old = self.current() if self._current else None
        return Looked(policy=policy, problems=problems, difference=compare(old, policy, clients))

    def publish(
        self,
        who: SignedIn | None,
        files: Mapping[str, str],
        *,
        second: SignedIn | None = None,
        folder: bool = False,
    ) -> dict[str, Any]:
        """Make *files* the policy in force.

        ``who`` is None only for the first version, at set-up, and for a watched *folder*. Raises
        `PolicyInvalid` with every problem, `Conflict` when it is in force already, and
        `NotAllowed` when it can lower oversight and fewer than two people stand behind it.
        """
        new, problems = check(files)
        wrong = [p for p in problems if p.severity == "error"]
        if new is None or wrong:
            raise PolicyInvalid(wrong)
        old = self.current() if self._current else None
        if old is not None and new.digest == old.digest:
            raise Conflict("this policy is in force already")
        laxer = document.laxer(old, new) if old is not None else ()

        def unit(view: View) -> Rows:
            if view.policy != self._current:
                raise Conflict("another policy was published meanwhile", hint="Look at it first.")
            people = [_owner(view, p) for p in (who, second) if p is not None]
            if old is not None and not people and not folder:
                raise NotAllowed("publishing a policy takes a signed-in person")
            if laxer and len(set(people)) < 2:
                raise NotAllowed(
                    "this change can lower oversight and takes two people: " + laxer[0],
                    hint="A second person with authority must publish it too.",
                )
            n = 1
            while view.row("policy_version", n) is not None:
                n += 1
            by = people[0] if people else "handrail"
            row = {
                "n": n,
                "digest": new.digest,
                "document": codec.dump(new.document),
                "files": codec.dump(dict(files)),
                "by": by,
                "at": view.now,
            }
            event = Event(
                EventType.POLICY_PUBLISHED,
                f"person:{by}" if people else "handrail",
                None,
                (),
                {"n": n, "digest": new.digest, "laxer": len(laxer), "people": len(set(people))},
            )
            return Rows((Put("policy_version", row),), (event,), control=True, answer=n)

        with self._lock:
            self._keep(new)  # before the commit: no call may see a digest it cannot find
            n, _ = self._store.commit(unit)
            self._current = new.digest
        return {"n": n, "digest": new.digest, "laxer": list(laxer)}

    def _keep(self, policy: Policy) -> Policy:
        if len(self._compiled) >= _KEPT:
            for digest in list(self._compiled)[: _KEPT // 2]:
                if digest != self._current:
                    del self._compiled[digest]
        self._compiled[policy.digest] = policy
        return policy


def _owner(view: View, who: SignedIn) -> str:
    return rights.holder(view, who, OWNERS, "publishing a policy").id
