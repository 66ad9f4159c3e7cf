"""Facts, tiers and people: what an agent sees of being governed, judged by the upstream's journal."""

import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from mcp.shared.exceptions import MCPError

from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.executor import Order, Reply
from handrail.connectors.host import Host
from support.fixture import until
from support.gate import Gate, client, gate, words

pytestmark = pytest.mark.anyio
MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])
FACTS = {
    "reasoning": "The ticket asks for it", "confidence": 0.91, "ticket": "T-7",
    "evidence": [{"text": "seen", "source": "rmm"}], "data_classes": ["identifier"],
}  # fmt: skip
ACTION = re.compile(r"act_[0-9A-HJKMNP-TV-Z]{26}")


def rows(house: Gate) -> list[Any]:
    with house.house.store.read() as reader:
        return sorted(reader.actions(limit=1000), key=lambda a: str(a["id"]))


def state(house: Gate, action: str) -> str:
    return next(str(r["state"]) for r in rows(house) if r["id"] == action)


async def eventually(house: Gate, action: str, wanted: str) -> None:
    await anyio.to_thread.run_sync(lambda: until(lambda: state(house, action) == wanted))


async def decide(house: Gate, kind: str, **more: Any) -> None:
    await anyio.to_thread.run_sync(lambda: house.answer(kind, **more))


@pytest.fixture(autouse=True)
def nothing_left_waiting(house: Gate) -> Iterator[None]:
    yield
    while house.waiting():
        (action, *_) = house.waiting()
        agent = house.house.middle.keeper.current().agents[action["agent"]]
        house.services.govern.withdraw(agent, action["id"])


# --- facts ----------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("where", ["argument", "meta"])
async def test_facts_are_recorded_and_never_reach_the_upstream(
    house: Gate, key: str, mode: str, where: str
) -> None:
    arguments: dict[str, Any] = {"n": 1}
    meta: dict[str, Any] = {"vendor/sent": 1}
    if where == "meta":
        meta["handrail"] = FACTS
    else:
        arguments["handrail"] = FACTS
    async with client(house, "up", key, mode=mode) as agent:
        result = await agent.call_tool("echo", arguments, meta=meta)

    assert result.structured_content == {"n": 1}
    call = house.journal.calls("echo")[-1]
    assert call["arguments"] == {"n": 1}
    assert "handrail" not in orjson.dumps(call["meta"]).decode().replace('"name":"handrail"', "")
    newest = rows(house)[-1]
    assert newest["confidence"] == 910
    assert (newest["trigger_kind"], newest["trigger_ref"]) == ("ticket", "T-7")
    told = (result.meta or {}).get("handrail")
    assert (told is not None) == (where == "meta"), "only who speaks by _meta is told by it"
    if told:
        assert told["state"] == "done"
        assert told["action"] == newest["id"]


@MODES
@pytest.mark.parametrize(
    ("meta", "argument", "why"),
    [
        ({"confidence": 0.5}, {"confidence": 0.6}, "confidence differs"),
        ({"confidence": 2}, None, "0 to 1"),
        (None, {"confidence": "high"}, "0 to 1"),
        (None, {"confidence": True}, "0 to 1"),
        (None, "because", "no object"),
        ({"approved_by": "the boss"}, None, "unknown fact"),
        (None, {"ticket": "x" * 300}, "at most 200"),
        (None, {"reasoning": "x" * 20_001}, "at most 20000"),
        (None, {"evidence": [{"text": "a", "entry": -1}]}, "ledger position"),
        (None, {"evidence": "lots"}, "list"),
        (None, {"clients": ["c"] * 101}, "at most 100"),
        ({"trigger": "T-1"}, None, "trigger"),
    ],
)
async def test_bad_facts_are_invalid_parameters_that_say_what_to_do(
    house: Gate, key: str, mode: str, meta: Any, argument: Any, why: str
) -> None:
    before = len(house.journal.lines)
    arguments = {"n": 1} if argument is None else {"n": 1, "handrail": argument}
    async with client(house, "up", key, mode=mode) as agent:
        with pytest.raises(MCPError, match=why) as refused:
            await agent.call_tool("echo", arguments, meta={"handrail": meta} if meta else None)

    assert refused.value.error.code == -32602
    assert len(house.journal.lines) == before


async def test_meta_and_argument_that_agree_are_one(house: Gate, key: str) -> None:
    async with client(house, "up", key) as agent:
        await agent.call_tool(
            "echo",
            {"handrail": {"confidence": 0.5, "reasoning": "so"}},
            meta={"handrail": {"confidence": 0.5, "ticket": "T-1"}},
        )

    newest = rows(house)[-1]
    assert newest["confidence"] == 500
    assert newest["trigger_ref"] == "T-1"


