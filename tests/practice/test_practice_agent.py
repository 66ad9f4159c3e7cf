"""The practice agent: what it does by itself, with people in between, and over a dying server."""

import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime

import anyio
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.server.lowlevel import Server

from handrail.practice.agent import Worker
from handrail.practice.casework import Call, Case, Reply, Wait
from handrail.practice.hand import understand
from handrail.practice.playbooks import work
from handrail.practice.seed import fill
from handrail.practice.server import server
from handrail.practice.tools import TOOLS
from handrail.practice.world import World

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ACTION = "act_01JBQ5Z6V3N8M4K2H7G9F1D0C5"


def made(path, seed=1):
    world = World.create(path, fill(seed), NOW)
    with world.book(NOW) as book:
        book.set("queue", 6)
    return world


def worked(path, tickets, seed=1):
    """What reached the bare server while the agent worked through *tickets*."""
    with closing(made(path, seed)) as world:
        worker = Worker(seed=seed, pace=0, tickets=tickets)
        anyio.run(worker.run, lambda: Client(server(world, step=0)))
        return world.audit(), world.dump()


def test_the_agent_is_deterministic_by_seed(tmp_path):
    """The same seed makes the same calls in the same order; another seed makes others."""

    def calls(name, seed):
        log, _ = worked(tmp_path / name, 80, seed)
        return [(row.tool, row.arguments, row.outcome) for row in log]

    first = calls("a", 5)

    assert first == calls("b", 5)
    assert first != calls("c", 6)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    return worked(tmp_path_factory.mktemp("long") / "w.db", 500)


def test_in_a_day_everything_happens(long_run):
    """Every kind of act, prohibited ones and failures included, and sometimes it is wrong."""
    log, state = long_run
    acts = Counter(row.tool for row in log if "reasoning" in row.meta.get("handrail", {}))

    assert set(acts) >= set(
        "reset_password unlock_user restart_service assign_license install_package update_package"
        " set_mailbox_forwarding isolate_device reboot_device restore_file create_user"
        " add_user_to_group add_firewall_rule set_port_vlan run_backup_job set_backup_schedule"
        " read_mailbox run_script wipe_device start_service deploy_package".split()
    )
    assert sum(row.outcome == "error" for row in log) >= 5
    assert {row[6] for row in state["ticket"]} == {"new", "closed", "in progress"}


def test_every_change_says_why_how_sure_and_from_what(long_run):
    """Reasoning, confidence, client, evidence, ticket and a key of its own; reads only a ticket."""
    log, _ = long_run
    keys = set()
    for row in log:
        said = row.meta["handrail"]
        if "reasoning" not in said:
            continue
        assert said["reasoning"]
        assert 0 < said["confidence"] <= 1
        assert re.fullmatch(r"[A-Z]+-\d+", said["ticket"])
        assert said["client"]
        keys.add(said["idempotency_key"])
    assert len(keys) == sum("reasoning" in row.meta["handrail"] for row in log)
    sure = [r.meta["handrail"]["confidence"] for r in log if "reasoning" in r.meta["handrail"]]
    assert min(sure) < 0.5
    assert max(sure) > 0.9


def test_the_agent_sends_only_what_the_schemas_allow(long_run):
    """No call of five hundred tickets was malformed."""
    log, _ = long_run

    assert not [row.message for row in log if f"{row.tool}: " in row.message]
    assert {row.tool for row in log} <= set(TOOLS)


# --- with people in between -----------------------------------------------------------------


def case(subject="Forgot my password", **more):
    ticket = {
        "id": "HDG-1001",
        "client_id": "harbor-dental",
        "subject": subject,
        "description": "It is gone.",
        "category": "password",
        "requester": "a@harbordental.example",
        "device_id": None,
        **more,
    }
    made = Case(ticket=ticket, seed=1)
    made.slip = ""
    return made


def driven(made, answer):
    """Run a case's steps with *answer*; the calls and waits it made, and what solved it."""
    steps, seen = work(made), []
    step = next(steps)
    while True:
        seen.append(step)
        try:
            step = steps.send(answer(step))
        except StopIteration as end:
            return seen, end.value


def desk_answers(act, after_wait=None):
    """Everything is fine but the act itself."""

    def answer(step):
        if isinstance(step, Wait):
            return after_wait
        if step.tool == "reset_password":
            return act
        data = {"id": "a@harbordental.example", "locked": True, "licences": []}
        return Reply(state="done", text="ok", data=data)

    return answer


def said(seen):
    return [s.arguments.get("text", "") for s in seen if isinstance(s, Call) and "note" in s.tool]


