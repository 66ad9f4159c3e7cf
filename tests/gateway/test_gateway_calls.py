"""Calls through the gateway by real clients of both eras, judged by the upstream's own journal."""

import threading
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.executor import Order
from handrail.connectors.host import Host
from support.fixture import until
from support.gate import Gate, client, words

pytestmark = pytest.mark.anyio
MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])
ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])


def through(direct: Host, house: Gate, key: str) -> None:
    """Connect *direct* to the gateway as `gated`, and to the upstream itself as `bare`."""
    secret = {"Authorization": f"Bearer {key}"}
    direct.connect(
        ConnectionSpec(name="gated", kind="mcp-http", url=f"{house.url}/mcp/up", secret=secret)
    )
    with house.house.host._lock:
        spec = house.house.host._specs["up"]
    direct.connect(
        ConnectionSpec(name="bare", kind="mcp-stdio", command=spec.command, args=spec.args)
    )


def order(connection: str, era: str, method: str, **params: Any) -> Order:
    return Order(
        connection=connection, method=method, params=params, agent="a", client="c", era=era
    )


@ERAS
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "echo", "arguments": {"a": [1, None, 2.5], "ü": {}},
                        "_meta": {"vendor/sent": {"x": None}}}),
        ("tools/call", {"name": "big", "arguments": {"bytes": 3 << 20}}),
        ("tools/call", {"name": "fail", "arguments": {}}),
        ("tools/call", {"name": "error", "arguments": {"code": -32042}}),
        ("resources/read", {"uri": "note://one"}),
        ("prompts/get", {"name": "greet", "arguments": {"who": "Ann"}}),
        ("resources/list", {}),
        ("resources/templates/list", {}),
        ("prompts/list", {}),
    ],
)  # fmt: skip
async def test_results_are_those_of_the_upstream(
    house: Gate, key: str, direct: Host, era: str, method: str, params: dict[str, Any]
) -> None:
    through(direct, house, key)

    ours = await anyio.to_thread.run_sync(direct.execute, order("gated", era, method, **params))
    theirs = await anyio.to_thread.run_sync(direct.execute, order("bare", era, method, **params))

    if theirs.result is not None and era == "modern":
        assert ours.result is not None
        stamp = "io.modelcontextprotocol/serverInfo"
        meta = {k: v for k, v in (ours.result.get("_meta") or {}).items() if k != stamp}
        assert meta == (theirs.result.get("_meta") or {})
        bare = {k: v for k, v in theirs.result.items() if k != "_meta"}
        assert {k: v for k, v in ours.result.items() if k != "_meta"} == bare
    else:
        assert ours == theirs


@ERAS
async def test_tools_are_those_of_the_upstream_and_ours(
    house: Gate, key: str, direct: Host, era: str
) -> None:
    through(direct, house, key)
    theirs = {t["name"]: t for t in direct.offer("bare").tools}

    reply = await anyio.to_thread.run_sync(direct.execute, order("gated", era, "tools/list"))

    assert reply.result is not None
    ours = {t["name"]: t for t in reply.result["tools"]}
    assert set(ours) - set(theirs) == {
        "handrail_status", "handrail_withdraw", "handrail_answer", "handrail_escalate",
        "handrail_note",
    }  # fmt: skip
    assert ours["echo"] == theirs["echo"], "a read is listed untouched"
    changed = dict(ours["spawn"])
    assert changed["inputSchema"]["properties"].pop("handrail")["type"] == "object"
    assert "handrail" not in changed["inputSchema"].get("required", [])
    if era == "legacy":
        assert changed.pop("execution") == {"taskSupport": "optional"}
    assert changed == theirs["spawn"]


@MODES
async def test_the_handshake_shows_the_upstream_and_only_what_is_governed(
    house: Gate, key: str, mode: str
) -> None:
    async with client(house, "up", key, mode=mode) as agent:
        assert agent.server_info is not None
        assert agent.server_info.name == "fixture"
        assert agent.instructions == "Handle with care."
        can = agent.server_capabilities
        assert can.tools is not None
        assert can.prompts is not None
        assert can.resources is not None
        assert not can.resources.subscribe
        assert can.logging is None
        assert can.completions is None


@MODES
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("resources/subscribe", {"uri": "note://one"}),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet"},
                                 "argument": {"name": "who", "value": "A"}}),
        ("logging/setLevel", {"level": "debug"}),
        ("vendor/anything", {}),
    ],
)  # fmt: skip
async def test_I30_what_is_not_governed_is_not_forwarded(
    house: Gate, key: str, mode: str, method: str, params: dict[str, Any]
) -> None:
    before = len(house.journal.lines)
    async with client(house, "up", key, mode=mode) as agent:
        with pytest.raises(MCPError) as refused:
            await agent.session.send_request(
                types.Request[dict[str, Any], str](method=method, params=params), types.EmptyResult
            )

    assert refused.value.error.code == -32601
    assert len(house.journal.lines) == before