# --- tier 3 ---------------------------------------------------------------------------------------


@MODES
async def test_I1_a_call_that_waits_is_not_executed_and_runs_once_after_approval(
    house: Gate, key: str, mode: str
) -> None:
    before = len(house.journal.calls("spawn"))
    async with client(house, "up", key, mode=mode) as agent:
        asked = await agent.call_tool("spawn", {"handrail": FACTS})
        again = await agent.call_tool("spawn", {"handrail": FACTS})

    assert asked.is_error
    said = words(asked)
    assert said.startswith("Not executed")
    assert "handrail_status" in said
    assert "Do not repeat" in said
    assert re.search(r"prp_[0-9A-Z]{26}", said)
    found = ACTION.search(said)
    assert found is not None
    action = found[0]
    assert action in words(again), "the same call meets the same proposal"
    assert len(house.waiting()) == 1
    assert len(house.journal.calls("spawn")) == before

    await decide(house, "approve")
    await eventually(house, action, "done")

    async with client(house, "up", key, mode=mode) as returned:
        for _ in range(2):
            result = await returned.call_tool("handrail_status", {"action": action})
            assert not result.is_error
            assert orjson.loads(words(result))["pid"]
            assert (result.meta or {})["handrail"]["state"] == "done"
    assert len(house.journal.calls("spawn")) == before + 1


@MODES
async def test_a_denial_reaches_the_agent_with_its_reason(house: Gate, key: str, mode: str) -> None:
    before = len(house.journal.calls("spawn"))
    async with client(house, "up", key, mode=mode) as agent:
        asked = await agent.call_tool("spawn", {"handrail": FACTS, "about": f"no-{mode}"})
        action = ACTION.search(words(asked))
        assert action is not None
        await decide(house, "deny", reason="wrong-time")
        result = await agent.call_tool("handrail_status", {"action": action[0]})

    assert result.is_error
    assert words(result).startswith("A person denied it")
    assert len(house.journal.calls("spawn")) == before


async def test_a_question_is_asked_and_answered_and_a_proposal_withdrawn(
    house: Gate, key: str
) -> None:
    async with client(house, "up", key) as agent:
        asked = await agent.call_tool("spawn", {"handrail": FACTS, "q": 1})
        action = ACTION.search(words(asked))
        assert action is not None
        await decide(house, "ask", note="Which host is it?")
        status = await agent.call_tool("handrail_status", {"action": action[0]})
        assert "Which host is it?" in words(status)
        assert "handrail_answer" in words(status)

        answered = await agent.call_tool(
            "handrail_answer", {"action": action[0], "text": "The spare one"}
        )
        assert not answered.is_error
        waiting = await agent.call_tool("handrail_status", {"action": action[0]})
        assert words(waiting).startswith("Not executed")
        gone = await agent.call_tool("handrail_withdraw", {"action": action[0]})
        assert not gone.is_error
        late = await agent.call_tool("handrail_withdraw", {"action": action[0]})
        assert late.is_error

    assert not house.waiting()


@MODES
async def test_what_is_missing_is_said_with_where_it_belongs(
    house: Gate, key: str, mode: str
) -> None:
    async with client(house, "up", key, mode=mode) as agent:
        result = await agent.call_tool("spawn", {})

    assert result.is_error
    assert "incomplete" in words(result)
    assert "handrail argument" in words(result)
    assert "Do not try" not in words(result)


@MODES
async def test_prohibited_is_refused_with_its_reason(house: Gate, key: str, mode: str) -> None:
    before = len(house.journal.lines)
    async with client(house, "up", key, mode=mode) as agent:
        result = await agent.call_tool("env", {"handrail": FACTS})

    assert result.is_error
    assert words(result).startswith("Refused")
    assert "an environment is no one's to read" in words(result)
    assert len(house.journal.lines) == before


async def test_an_unknown_tool_is_refused_in_words(house: Gate, key: str) -> None:
    async with client(house, "up", key) as agent:
        result = await agent.call_tool("no_such_tool", {})

    assert result.is_error
    assert "withheld" in words(result)


