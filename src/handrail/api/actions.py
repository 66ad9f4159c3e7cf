"""`/v1/actions`: an agent asks, looks, withdraws, reports; a person reads and reverses."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from handrail.api import auth, body
from handrail.api.answers import Page, answer, cut, since_us
from handrail.api.asked import AskedAction, understand
from handrail.api.door import Door, TheDoor, of
from handrail.core.action import State
from handrail.core.model import Agent, Classification, Mode
from handrail.service.acted import Acted

router = APIRouter(prefix="/actions", tags=["actions"], route_class=body.Route)
MAX_WAIT = 60  # seconds a request may be held open


class Reason(BaseModel):
    """One contributor to a classification."""

    code: str
    tier: int | str
    text: str
    binding: bool = Field(description="Whether it is one of those that set the tier.")


class Classified(BaseModel):
    """The tier that applies, with every reason and the policy version."""

    tier: int | str = Field(description="1, 2, 3 or `prohibited`.")
    policy: str
    row: str | None
    reasons: list[Reason]


class Status(BaseModel):
    """Where an action stands, for the agent that asked."""

    id: str | None = Field(description="Null for a dry run: nothing is stored.")
    tier: int | str
    status: str = Field(description="A state of the life of an action.")
    classification: Classified
    text: str = Field(description="One sentence for a person or a model.")
    proposal: str | None = None
    version: int | None = None
    until: str | None = Field(default=None, description="When an open proposal lapses.")
    who: str = Field(default="", description="The role that is asked now.")
    question: str | None = Field(default=None, description="What a person asked back.")
    grant: dict[str, Any] | None = Field(default=None, description="`mode: grant`, once begun.")
    result: dict[str, Any] | None = Field(default=None, description="The upstream's, untouched.")
    error: dict[str, Any] | None = Field(default=None, description="The upstream's, untouched.")


class Outcome(body.Body):
    """What came of a grant, in the caller's words."""

    status: str = Field(max_length=20, description="`done`, `failed` or `unknown`.")
    text: str = Field(default="", max_length=4000)


class Reversal(body.Body):
    """Why it is undone, and which part of it."""

    reason: str = Field(default="", max_length=2000)
    items: list[int] | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="Of a list: the numbers, from 0, to undo now; without it, all not tried yet.",
    )
    wait: bool = Field(
        default=True, description="Without it, a list answers `begun` at once and goes on."
    )


class AnswerBack(body.Body):
    """The agent's answer to a person's question."""

    text: str = Field(min_length=1, max_length=4000)


def classified(found: Classification) -> dict[str, Any]:
    return {
        "tier": found.tier.wire,
        "policy": found.policy,
        "row": found.row,
        "reasons": [
            {"code": r.code, "tier": r.tier.wire, "text": r.text, "binding": r.tier is found.tier}
            for r in found.reasons
        ],
    }


def status(acted: Acted) -> dict[str, Any]:
    """*acted* as agents get it."""
    reply = acted.reply
    return {
        "id": acted.id,
        "tier": acted.tier.wire,
        "status": acted.state.value,
        "classification": classified(acted.classification),
        "text": acted.text,
        "proposal": acted.proposal,
        "version": acted.version,
        "until": acted.until,
        "who": acted.who,
        "question": acted.question,
        "grant": acted.grant,
        "result": reply.result if reply else None,
        "error": reply.error if reply else None,
    }


def acted(found: Acted) -> Response:
    """The response to a call: 202 while nothing is final, else 200, refused ones included."""
    return answer(status(found), 200 if found.final else 202)


async def _of_agents(
    request: Request, work: Callable[[Door, Agent], Response], *, waits: bool = False
) -> Response:
    """Run *work* for the agent that asks, in the threads that are for agents."""
    door = of(request)
    lane = door.lanes.waits if waits else door.lanes.acts

    def run() -> Response:
        return work(door, auth.agent(request, door.identity))

    return await anyio.to_thread.run_sync(run, limiter=lane)


AGENTS: dict[str, Any] = {"security": [{"agent key": []}]}
_ASKED: dict[str, Any] = {
    **AGENTS,
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": False,
            "schema": {"type": "string", "maxLength": 200},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{AskedAction.__name__}"}}
        },
    },
}


@router.post(
    "",
    summary="Ask for an action",
    openapi_extra=_ASKED,
    response_model=Status,
    responses={202: {"model": Status, "description": "It waits for people, or is under way"}},
)
async def ask(request: Request) -> Response:
    """Tiers 1 and 2 answer with their outcome; tier 3 answers at once, waiting. The same
    idempotency key gives the same action; the same content joins the open proposal."""
    raw = await body.read(request)
    key = request.headers.get("idempotency-key")

    def work(door: Door, agent: Agent) -> Response:
        asked = understand(raw, key)
        if asked.mode is Mode.DRY_RUN:
            found = door.services.govern.dry_run(agent, asked)
            return answer(
                {
                    "id": None,
                    "tier": found.tier.wire,
                    "status": State.CLASSIFIED.value,
                    "classification": classified(found),
                    "text": "Classified only; nothing was stored and nothing was done.",
                }
            )
        return acted(door.services.govern.act(agent, asked))

    return await _of_agents(request, work)