def test_a_done_act_ends_with_a_note_and_a_closed_ticket():
    """Reads first, then acts, then writes it down."""
    seen, solved = driven(case(), desk_answers(Reply(state="done", text="reset")))
    tools = [s.tool for s in seen]

    assert tools.index("get_user") < tools.index("reset_password") < tools.index("close_ticket")
    assert solved


def test_a_waiting_act_is_parked_and_goes_on_when_it_is_done():
    """The ticket says for what it waits; after the decision it is finished."""
    waiting = Reply(state="waiting", text="Not executed", action=ACTION)
    seen, solved = driven(case(), desk_answers(waiting, Reply(state="done", text="reset")))

    assert Wait(ACTION) in seen
    assert any(ACTION in text for text in said(seen))
    assert solved


@pytest.mark.parametrize("state", ["denied", "lapsed", "revoked", "failed", "unknown"])
def test_a_decision_against_it_is_noted_and_not_tried_again(state):
    """One act, a note with the reason, the second line."""
    waiting = Reply(state="waiting", action=ACTION)
    against = Reply(state=state, text="Wrong person.")
    seen, solved = driven(case(), desk_answers(waiting, against))

    assert solved is None
    assert sum(isinstance(s, Call) and s.tool == "reset_password" for s in seen) == 1
    assert "Wrong person." in said(seen)[-1]
    assert seen[-1].arguments["assignee"] == "second line"


def test_a_refused_act_is_noted_and_handed_over():
    """Refused means refused: no other way is tried."""
    seen, solved = driven(case(), desk_answers(Reply(state="refused", text="Refused: own ground")))

    assert solved is None
    assert "own ground" in said(seen)[-1]


@pytest.mark.parametrize(
    ("text", "meta", "is_error", "state", "action"),
    [
        (f"Not executed: this needs … ask for {ACTION} …", None, True, "waiting", ACTION),
        ("Refused: prohibited. Do not try this another way.", None, True, "refused", ""),
        ("A person denied it: wrong target.", None, True, "denied", ""),
        ("user x does not exist.", None, True, "error", ""),
        ("Password was reset.", None, False, "done", ""),
        ("anything", {"handrail": {"state": "waiting", "action": ACTION}}, True, "waiting", ACTION),
    ],
)
def test_answers_are_understood(text, meta, is_error, state, action):
    """Handrail's own facts first, then its words, then the upstream's."""
    result = types.CallToolResult(
        content=[types.TextContent(text=text)], is_error=is_error, _meta=meta
    )

    reply = understand(result)

    assert (reply.state, reply.action) == (state, action)


class Desk:
    """A stand-in for a governed server: the practice server, where resets wait for a decision."""

    def __init__(self, world):
        self._world = world
        self.held = {}
        self.decided = {}
        self.asked = 0

    async def list_tools(self, ctx, params):
        async with Client(server(self._world, step=0)) as inner:
            first = await inner.list_tools()
            rest = (await inner.list_tools(cursor=first.next_cursor)).tools
            last = (await inner.list_tools(cursor="50")).tools
        schema = {"type": "object", "properties": {"id": {"type": "string"}}}
        own = types.Tool(name="handrail_status", input_schema=schema)
        return types.ListToolsResult(tools=[*first.tools, *rest, *last, own])

    async def call_tool(self, ctx, params):
        arguments = params.arguments or {}
        if params.name == "handrail_status":
            self.asked += 1
            action = arguments["id"]
            word = self.decided.get(action)
            if word is None:
                return answer(f"Not executed: waits. Ask for {action} with handrail_status.")
            if word == "denied":
                return answer("A person denied it: wrong target. It did not run.")
            return await self._pass(*self.held[action])
        if params.name == "reset_password":
            action = f"act_{len(self.held):026d}"
            self.held[action] = (params.name, arguments)
            return answer(f"Not executed: a person must approve. Ask for {action} later.")
        return await self._pass(params.name, arguments)

    async def _pass(self, name, arguments):
        async with Client(server(self._world, step=0)) as inner:
            return await inner.call_tool(name, arguments)


def answer(text):
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def test_it_never_stands_still_for_a_waiting_proposal(tmp_path):
    """While proposals wait, the next tickets are worked; decided ones are finished later, each in
    its own way."""
    with closing(made(tmp_path / "w.db")) as world:
        desk = Desk(world)
        app = Server("desk", on_list_tools=desk.list_tools, on_call_tool=desk.call_tool)
        worker = Worker(seed=1, pace=0, tickets=25)

        def connect():
            return Client(app)

        anyio.run(worker.run, connect)
        state = world.dump()
        waiting = [row[0] for row in state["ticket"] if row[6] == "waiting"]
        assert len(waiting) == len(desk.held) > 1
        assert sum(row[6] == "closed" for row in state["ticket"]) > 10
        assert desk.asked > 0

        first, *others = desk.held
        desk.decided = {first: "done", **dict.fromkeys(others, "denied")}
        worker._left = 1
        anyio.run(worker.run, connect)

        resets = [row for row in world.audit() if row.tool == "reset_password"]
        assert [(r.tool, r.arguments) for r in resets] == [desk.held[first]]
        assert all(row[6] != "waiting" for row in world.dump()["ticket"])


