"""Drafts of the next policy: written, looked at, signed and published by people (I27, SPEC 2).

* A draft begins as a copy of the policy in force. Whoever has authority over the policy may write
  in it; each of its rows is signed by those whose signature it needs, as themselves.
* Publishing what can lower oversight takes two people, each in a session of their own: the first
  proposes, another publishes. Both mean one content, named by its digest; writing in a proposed
  draft takes the proposal back.
* A draft whose beginning is no longer in force is not published over what came meanwhile.

What is wrong with a draft, and what it changes in words, is `core.policy_check`'s and
`core.policy_difference`'s to say; putting it in force is `Policies`'.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from handrail.clock import from_us
from handrail.core.events import EventType
from handrail.core.model import Person, SignedIn
from handrail.core.policy import SIGNERS, MatrixRow
from handrail.errors import (
    BadInput,
    Closed,
    Conflict,
    NotAllowed,
    NotFound,
    PolicyInvalid,
    TooLarge,
)
from handrail.service import codec, rights, shown
from handrail.service.draw import Draw
from handrail.service.known import Keeper
from handrail.service.policies import OWNERS, Policies
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

_WRITING = "writing the policy"
MOST_FILES = 2000
MOST_TEXT = 8 << 20  # characters of all files together
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\.(yaml|yml|ics)")
_OPEN = ("open", "proposed")
Edit = Callable[[View, Person, dict[str, str]], dict[str, str]]


class Drafts:
    """What people do to the next policy before it is in force."""

    def __init__(self, store: Store, policies: Policies, keeper: Keeper, draw: Draw) -> None:
        self._store = store
        self._policies = policies
        self._keeper = keeper
        self._draw = draw

    # --- looking ----------------------------------------------------------------------------

    def open(self) -> list[dict[str, Any]]:
        """Drafts that are not published or withdrawn, newest first, without their files."""
        with self._store.read() as reader:
            rows = reader.policy_drafts()
        return [self._summary(row) for row in rows]

    def show(self, id: str) -> dict[str, Any]:
        """One draft whole: files, problems, what it changes, who is still needed."""
        row = self._row(id)
        files: dict[str, str] = codec.load(row["files"])
        looked = self._policies.look(files)
        policy, difference = looked.policy, looked.difference
        return {
            **self._summary(row),
            "files": files,
            "digest": digest(files),
            "problems": [
                {"file": p.file, "line": p.line, "message": p.message, "hint": p.hint,
                 "severity": p.severity}
                for p in looked.problems
            ],
            "publishable": policy is not None and not looked.errors,
            "sentence": difference.sentence if difference else "",
            "types": [
                {"type": t.type, "why": list(t.why),
                 "stricter": None if t.stricter is None else list(t.stricter),
                 "laxer": None if t.laxer is None else list(t.laxer)}
                for t in (difference.types if difference else ())
            ],
            "stricter": list(difference.stricter) if difference else [],
            "laxer": list(difference.laxer) if difference else [],
            "outdated": row["base"] != self._policies.current().digest,
            "unsigned": _unsigned(files, policy.rows if policy else {}),
        }  # fmt: skip

    # --- writing ----------------------------------------------------------------------------

    def start(
        self, who: SignedIn, why: str, files: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A new draft of *files*, by default a copy of what is in force; *why* says what for."""
        why = _why(why)
        if files is None:
            with self._store.read() as reader:
                newest = reader.policy()
            if newest is None:
                raise NotFound("no policy is in force", hint="handrail serve --policy DIR.")
            files = codec.load(newest["files"])
        _whole(files)
        id, base = self._draw.id("pol"), self._policies.current().digest

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            row = {
                "id": id,
                "base": base,
                "files": codec.dump(dict(files)),
                "why": why,
                "state": "open",
                "by": person.id,
                "at": view.now,
                "changed_at": view.now,
                "proposed_by": None,
                "ended_by": None,
                "ended_at": None,
            }
            event = Event(EventType.POLICY_DRAFTED, f"person:{person.id}", None, (), {"draft": id})
            return Rows((Put("policy_draft", row),), (event,))

        self._store.commit(unit)
        return {"id": id}

    def write(self, who: SignedIn, id: str, path: str, text: str | None, was: str) -> None:
        """Write the file *path* of a draft, or remove it (*text* None). *was* is the digest of the
        draft as the writer saw it: another person's writing is never lost under one's own."""
        if not _PATH.fullmatch(path):
            raise BadInput(
                f"{path[:80]!r} is no file of a policy",
                hint="Such as matrix/accounts.yaml, rules/clients.yaml or freezes.ics.",
            )

        def edit(view: View, person: Person, files: dict[str, str]) -> dict[str, str]:
            if text is None:
                files.pop(path, None)
            else:
                files[path] = text.replace("\r\n", "\n")
            return files

        self._edit(who, id, was, edit, owners=True)

    def sign(self, who: SignedIn, id: str, path: str, role: str, why: str, was: str) -> None:
        """Sign every row of the file *path* as *who*, in *role*, which they must hold."""
        why = _why(why)
        if role not in SIGNERS:
            raise BadInput(f"{role!r} signs no rows", hint=f"One of: {', '.join(sorted(SIGNERS))}.")

        def edit(view: View, person: Person, files: dict[str, str]) -> dict[str, str]:
            if not person.holds(role, None):
                raise NotAllowed(f"you do not hold the role {role}")
            if path not in files:
                raise NotFound(f"the draft has no file {path}")
            at = from_us(view.now).date().isoformat()
            signature = {"role": role, "by": person.name, "at": at, "why": why}
            return {**files, path: signed(files[path], signature)}

        self._edit(who, id, was, edit, owners=False)

    def withdraw(self, who: SignedIn, id: str) -> None:
        """End a draft unpublished."""

        def unit(view: View) -> Rows:
            person, row = rights.active(view, who), _open(view, id)
            if row["by"] != person.id:
                rights.holder(view, who, OWNERS, _WRITING)
            values = {"state": "withdrawn", "ended_by": person.id, "ended_at": view.now}
            event = Event(
                EventType.POLICY_WITHDRAWN, f"person:{person.id}", None, (), {"draft": id}
            )
            return Rows((Change("policy_draft", (id,), values),), (event,))

        self._store.commit(unit)

    # --- publishing -------------------------------------------------------------------------

    def publish(self, who: SignedIn, id: str, was: str) -> dict[str, Any]:
        """Put a draft in force, or propose it where that takes a second person.

        *was* is the digest of the content that *who* saw. Raises `PolicyInvalid` with what is
        wrong, `Conflict` when the content or the policy in force is another than was seen, and
        `NotAllowed` for the same person twice.
        """
        row = self._row(id)
        if row["state"] not in _OPEN:
            raise Closed(f"this draft is {row['state']}")
        files: dict[str, str] = codec.load(row["files"])
        _seen(files, was)
        if row["base"] != self._policies.current().digest:
            raise Conflict(
                "another policy was published since this draft began",
                hint="Start a new draft from the policy in force and write the change there.",
            )
        looked = self._policies.look(files)
        if looked.difference is None or looked.errors:
            raise PolicyInvalid(looked.errors)
        laxer = looked.difference.laxer
        first = row["proposed_by"]
        if laxer and first is None:
            self._propose(who, id, was, len(laxer))
            return {"id": id, "published": False, "laxer": list(laxer)}
        if first == who.person:
            raise NotAllowed(
                "you proposed this", hint="It can lower oversight: a second person publishes it."
            )
        proposer = _as_signed_in(first, who) if first else None
        done = self._policies.publish(proposer or who, files, second=who if proposer else None)

        def unit(view: View) -> Rows:
            values = {"state": "published", "ended_by": who.person, "ended_at": view.now}
            return Rows((Change("policy_draft", (id,), values),))

        self._store.commit(unit)
        return {"id": id, "published": True, **done}

    def submit(self, who: SignedIn, files: Mapping[str, str], why: str) -> dict[str, Any]:
        """Publish *files* at once, or leave them as a draft that a second person publishes.

        Raises like `publish`; what is wrong leaves no draft behind."""
        looked = self._policies.look(files)
        if looked.errors:
            raise PolicyInvalid(looked.errors)
        if looked.difference is None or not looked.difference.laxer:
            return {"id": None, "published": True, **self._policies.publish(who, files)}
        draft = self.start(who, why, files)["id"]
        return self.publish(who, draft, digest(files))

    # --- inside -----------------------------------------------------------------------------

    def _propose(self, who: SignedIn, id: str, was: str, laxer: int) -> None:
        def unit(view: View) -> Rows:
            person, row = rights.holder(view, who, OWNERS, _WRITING), _open(view, id)
            _seen(codec.load(row["files"]), was)
            if row["proposed_by"] is not None:
                raise Conflict("it was proposed meanwhile", hint="Look at it again.")
            values = {"state": "proposed", "proposed_by": person.id, "changed_at": view.now}
            facts = {"draft": id, "digest": was, "laxer": laxer}
            event = Event(EventType.POLICY_PROPOSED, f"person:{person.id}", None, (), facts)
            return Rows((Change("policy_draft", (id,), values),), (event,))

        self._store.commit(unit)

    def _edit(self, who: SignedIn, id: str, was: str, edit: Edit, *, owners: bool) -> None:
        def unit(view: View) -> Rows:
            person, row = rights.active(view, who), _open(view, id)
            if owners:
                rights.holder(view, who, OWNERS, _WRITING)
            files: dict[str, str] = codec.load(row["files"])
            _seen(files, was)
            written = edit(view, person, dict(files))
            _whole(written)
            values = {
                "files": codec.dump(written),
                "state": "open",
                "proposed_by": None,
                "changed_at": view.now,
            }
            return Rows((Change("policy_draft", (id,), values),))

        self._store.commit(unit)

    def _row(self, id: str) -> Row:
        with self._store.read() as reader:
            row = reader.row("policy_draft", id)
        if row is None:
            raise NotFound(f"no draft {id}")
        return row

    def _summary(self, row: Row) -> dict[str, Any]:
        people = self._keeper.current().people
        names = {p.id: p.name for p in people.values()}
        return {
            **{k: row[k] for k in ("id", "why", "state", "by", "proposed_by")},
            "by_name": names.get(row["by"], row["by"]),
            "proposed_by_name": names.get(row["proposed_by"] or "", ""),
            "at": shown.when(row["at"]),
            "changed_at": shown.when(row["changed_at"]),
        }