class Filters(BaseModel):
    """Which actions a list is of."""

    limit: int = Field(default=50, ge=1, le=500, description="How many at most.")
    cursor: str | None = Field(
        default=None, max_length=200, description="`next` of the page before."
    )
    state: list[State] = Field(default_factory=list)
    tier: list[Annotated[int, Field(ge=1, le=4)]] = Field(
        default_factory=list, max_length=4, description="4: prohibited."
    )
    agent: str | None = Field(default=None, max_length=100)
    client: str | None = Field(default=None, max_length=100)
    type: str | None = Field(default=None, max_length=300)
    trigger: str | None = Field(default=None, max_length=200)
    since: datetime | None = Field(default=None, description="At or after this time (RFC 3339).")


@router.get("", summary="List actions", response_model=Page)
def listed(door: TheDoor, who: auth.Who, only: Annotated[Filters, Query()]) -> Response:
    """Newest first, without anything sealed."""
    rows = door.services.read.actions(
        states=[s.value for s in only.state],
        tiers=only.tier,
        agent=only.agent,
        client=only.client,
        type=only.type,
        trigger=only.trigger,
        since=since_us(only.since),
        before=only.cursor,
        limit=only.limit + 1,
    )
    return cut(rows, only.limit)


@router.get(
    "/{id}",
    summary="Where an action stands",
    responses={200: {"model": Status, "description": "An agent's view; people get more"}},
    openapi_extra={
        "security": [{"agent key": []}, {"session": []}, {"browser session": []}],
    },
)
async def shown(
    request: Request,
    id: str,
    wait: Annotated[
        float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for an end (agents only).")
    ] = 0,
) -> Response:
    """An agent gets its own action with its result, the newest version when it was superseded.
    A person gets any action with its classification, what it was asked with and what hangs
    on it."""
    if auth.bearer(request).startswith(auth.AGENT_KEY):

        def waited(door: Door, agent: Agent) -> Response:
            if wait:
                return answer(status(door.services.govern.wait(agent, id, wait)))
            return answer(status(door.services.govern.status(agent, id)))

        return await _of_agents(request, waited, waits=bool(wait))
    door = of(request)

    def read() -> Response:
        auth.who(request, door.identity)
        return answer(door.services.read.action(id))

    return await anyio.to_thread.run_sync(read)


@router.get("/{id}/story", summary="The readable story of an action", response_model=Page)
def story(door: TheDoor, asker: auth.Either, id: str) -> Response:
    """Its ledger entries with a sentence each, oldest first. An agent sees its own actions."""
    own = asker.id if isinstance(asker, Agent) else None
    return answer({"items": door.services.read.story(id, agent=own), "next": None})


@router.get("/{id}/siblings", summary="Others of the same cause")
def siblings(door: TheDoor, who: auth.Who, id: str) -> Response:
    """Changes by the same runbook, with the same content, by the same agent within an hour or for
    the same trigger, newest first: `why` says which, `reversible` whether one click undoes it."""
    return answer({"items": door.services.read.siblings(id), "next": None})


@router.post("/{id}/reversal", summary="Reverse an action")
def reverse(door: TheDoor, who: auth.Who, id: str, sent: Reversal | None = None) -> Response:
    """A person's own act: at once, each item at most once, with the authority that approving would
    need. Undoing a protective change, or a target that changed since, answers `proposed`: a
    decision package is open for it."""
    sent = sent or Reversal()
    return answer(
        door.services.reversals.reverse(who, id, sent.reason, items=sent.items, wait=sent.wait)
    )


@router.post("/{id}/withdrawal", summary="Withdraw an action", response_model=Status)
def withdraw(door: TheDoor, agent: auth.Asking, id: str) -> Response:
    """The agent takes an open proposal back. 409 when it has begun or ended."""
    return answer(status(door.services.govern.withdraw(agent, id)))


@router.post("/{id}/answer", summary="Answer a person's question", response_model=Status)
def answer_back(door: TheDoor, agent: auth.Asking, id: str, sent: AnswerBack) -> Response:
    """Makes the next version of the proposal, with question and answer in it."""
    return answer(status(door.services.govern.answer_question(agent, id, sent.text)))


@router.post("/{id}/begin", summary="Claim the grant of an action", response_model=Status)
def begin(door: TheDoor, agent: auth.Asking, id: str) -> Response:
    """For `mode: grant`: the grant, once the action has begun; 409 before and after."""
    return answer(status(door.services.govern.claim(agent, id)))


@router.post("/{id}/outcome", summary="Report what came of a grant", response_model=Status)
def outcome(door: TheDoor, agent: auth.Asking, id: str, sent: Outcome) -> Response:
    """The caller's own word: marked as such, and no evidence."""
    found = door.services.govern.report(agent, id, sent.status, sent.text)
    return answer(status(found))
