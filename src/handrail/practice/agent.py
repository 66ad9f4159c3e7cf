"""The practice agent: works through a stream of help-desk tickets by a real MCP client.

    python -m handrail.practice.agent --url http://127.0.0.1:8640/mcp/practice [--seed N]
        [--pace SECONDS] [--tickets N] [--open N]

Its key comes from ``HANDRAIL_KEY`` (or ``--key``). No language model: what it does is fixed by
seed and ticket (`playbooks`, `casework`). It never stands still for a decision: a proposal that
waits is parked, the next ticket is taken, and the work goes on where it stopped once
``handrail_status`` knows more. When the server is gone it comes back; SIGTERM stops it.
"""

import argparse
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import anyio
import anyio.abc
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import StreamableHTTPError, streamable_http_client
from mcp.shared.exceptions import MCPError

from handrail.practice.casework import AGENT, Call, Case, Reply, Steps, Wait
from handrail.practice.hand import ACTION, OPEN, Hand, LostError
from handrail.practice.playbooks import give_back, resume, work

log = logging.getLogger("handrail.practice.agent")

_PACE: Final = 5.0  # seconds between tickets
_OPEN: Final = 8  # proposals it leaves open at once
_IDLE: Final = 2.0  # seconds to wait when there is no new ticket
_BACK_OFF: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds
_READ_TIMEOUT: Final = 330.0  # seconds; longer than the slowest tool

#: How a connection dies, in the words of the libraries underneath.
_DEATHS: Final = (
    LostError,
    MCPError,
    StreamableHTTPError,
    httpx2.HTTPError,
    OSError,
    anyio.ClosedResourceError,
    anyio.BrokenResourceError,
    anyio.EndOfStream,
)


class Connect(Protocol):
    """Opens a new connection each time."""

    def __call__(self) -> AbstractAsyncContextManager[Client]: ...


@dataclass(slots=True)
class Job:
    """A case under way: its steps, the call that is due, and how many were made."""

    case: Case
    steps: Steps
    due: Call | Wait
    calls: int = 0
    round: str = ""  #: sets a second run of the program apart from the first

    @property
    def key(self) -> str:
        """The idempotency key of the call that is due: the same when it must be sent again."""
        ticket = self.case.ticket
        return f"{self.case.id}:{ticket.get('opened', '')}:{self.round}{self.calls}"

    def advance(self, reply: Reply) -> bool:
        """Hand *reply* to the steps; False when there are no more."""
        self.calls += 1
        try:
            self.due = self.steps.send(reply)
        except StopIteration:
            return False
        return True