def digest(files: Mapping[str, str]) -> str:
    """SHA-256 over the files as they are written, hex: what a person saw of a draft."""
    return hashlib.sha256(orjson.dumps(dict(files), option=orjson.OPT_SORT_KEYS)).hexdigest()


_TOP = re.compile(r"^signatures:[ \t]*(#.*)?$", re.MULTILINE)
_ANY = re.compile(r"^signatures:", re.MULTILINE)
_FIRST = re.compile(r"^[A-Za-z_]+:", re.MULTILINE)


def signed(text: str, signature: Mapping[str, str]) -> str:
    """*text*, a file of rows, with *signature* above those that stand on top of it already.

    Comments and everything else stay as people wrote them. Raises `BadInput` where the list is
    written in a form that can't be added to.
    """
    words = ", ".join(f"{k}: {orjson.dumps(v).decode()}" for k, v in signature.items())
    line = f"  - {{{words}}}\n"
    if found := _TOP.search(text):
        end = found.end() + 1
        indented = re.match(r"([ \t]*)- ", text[end:])
        if indented is None:
            raise BadInput(
                "the signatures of this file are written in another form",
                hint="Write them as a list, one a line, and sign again.",
            )
        return text[:end] + indented[1] + line.lstrip() + text[end:]
    if _ANY.search(text):
        raise BadInput(
            "the signatures of this file stand on one line",
            hint="Write them as a list, one a line, and sign again.",
        )
    start = found.start() if (found := _FIRST.search(text)) else 0
    return f"{text[:start]}signatures:\n{line}{text[start:]}"