def test_it_leaves_only_so_many_proposals_open(tmp_path):
    """Past its limit it hands tickets over instead of asking for more decisions."""
    with closing(made(tmp_path / "w.db")) as world:
        desk = Desk(world)
        app = Server("desk", on_list_tools=desk.list_tools, on_call_tool=desk.call_tool)
        worker = Worker(seed=1, pace=0, tickets=60, open_limit=2)

        anyio.run(worker.run, lambda: Client(app))

        assert len(desk.held) == 2
        notes = [row[4] for row in world.dump()["ticket_note"]]
        assert any("2 proposals are open already" in note for note in notes)


# --- over a real network --------------------------------------------------------------------

_HTTP = """
import sys, pathlib, uvicorn
from handrail.practice.server import open_world, server
world = open_world(pathlib.Path(sys.argv[1]))
app = server(world, step=0).streamable_http_app()
uvicorn.run(app, port=int(sys.argv[2]), log_level="critical", timeout_graceful_shutdown=1)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(process, pattern):
    """Read the agent's log up to the line that matches."""
    for line in process.stderr:
        if re.search(pattern, line):
            return line
    raise AssertionError(f"the agent ended before saying {pattern!r}")


@pytest.mark.crash
def test_it_comes_back_when_the_server_was_killed_and_stops_on_sigterm(tmp_path):
    """kill -9 of the server, restart on the same port and world: the agent goes on with the next
    tickets; SIGTERM ends it with 0; nothing was done twice."""
    path, port = tmp_path / "w.db", free_port()

    def start():
        return subprocess.Popen([sys.executable, "-c", _HTTP, str(path), str(port)])

    upstream = start()
    agent = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "handrail.practice.agent",
            "--url",
            f"http://127.0.0.1:{port}/mcp",
            "--pace",
            "0.02",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(90, agent.kill)
    watchdog.start()
    try:
        with agent:
            until(agent, "connected")
            until(agent, "-1012:")
            upstream.kill()
            upstream.wait()
            until(agent, "connection lost")
            upstream = start()
            until(agent, "connected")
            until(agent, "-1025:")
            agent.send_signal(signal.SIGTERM)
            until(agent, "stopping")
            assert agent.wait() == 0
    finally:
        watchdog.cancel()
        agent.kill()
        upstream.kill()
        upstream.wait()
    with closing(World(path)) as world:
        keys = Counter(
            row.meta["handrail"]["idempotency_key"]
            for row in world.audit()
            if row.meta["handrail"].get("idempotency_key") and row.outcome == "ok"
        )
        # A bare upstream knows no keys: only the one call in flight at the kill may be there twice.
        assert sum(count - 1 for count in keys.values()) <= 1


def test_a_new_run_goes_on_with_what_the_last_one_left(tmp_path):
    """Started anew it still waits for open proposals, finishes the decided ones, and hands over
    what was left in the middle."""
    with closing(made(tmp_path / "w.db")) as world:
        desk = Desk(world)
        app = Server("desk", on_list_tools=desk.list_tools, on_call_tool=desk.call_tool)
        anyio.run(Worker(seed=1, pace=0, tickets=25).run, lambda: Client(app))
        with world.book(NOW) as book:
            waiting = [r["id"] for r in book.all("SELECT id FROM ticket WHERE status = 'waiting'")]
            middle = book.all("SELECT id FROM ticket WHERE status = 'new'")[0]["id"]
            book.run(
                "UPDATE ticket SET status = 'in progress', assignee = 'desk-agent' WHERE id = ?",
                middle,
            )
        *others, last = desk.held
        desk.decided = {last: "done", **dict.fromkeys(others, "denied")}

        anyio.run(Worker(seed=1, pace=0, tickets=1).run, lambda: Client(app))

        tickets = {row[0]: row for row in world.dump()["ticket"]}
        assert Counter(tickets[t][6] for t in waiting) == {
            "closed": 1,
            "in progress": len(waiting) - 1,
        }
        assert tickets[middle][9] == "second line"
        assert sum(row.tool == "reset_password" for row in world.audit()) == 1