async def test_I23_another_agents_action_is_no_action(house: Gate, key: str) -> None:
    stranger = house.key("Stranger", "up")
    async with client(house, "up", key) as agent:
        asked = await agent.call_tool("spawn", {"handrail": FACTS, "mine": 1})
    action = ACTION.search(words(asked))
    assert action is not None
    async with client(house, "up", stranger) as other:
        for tool, more in (
            ("handrail_status", {}), ("handrail_withdraw", {}), ("handrail_answer", {"text": "x"}),
        ):  # fmt: skip
            result = await other.call_tool(tool, {"action": action[0], **more})
            assert result.is_error
            assert "no action" in words(result)

    assert state(house, action[0]) == "waiting"


async def test_notes_and_escalations_are_recorded(house: Gate, key: str) -> None:
    async with client(house, "up", key) as agent:
        note = await agent.call_tool("handrail_note", {"text": "weighed and left", "ticket": "T-1"})
        raised = await agent.call_tool(
            "handrail_escalate", {"kind": "suspected incident", "text": "odd sign-ins"}
        )
        with pytest.raises(MCPError, match="text is missing"):
            await agent.call_tool("handrail_note", {})
        with pytest.raises(MCPError, match="Send one of"):
            await agent.call_tool("handrail_escalate", {"kind": "boredom", "text": "x"})

    assert not note.is_error
    assert not raised.is_error
    assert isinstance((note.meta or {})["handrail"]["entry"], int)


@MODES
async def test_a_key_used_twice_runs_once(house: Gate, key: str, mode: str) -> None:
    meta = {"handrail": {"idempotency_key": f"once-{mode}"}}
    before = len(house.journal.calls("echo"))
    async with client(house, "up", key, mode=mode) as agent:
        first = await agent.call_tool("echo", {"n": 7}, meta=meta)
        second = await agent.call_tool("echo", {"n": 7}, meta=meta)
        other = await agent.call_tool("echo", {"n": 8}, meta=meta)

    assert first.structured_content == second.structured_content == {"n": 7}
    assert other.is_error
    assert "idempotency key" in words(other)
    assert len(house.journal.calls("echo")) == before + 1


# --- held calls -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with gate(tmp_path_factory.mktemp("holding"), hold=30.0) as found:
        found.connect_fixture()
        yield found


@MODES
async def test_a_held_call_beats_and_returns_the_result_itself(holding: Gate, mode: str) -> None:
    beats: list[Any] = []
    results: list[Any] = []

    async def hear(*said: Any) -> None:
        beats.append(said)

    async with (
        client(holding, "up", holding.key(f"Held {mode}", "up"), mode=mode) as agent,
        anyio.create_task_group() as calls,
    ):

        async def ask() -> None:
            results.append(
                await agent.call_tool("spawn", {"handrail": FACTS}, progress_callback=hear)
            )

        calls.start_soon(ask)
        await anyio.to_thread.run_sync(lambda: until(lambda: holding.waiting() and beats))
        await decide(holding, "approve")

    assert not results[0].is_error
    assert orjson.loads(words(results[0]))["pid"]
    assert beats[0][2] == "waiting for a person"


@MODES
async def test_a_caller_that_leaves_a_held_call_leaves_the_proposal(
    holding: Gate, mode: str
) -> None:
    key = holding.key(f"Gone {mode}", "up")
    async with client(holding, "up", key, mode=mode) as agent, anyio.create_task_group() as calls:
        calls.start_soon(agent.call_tool, "spawn", {"handrail": FACTS, "gone": mode})
        await anyio.to_thread.run_sync(lambda: until(holding.waiting))
        calls.cancel_scope.cancel()

    (action,) = holding.waiting()
    await decide(holding, "approve")
    await eventually(holding, action["id"], "done")
    async with client(holding, "up", key, mode=mode) as returned:
        result = await returned.call_tool("handrail_status", {"action": action["id"]})
    assert orjson.loads(words(result))["pid"]


# --- tasks ----------------------------------------------------------------------------------------

Send = Callable[..., Awaitable[Reply]]


@pytest.fixture
def send(house: Gate, key: str, direct: Host) -> Send:
    """Send a raw request to the gateway; a modern one declares what *capabilities* says."""
    direct.connect(
        ConnectionSpec(
            name="gated", kind="mcp-http", url=f"{house.url}/mcp/up",
            secret={"Authorization": f"Bearer {key}"},
        )
    )  # fmt: skip

    async def send(method: str, era: str = "legacy", **params: Any) -> Reply:
        order = Order(
            connection="gated",
            method=method,
            params=params,
            agent="a",
            client="c",
            era=era,
            timeout=30,
        )
        return await anyio.to_thread.run_sync(direct.execute, order)

    return send