def _unsigned(files: Mapping[str, str], rows: Mapping[str, MatrixRow]) -> list[dict[str, Any]]:
    """Rows that still need signatures, by the file they stand in."""
    groups: dict[str, list[dict[str, Any]]] = {}
    missing: dict[str, set[str]] = {}
    for row in rows.values():
        lacks = SIGNERS - {s.role for s in row.signatures}
        if not lacks:
            continue
        path = next((p for p, t in files.items() if _stands_in(row.type, t)), "")
        missing.setdefault(path, set()).update(lacks)
        groups.setdefault(path, []).append(
            {"type": row.type, "tier": row.tier.wire, "says": row.says, "why": row.rationale,
             "scorecard": row.scorecard_shown(), "undo": row.rollback.kind if row.rollback else "none"}
        )  # fmt: skip
    return [
        {"file": path, "rows": found, "missing": sorted(missing[path]),
         "says": _comment(files.get(path, ""))}
        for path, found in sorted(groups.items())
    ]  # fmt: skip


def _stands_in(type: str, text: str) -> bool:
    return (
        re.search(rf"type:\s*[\"']?{re.escape(type)}[\"']?\s*([,}}#]|$)", text, re.MULTILINE)
        is not None
    )


def _comment(text: str) -> str:
    """What a file says about itself: the comment on its first lines."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        words = line.lstrip("# ").strip()
        if words and not words.startswith("yaml-language-server"):
            lines.append(words)
    return " ".join(lines)[:500]


def _whole(files: Mapping[str, str]) -> None:
    if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_TEXT:
        raise TooLarge(
            "the draft is too large", hint=f"{MOST_FILES} files, {MOST_TEXT >> 20} MB in all."
        )


def _seen(files: Mapping[str, str], was: str) -> None:
    if digest(files) != was:
        raise Conflict(
            "the draft changed while you had it open; nothing was done",
            hint="Reload it and look at what changed.",
        )


def _why(text: str) -> str:
    words = text.strip()
    if not words:
        raise BadInput("a reason is needed", hint="Say in a sentence what for.")
    return words[:1000]


def _open(view: View, id: str) -> Row:
    row = view.row("policy_draft", id)
    if row is None:
        raise NotFound(f"no draft {id}")
    if row["state"] not in _OPEN:
        raise Closed(f"this draft is {row['state']}")
    return row


def _as_signed_in(person: str, like: SignedIn) -> SignedIn:
    """The proposer, who said so in a session of their own; whether they still may is checked
    again where it is published."""
    return SignedIn(person=person, name="", signed_in_at=like.signed_in_at, via=like.via)
