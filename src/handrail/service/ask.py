"""Asking: a request is understood, its facts are looked up, it is judged, and the record of a
refusal is written. Nothing here executes, and nothing here decides for people."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from handrail.clock import Clock, from_us, to_us
from handrail.core import grant, importing
from handrail.core.action import State
from handrail.core.arguments import MAX_DEPTH, depth
from handrail.core.classify import judge, settle
from handrail.core.drafting import draft
from handrail.core.events import EventType
from handrail.core.model import (
    Action,
    Agent,
    Classification,
    Effect,
    Json,
    Request,
    Snapshot,
    Tier,
    Trigger,
)
from handrail.core.policy import MatrixRow, Policy, content_digest
from handrail.core.policy_load import drafted_row
from handrail.core.routing import designated
from handrail.core.shadow import Drafted
from handrail.errors import BadInput, HandrailError, NotAllowed, NotFound, TooLarge
from handrail.privacy.marks import Marks
from handrail.privacy.randomness import draw
from handrail.service import codec
from handrail.service.asked import Asked, definition_of
from handrail.service.begin import Begin
from handrail.service.begun import first_use
from handrail.service.codec import Sealed
from handrail.service.draw import Draw
from handrail.service.duty import Duty
from handrail.service.known import Keeper
from handrail.service.resolve import Resolver, reach_of
from handrail.store.contract import Put, Row, Rows, Store, View

MAX_ARGUMENTS = 1 << 20  # bytes
MAX_REASONING = 20_000  # characters

#: A reference that may stand in a leaf: an identifier by its shape, not a sentence about someone.
_PLAIN_REF = re.compile(r"[A-Za-z]{0,12}[-_#]?[0-9]{1,12}")


class Ask:
    """Understands requests. Holds the current policy by a callable, so that a publish is seen
    by the next call and never by half of one."""

    def __init__(
        self,
        store: Store,
        begin: Begin,
        resolver: Resolver,
        keeper: Keeper,
        policy: Callable[[], Policy],
        clock: Clock,
        draw: Draw,
        duty: Duty,
        marks: Marks,
    ) -> None:
        self._store = store
        self._marks = marks
        self._begin = begin
        self._resolver = resolver
        self._keeper = keeper
        self._policy = policy
        self._clock = clock
        self._draw = draw
        self._duty = duty

    def forget(self) -> None:
        """Read the small state again at the next call."""
        self._keeper.forget()

    def understand(
        self,
        agent: Agent,
        request: Request,
        *,
        meta: Mapping[str, Any],
        era: str,
        note: str = "",
    ) -> Asked:
        """Return the call with its identity, facts and judgement under the policy in force.

        Raises `BadInput` and `TooLarge` for what cannot be understood, `NotAllowed` when the
        agent has no right to the connection or the client, `NotFound` for an unknown connection
        or a withheld tool.
        """
        action_id, nonce = self._draw.id("act"), draw(16)
        return self._understand(
            agent, request, meta=meta, era=era, note=note, action_id=action_id, nonce=nonce
        )

    def again(self, agent: Agent, row: Row, sealed: Sealed, stored: Row) -> Asked:
        """Understand and judge an asked action anew, as the same action: for its release.

        *stored* is its `sealed` row. Raises like `understand`.
        """
        asked = self._understand(
            agent,
            sealed.request,
            meta=sealed.meta,
            era="legacy",
            note=sealed.note,
            action_id=row["id"],
            nonce=sealed.nonce,
        )
        digest = hashlib.sha256(bytes(stored["ciphertext"])).hexdigest()
        return replace(asked, sealed=(), sealed_digests={"request": digest})

    def _understand(
        self,
        agent: Agent,
        request: Request,
        *,
        meta: Mapping[str, Any],
        era: str,
        note: str,
        action_id: str,
        nonce: bytes,
    ) -> Asked:
        arguments = parse(request)
        policy = self._policy()
        now = self._clock.now()
        known = self._keeper.current()
        agent = known.agents.get(agent.id, agent)
        connection = known.connections.get(request.connection)
        kind, name = definition_of(request.kind, request.tool)
        tool = known.tools.get((request.connection, kind, name))
        if request.connection not in agent.connections or connection is None:
            raise NotFound(
                f"no connection {request.connection!r} for this agent",
                hint="Ask the agent's sponsor to add the connection to the agent.",
            )
        if tool is None or tool["state"] != "pinned":
            state = "unknown" if tool is None else tool["state"]
            raise NotFound(
                f"{request.type} is {state} and withheld from agents",
                hint="A person must look at its definition first (console: Settings, Connections).",
            )
        row = policy.row(request.type)
        resolved = self._resolver.resolve(
            request,
            arguments,
            agent,
            policy,
            row,
            known.clients,
            reach_of(connection["client"], connection["client_map"]),
            now,
        )
        clients = resolved.clients or ()
        outside = [c for c in clients if agent.clients and c not in agent.clients]
        if outside:
            raise NotAllowed(
                f"this agent may not act for {', '.join(outside)}",
                hint="Its registration limits it to other clients.",
            )
        action = Action(
            id=action_id,
            request=request,
            agent=agent.id,
            agent_version=agent.version,
            clients=clients,
            targets=resolved.targets,
            nonce=nonce,
            connection_digest=connection["digest"],
            tool_digest=tool["digest"],
            content_digests=resolved.contents,
            digest=b"",
            at=now,
        )
        action = _with_digest(action)
        judgement = judge(action, arguments, resolved.facts, policy)
        sealed = Sealed(
            request=request,
            nonce=nonce,
            meta=meta,
            facts={n: [f.value, f.source] for n, f in resolved.facts.by_name.items()},
            note=note,
        )
        put = self._begin.seal(
            f"{action_id}:request", clients[0] if clients else "", codec.seal_request(sealed)
        )
        content = content_digest(row, arguments) if row else None
        return Asked(
            agent=agent,
            epoch=known.epoch,
            action=action,
            arguments=arguments,
            meta=meta,
            era=era,
            facts=resolved.facts,
            judgement=judgement,
            policy=policy,
            row=row,
            effect=(row.effect if row else Effect.CHANGE).value,
            sentence=_sentence(row, action, arguments, past=False),
            said=_sentence(row, action, arguments, past=True),
            content=content,
            same=grant.same(
                agent=agent.id,
                type=request.type,
                clients=clients,
                targets=resolved.targets,
                arguments=request.arguments,
            ),
            body_digest=body_digest(request),
            sealed=(put,),
            sealed_digests={"request": hashlib.sha256(put.row["ciphertext"]).hexdigest()},
            stands=codec.stands(
                known.standings.get(request.type, ()),
                known.breakers,
                request.type,
                clients,
                to_us(now),
            ),
            leaf_facts=self._leaf_facts(action, resolved.facts, row, judgement.bucket),
        )

    def drafted(self, asked: Asked) -> Drafted | None:
        """What *asked* would meet by the row drafted from its tool's pinned definition, once that
        were signed; None where it has a row. Only for looking: no begin comes from it."""
        if asked.row is not None:
            return None
        request, known = asked.action.request, self._keeper.current()
        kind, name = definition_of(request.kind, request.tool)
        tool = known.tools.get((request.connection, kind, name))
        connection = known.connections.get(request.connection)
        row = (
            None
            if tool is None or kind != "tool"
            else _drafted(request.connection, tool["definition"])
        )
        if row is None or connection is None:
            return None
        resolved = self._resolver.resolve(
            request,
            asked.arguments,
            asked.agent,
            asked.policy,
            row,
            known.clients,
            reach_of(connection["client"], connection["client_map"]),
            self._clock.now(),
        )
        action = replace(asked.action, clients=resolved.clients or (), targets=resolved.targets)
        judgement = judge(action, asked.arguments, resolved.facts, asked.policy, draft=row)
        return Drafted(settle(judgement, asked.policy, Snapshot()), row.effect)

    def outlook(self, asked: Asked) -> Classification:
        """The classification at this moment, for a dry run: state included, nothing stored."""
        found: list[Classification] = []

        def unit(view: View) -> Rows:
            classification, _ = asked.settle(view)
            found.append(classification)
            return Rows()

        self._store.commit(unit)
        return found[-1]

    def prepare(self, asked: Asked, tier: Tier) -> Asked:
        """Read what must be read before the act: the *before* of its rollback (SPEC 4).

        For tier 2 and 3. A read that fails leaves no *before*; the notice and the reversal say
        so. Never raises.
        """
        template = asked.row.rollback if asked.row else None
        if tier is Tier.AUTONOMOUS or template is None or template.before is None:
            return asked
        try:
            arguments = template.before.arguments_for({"args": asked.arguments})
            before = self._begin.observe(
                asked.policy,
                template.before.read,
                arguments,
                purpose="snapshot",
                client=asked.client,
            )
        except HandrailError:
            return asked
        return with_before(asked, before, self._begin)

    def designated(self, asked: Asked, view: View) -> str:
        """The person whom a tier 2 notice of *asked* goes to first; empty when nobody holds the
        role now (the notice then walks the chain)."""
        if asked.row is None:
            return ""
        now = from_us(view.now)
        known = codec.clients_of(view, asked.action.clients)
        found = designated(
            asked.row.notify,
            asked.client,
            view.people(),
            asked.policy,
            now,
            known,
            self._duty.times(asked.policy, now),
        )
        return found or ""

    def refuse(self, asked: Asked, text: str, code: str) -> None:
        """Record that *asked* was refused: prohibited, incomplete, or over a limit."""

        def unit(view: View) -> Rows:
            first_use(view, asked)
            classification, state = asked.settle(view)
            put = asked.put(
                State.REFUSED, classification, view.now, ended_at=view.now, outcome=text
            )
            event = asked.event(EventType.ACTION_REFUSED, classification, state, why=code)
            return Rows((put, *asked.sealed), (event,))

        self._store.commit(unit)

    def leaf_ref(self, trigger: Trigger) -> list[str]:
        """A trigger as it may stand in a leaf: its reference only when it is plainly an id."""
        plain = _PLAIN_REF.fullmatch(trigger.ref) is not None
        kind = trigger.kind if _PLAIN_KIND.fullmatch(trigger.kind) else "other"
        return [kind, trigger.ref if plain else ""]

    def _leaf_facts(
        self, action: Action, facts: Any, row: MatrixRow | None, bucket: str
    ) -> dict[str, Any]:
        """Typed facts that hold no personal data: counts, classes and declared words only."""
        typed: dict[str, Any] = {}
        for name, fact in facts.by_name.items():
            known = name in _LEAF_FACTS or name.startswith("freeze.")
            if known and isinstance(fact.value, str | int | bool):
                typed[name] = fact.value
        counted: dict[str, Any] = {}  # what evidence is counted by (SPEC 7)
        if action.targets:
            counted["marks"] = self._marks.of(action.type, action.targets)
        if bucket:
            counted["bucket"] = bucket
        return {
            **counted,
            "type": action.type,
            "effect": (row.effect if row else Effect.CHANGE).value,
            "mode": action.request.mode.value,
            "digest": action.digest.hex(),
            "agent_version": action.agent_version,
            "confidence": action.request.confidence,
            "trigger": self.leaf_ref(action.request.trigger),
            "targets": len(action.targets),
            "known": typed,
        }


_PLAIN_KIND = re.compile(r"[a-z][a-z_-]{0,31}")
#: Facts whose values come from fixed vocabularies or are counts (core.conditions.ATTRIBUTES).
_LEAF_FACTS = frozenset(
    {
        "clients.count",
        "client.id",
        "client.risk",
        "targets.count",
        "target.kind",
        "user.class",
        "device.role",
        "device.managed",
        "time.hour",
        "time.weekday",
        "time.business_hours",
    }
)


@lru_cache(maxsize=1024)
def _drafted(connection: str, definition: str) -> MatrixRow | None:
    """The row drafted from a pinned definition; None where none can be."""
    try:
        (tool,) = importing.listed(connection, [orjson.loads(definition)])
        return drafted_row(draft(tool).document)
    except (HandrailError, ValueError):
        return None


def parse(request: Request) -> dict[str, Json]:
    """The arguments as a dict. Raises `BadInput` or `TooLarge`, never anything else."""
    if len(request.arguments) > MAX_ARGUMENTS:
        raise TooLarge(
            f"the arguments are {len(request.arguments)} bytes",
            hint=f"The limit is {MAX_ARGUMENTS} bytes.",
        )
    if len(request.reasoning) > MAX_REASONING:
        raise TooLarge("the reasoning is too long", hint=f"At most {MAX_REASONING} characters.")
    try:
        arguments = orjson.loads(request.arguments)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"the arguments are not JSON: {error}", hint="Send a JSON object.") from None
    if not isinstance(arguments, dict):
        raise BadInput("the arguments are not a JSON object", hint="Send a JSON object.")
    if depth(arguments) > MAX_DEPTH:
        raise TooLarge(f"the arguments are nested deeper than {MAX_DEPTH} levels")
    return arguments


def body_digest(request: Request) -> bytes:
    """What a retry with the same key must equal: everything but the agent's wording."""
    return hashlib.sha256(
        orjson.dumps(
            [
                request.connection,
                request.tool,
                request.kind,
                request.arguments.decode(),
                request.mode.value,
                [request.trigger.kind, request.trigger.ref],
            ]
        )
    ).digest()