async def test_legacy_tasks_from_handle_to_result(house: Gate, send: Send) -> None:
    call = {"name": "spawn", "arguments": {"handrail": FACTS, "t": 1}}
    made = await send("tools/call", **call, task={"ttl": 60_000})
    assert made.result is not None
    task = made.result["task"]
    assert (task["status"], task["ttl"]) == ("working", None)
    assert task["taskId"].startswith("act_")

    got = await send("tasks/get", taskId=task["taskId"])
    assert got.result is not None
    assert got.result["status"] == "working"

    results: list[Reply] = []

    async def result() -> None:
        results.append(await send("tasks/result", taskId=task["taskId"]))

    async with anyio.create_task_group() as waiting:
        waiting.start_soon(result)
        await decide(house, "approve")

    delivered = results[0].result
    assert delivered is not None
    assert orjson.loads(delivered["content"][0]["text"])["pid"]
    assert delivered["_meta"]["io.modelcontextprotocol/related-task"] == {"taskId": task["taskId"]}
    after = await send("tasks/get", taskId=task["taskId"])
    assert after.result is not None
    assert after.result["status"] == "completed"
    late = await send("tasks/cancel", taskId=task["taskId"])
    assert late.error is not None
    assert late.error["code"] == -32602


async def test_a_legacy_task_of_tier_1_is_a_finished_task(send: Send) -> None:
    made = await send("tools/call", name="echo", arguments={"a": 1}, task={"ttl": None})

    assert made.result is not None
    assert made.result["task"]["status"] == "completed"
    result = await send("tasks/result", taskId=made.result["task"]["taskId"])
    assert result.result is not None
    assert result.result["structuredContent"] == {"a": 1}


async def test_cancelling_a_legacy_task_withdraws_it(house: Gate, send: Send) -> None:
    call = {"name": "spawn", "arguments": {"handrail": FACTS, "t": 2}}
    made = await send("tools/call", **call, task={})
    assert made.result is not None
    gone = await send("tasks/cancel", taskId=made.result["task"]["taskId"])

    assert gone.result is not None
    assert gone.result["status"] == "cancelled"
    assert not house.waiting()


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_task_that_is_not_yours_is_no_task(house: Gate, send: Send, era: str) -> None:
    stranger = house.key(f"Task stranger {era}", "up")
    async with client(house, "up", stranger) as other:
        asked = await other.call_tool("spawn", {"handrail": FACTS, "s": era})
    action = ACTION.search(words(asked))
    assert action is not None

    reply = await send("tasks/get", era, taskId=action[0])

    assert reply.error is not None
    assert reply.error["code"] == (-32602 if era == "legacy" else -32021)


# --- packages that nobody here wrote --------------------------------------------------------------


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout


@MODES
async def test_the_git_server_read_changed_and_committed_through_handrail(
    house: Gate, tmp_path: Path, mode: str
) -> None:
    repository = tmp_path / "repo"
    repository.mkdir()
    git(repository, "init", "-q")
    git(repository, "config", "user.email", "a@x.example")
    git(repository, "config", "user.name", "A")
    (repository / "new.txt").write_text("new")
    if "git" not in house.house.middle.keeper.current().connections:
        house.connect("git", str(Path(sys.executable).parent / "mcp-server-git"))
    key = house.key(f"Git agent {mode}", "git")
    path = {"repo_path": str(repository)}
    async with client(house, "git", key, mode=mode) as agent:
        status = await agent.call_tool("git_status", path)
        added = await agent.call_tool("git_add", {**path, "files": ["new.txt"]})
        asked = await agent.call_tool("git_commit", {**path, "message": "first", "handrail": FACTS})
        unsigned = await agent.call_tool(
            "git_create_branch", {**path, "branch_name": "b", "handrail": FACTS}
        )
        assert "Untracked files" in words(status)
        assert not added.is_error
        action = ACTION.search(words(asked))
        assert action is not None
        assert ACTION.search(words(unsigned)), "a tool without a row waits"
        assert not git(repository, "log"), "nothing is committed yet"

        for waiting in house.waiting():
            if waiting["id"] != action[0]:
                agent_of = house.house.middle.keeper.current().agents[waiting["agent"]]
                house.services.govern.withdraw(agent_of, waiting["id"])
        await decide(house, "approve")
        await eventually(house, action[0], "done")
        result = await agent.call_tool("handrail_status", {"action": action[0]})

    assert "Changes committed successfully" in words(result)
    assert len(git(repository, "log", "--oneline").splitlines()) == 1
    with house.house.store.read() as reader:
        added_row = next(r for r in rows(house)[::-1] if r["tool"] == "git_add")
        assert any(n["action"] == added_row["id"] for n in reader.notices(limit=1000))