class Worker:
    """Takes tickets, parks what waits, and goes on with it later. Survives its connection."""

    def __init__(
        self, *, seed: int, pace: float, tickets: int | None = None, open_limit: int = _OPEN
    ) -> None:
        self._seed = seed
        self._pace = pace
        self._left = tickets
        self._open_limit = open_limit
        self._current: Job | None = None
        self._parked: list[Job] = []
        self._left_over: list[Job] = []
        self._recovered = False

    async def run(self, connect: Connect) -> None:
        """Work until the tickets are done; connect again whenever the connection dies."""
        tries = 0
        while not self._finished:
            try:
                async with connect() as client:
                    hand = Hand(client)
                    await hand.learn()
                    log.info("connected")
                    tries = 0
                    await self._work(hand)
            except _DEATHS as death:
                lost: BaseException = death
            except BaseExceptionGroup as group:
                # The transports run in task groups, so a death may come wrapped.
                _, rest = group.split(_DEATHS)
                if rest is not None:
                    raise
                lost = group
            else:
                continue
            pause = _BACK_OFF[min(tries, len(_BACK_OFF) - 1)]
            tries += 1
            log.warning("connection lost (%s); again in %s s", _cause(lost), pause)
            await anyio.sleep(pause)

    @property
    def _finished(self) -> bool:
        return self._left == 0 and self._current is None

    async def _work(self, hand: Hand) -> None:
        if not self._recovered:
            self._parked, self._left_over = await self._recover(hand)
            self._recovered = True
        while True:
            if self._current is None and self._left_over:
                self._current = self._left_over.pop()
                await self._drive(hand)
                continue
            if self._current is None:
                await self._look_after_parked(hand)
                if self._left == 0:
                    return
                self._current = await self._next(hand)
            if self._current is None:
                await anyio.sleep(_IDLE)
                continue
            await self._drive(hand)
            await anyio.sleep(self._pace)

    async def _next(self, hand: Hand) -> Job | None:
        """The oldest new ticket, read."""
        reply = await self._read(hand, "list_tickets", status="new", limit=1)
        listed = reply.data.get("tickets", [])
        if not listed:
            return None
        ticket = await self._read(hand, "get_ticket", ticket_id=listed[0]["id"])
        if not ticket.ok:
            log.warning("ticket %s cannot be read: %s", listed[0]["id"], ticket.text)
            return None
        if self._left is not None:
            self._left -= 1
        case = Case(ticket=ticket.data, seed=self._seed)
        steps = work(case)
        log.info("%s: %s", case.id, ticket.data["subject"])
        return Job(case, steps, next(steps))

    async def _drive(self, hand: Hand) -> None:
        """Make the current case's calls until it is done or must wait."""
        while (job := self._current) is not None:
            if isinstance(job.due, Wait):
                self._parked.append(job)
                self._current = None
                continue
            reply = await self._answered(hand, job, job.due)
            if not reply.ok:
                log.info("%s: %s %s: %s", job.case.id, job.due.tool, reply.state, reply.text[:160])
            if not job.advance(reply):
                self._current = None

    async def _answered(self, hand: Hand, job: Job, call: Call) -> Reply:
        """Make a call, unless too much is open already for it to be worth asking."""
        if call.change and len(self._parked) >= self._open_limit and _weighty(call):
            return Reply(state="put off", text=f"{len(self._parked)} proposals are open already")
        return await hand.call(job.case, call, job.key)

    async def _look_after_parked(self, hand: Hand) -> None:
        """Ask where each parked proposal stands; go on with those that are decided."""
        for job in list(self._parked):
            if not isinstance(job.due, Wait):
                raise TypeError("a parked case waits")
            reply = await hand.status(job.due.action)
            if reply.state in OPEN:
                if "?" in reply.text and "asks" in reply.text:
                    await hand.own(
                        "handrail_answer",
                        {
                            "id": job.due.action,
                            "text": "I looked again: what I noted as evidence is still so.",
                        },
                    )
                continue
            log.info("%s: %s is %s", job.case.id, job.due.action, reply.state)
            self._parked.remove(job)
            if job.advance(reply):
                self._current = job
                await self._drive(hand)

    async def _recover(self, hand: Hand) -> tuple[list[Job], list[Job]]:
        """Take up what an earlier run of this program left: go on waiting for what waits for
        people, and hand over what was left in the middle."""
        waiting: list[Job] = []
        unfinished: list[Job] = []
        for status in ("waiting", "in progress"):
            reply = await self._read(hand, "list_tickets", status=status, limit=100)
            for listed in reply.data.get("tickets", []):
                if listed["assignee"] != AGENT:
                    continue
                ticket = await self._read(hand, "get_ticket", ticket_id=listed["id"])
                if not ticket.ok:
                    continue
                case = Case(ticket=ticket.data, seed=self._seed)
                actions = ACTION.findall(" ".join(n["text"] for n in ticket.data["notes"]))
                steps = resume(case, actions[-1]) if actions else give_back(case)
                # What was noted so far tells this round from an earlier one.
                job = Job(case, steps, next(steps), round=f"r{len(ticket.data['notes'])}-")
                (waiting if actions else unfinished).append(job)
        return waiting, unfinished

    async def _read(self, hand: Hand, tool: str, **arguments: object) -> Reply:
        case = Case(ticket={"id": "", "client_id": "", "subject": "", "description": ""}, seed=0)
        return await hand.call(case, Call(tool=tool, arguments=dict(arguments)), "")


def _weighty(call: Call) -> bool:
    """Whether a call is the kind that has to wait often: nothing inside the ticket itself."""
    return "ticket_id" not in call.arguments


def _cause(death: BaseException) -> str:
    while isinstance(death, BaseExceptionGroup):
        death = death.exceptions[0]
    return f"{type(death).__name__}: {death}"[:200]


def over_http(url: str, key: str) -> Connect:
    """Connections to *url* over streamable HTTP, signed in by *key*."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with (
            httpx2.AsyncClient(
                headers=headers, timeout=httpx2.Timeout(30.0, read=_READ_TIMEOUT)
            ) as http,
            Client(
                streamable_http_client(url, http_client=http, max_sse_event_size=None)
            ) as client,
        ):
            yield client

    return connect


async def _main(worker: Worker, connect: Connect) -> None:
    async with anyio.create_task_group() as tasks:

        async def stop_on_signal() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for _ in signals:
                    log.info("stopping")
                    tasks.cancel_scope.cancel()
                    return

        tasks.start_soon(stop_on_signal)
        await worker.run(connect)
        tasks.cancel_scope.cancel()


def main(argv: list[str] | None = None) -> int:
    """Work until the tickets are done or a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m handrail.practice.agent")
    parser.add_argument("--url", required=True, help="the MCP endpoint")
    parser.add_argument("--key", default=os.environ.get("HANDRAIL_KEY", ""), help="agent key")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", type=float, default=_PACE, help="seconds between tickets")
    parser.add_argument("--tickets", type=int, default=None, help="stop after so many")
    parser.add_argument("--open", type=int, default=_OPEN, help="proposals left open at once")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s agent: %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    worker = Worker(seed=args.seed, pace=args.pace, tickets=args.tickets, open_limit=args.open)
    anyio.run(_main, worker, over_http(args.url, args.key))
    return 0


if __name__ == "__main__":
    sys.exit(main())