def with_before(asked: Asked, before: Json, begin: Begin) -> Asked:
    """*asked* with what was read before the act, sealed beside it."""
    put: Put = begin.seal(f"{asked.action.id}:before", asked.client, orjson.dumps(before))
    digests = {
        **asked.sealed_digests,
        "before": hashlib.sha256(put.row["ciphertext"]).hexdigest(),
    }
    return replace(asked, before=before, sealed=(*asked.sealed, put), sealed_digests=digests)


def _with_digest(action: Action) -> Action:
    return replace(
        action,
        digest=grant.digest(
            agent=action.agent,
            agent_version=action.agent_version,
            type=action.type,
            connection_digest=action.connection_digest,
            tool_digest=action.tool_digest,
            content_digests=action.content_digests,
            clients=action.clients,
            targets=action.targets,
            arguments=action.request.arguments,
            nonce=action.nonce,
        ),
    )


def _sentence(
    row: MatrixRow | None, action: Action, arguments: Mapping[str, Json], *, past: bool
) -> str:
    if row is not None:
        return row.title(arguments, action.targets, action.clients, past=past)
    shown: Sequence[str] = [f"{k}={str(v)[:40]}" for k, v in sorted(arguments.items())[:4]]
    verb = "Called" if past else "Call"
    return f"{verb} {action.type}" + (f" with {', '.join(shown)}" if shown else "")