@MODES
async def test_progress_is_passed_on_in_order(house: Gate, key: str, mode: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async with client(house, "up", key, mode=mode) as agent:
        await agent.call_tool("progress", {"steps": 5}, progress_callback=hear)

    assert told == [(float(n), 5.0, f"step {n}") for n in range(1, 6)]


@MODES
async def test_cancelling_reaches_the_upstream_and_the_outcome_is_unknown(
    house: Gate, key: str, mode: str
) -> None:
    before = len(house.journal.words("cancelled")), len(house.journal.calls("slow"))
    async with client(house, "up", key, mode=mode) as agent, anyio.create_task_group() as calls:
        calls.start_soon(agent.call_tool, "slow", {})
        await anyio.to_thread.run_sync(
            lambda: until(lambda: len(house.journal.calls("slow")) > before[1])
        )
        calls.cancel_scope.cancel()

    await anyio.to_thread.run_sync(
        lambda: until(lambda: len(house.journal.words("cancelled")) > before[0])
    )
    with house.house.store.read() as reader:
        newest = max(reader.actions(limit=1000), key=lambda a: str(a["id"]))
    await anyio.to_thread.run_sync(lambda: until(lambda: state(house, newest["id"]) == "unknown"))


def state(house: Gate, action: str) -> str:
    with house.house.store.read() as reader:
        found = reader.row("action", action)
    assert found is not None
    return str(found["state"])


@MODES
async def test_I3_death_of_the_upstream_in_a_call_is_unknown_and_not_repeated(
    house: Gate, key: str, mode: str
) -> None:
    before = len(house.journal.calls("die"))
    async with client(house, "up", key, mode=mode) as agent:
        died = await agent.call_tool("die", {})
        after = await agent.call_tool("echo", {"still": "here"})

    assert died.is_error
    assert "may or may not have acted" in words(died)
    assert after.structured_content == {"still": "here"}
    assert len(house.journal.calls("die")) == before + 1


@pytest.mark.parametrize("what", ["sampling/createMessage", "elicitation/create", "roots/list"])
async def test_what_the_upstream_asks_of_the_caller_is_off(
    house: Gate, key: str, what: str
) -> None:
    asked: list[Any] = []

    async def never(*args: Any) -> Any:
        asked.append(args)

    callbacks: dict[str, Any] = {
        "sampling_callback": never, "elicitation_callback": never, "list_roots_callback": never,
    }  # fmt: skip
    async with client(house, "up", key, mode="legacy", **callbacks) as agent:
        result = await agent.call_tool("ask", {"what": what})

    assert words(result) == "refused: -32601"
    assert not asked


async def test_I23_log_lines_of_an_upstream_reach_nobody(house: Gate, key: str) -> None:
    heard: list[Any] = []

    async def hear(said: Any) -> None:
        heard.append(said)

    other = house.key("Listener", "up")
    async with (
        client(house, "up", key, mode="legacy", logging_callback=hear) as one,
        client(house, "up", other, mode="legacy", logging_callback=hear) as two,
    ):
        await one.call_tool("log", {})
        await one.call_tool("echo", {})
        await two.call_tool("echo", {})

    assert not heard


@MODES
async def test_a_missing_resource_has_the_code_of_the_callers_era(
    house: Gate, key: str, mode: str
) -> None:
    async with client(house, "up", key, mode=mode) as agent:
        with pytest.raises(MCPError) as unlisted:
            await agent.read_resource("other://x")
        with pytest.raises(MCPError) as crooked:
            await agent.read_resource("note://a/%2e%2e/b")

    assert unlisted.value.error.code == -32602
    assert crooked.value.error.code == -32602


@MODES
async def test_a_resource_of_a_template_is_governed_by_its_row(
    house: Gate, key: str, mode: str
) -> None:
    before = len(house.journal.words("read"))
    facts = {"reasoning": "It is named in the ticket", "ticket": "T-9", "confidence": 0.9}
    async with client(house, "up", key, mode=mode) as agent:
        with pytest.raises(MCPError) as waiting:
            await agent.read_resource("note://two", meta={"handrail": facts})
        error = waiting.value.error
        assert error.code == 8640
        assert error.message.startswith("Not executed")
        action = error.data["handrail"]["action"]
        assert len(house.journal.words("read")) == before

        await anyio.to_thread.run_sync(lambda: house.answer("approve"))
        await anyio.to_thread.run_sync(lambda: until(lambda: state(house, action) == "done"))
        read = await agent.call_tool("handrail_status", {"action": action})

    assert isinstance(read.content[0], types.EmbeddedResource)
    assert read.content[0].resource.uri == "note://two"
    assert len(house.journal.words("read")) == before + 1


@MODES
async def test_many_agents_at_once_each_get_their_own_answer(
    house: Gate, key: str, mode: str
) -> None:
    results: dict[int, Any] = {}
    async with client(house, "up", key, mode=mode) as agent:

        async def one(n: int) -> None:
            results[n] = (await agent.call_tool("echo", {"n": n})).structured_content

        async with anyio.create_task_group() as calls:
            for n in range(40):
                calls.start_soon(one, n)

    assert results == {n: {"n": n} for n in range(40)}
    assert threading.active_count() < 400
