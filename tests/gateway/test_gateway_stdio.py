"""`handrail gateway`: the bridge as a process, spoken to by the SDK's stdio client and by npm's
inspector."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import orjson
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ToolsListChanged

from support.fixture import until
from support.gate import Gate, words

pytestmark = pytest.mark.anyio
MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])
RUN = "import typer; from handrail.cli import gateway; app = typer.Typer(); gateway.register(app); app()"
NPM = Path(__file__).parents[1] / "npm" / "node_modules" / ".bin"


def bridge(house: Gate, key: str, connection: str = "up", url: str = "") -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-c", RUN, "--connection", connection],
        env={"HANDRAIL_URL": url or house.url, "HANDRAIL_KEY": key},
    )


@MODES
async def test_the_bridge_carries_results_progress_and_big_messages(
    house: Gate, key: str, mode: str
) -> None:
    told: list[float] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async with Client(stdio_client(bridge(house, key)), mode=mode) as agent:
        tools = {t.name for t in (await agent.list_tools()).tools}
        echoed = await agent.call_tool("echo", {"a": [None, 1.5]})
        big = await agent.call_tool("big", {"bytes": 3 << 20})
        await agent.call_tool("progress", {"steps": 3}, progress_callback=hear)
        read = await agent.read_resource("note://one")

    assert {"echo", "handrail_status"} <= tools
    assert echoed.structured_content == {"a": [None, 1.5]}
    assert len(words(big)) == 3 << 20
    assert told == [1.0, 2.0, 3.0]
    assert isinstance(read.contents[0], types.TextResourceContents)


@MODES
async def test_cancelling_goes_through_the_bridge(house: Gate, key: str, mode: str) -> None:
    before = len(house.journal.words("cancelled")), len(house.journal.calls("slow"))
    async with Client(stdio_client(bridge(house, key)), mode=mode) as agent:
        async with anyio.create_task_group() as calls:
            calls.start_soon(agent.call_tool, "slow", {})
            await anyio.to_thread.run_sync(
                lambda: until(lambda: len(house.journal.calls("slow")) > before[1])
            )
            calls.cancel_scope.cancel()
        await anyio.to_thread.run_sync(
            lambda: until(lambda: len(house.journal.words("cancelled")) > before[0])
        )
        assert (await agent.call_tool("echo", {})).structured_content == {}


async def test_list_changes_come_through_the_bridge(house: Gate, key: str) -> None:
    heard = anyio.Event()

    async def hear(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            heard.set()

    with anyio.fail_after(30):
        async with (
            Client(stdio_client(bridge(house, key)), mode="legacy", message_handler=hear) as old,
            Client(stdio_client(bridge(house, key))) as new,
            new.listen(tools_list_changed=True) as changes,
        ):
            await old.list_tools()
            await anyio.to_thread.run_sync(_accept_one, house)
            await heard.wait()
            async for change in changes:
                assert isinstance(change, ToolsListChanged)
                break


def _accept_one(house: Gate) -> None:
    """Put the row of a tool out of service and back: the served list changes twice."""

    def unit(view: Any) -> Any:
        from handrail.core.events import EventType
        from handrail.store.contract import Change, Event, Rows

        change = Change("tool", ("up", "tool", "stderr"), {"state": "changed"})
        facts = {"type": "up.stderr", "kind": "tool", "state": "changed"}
        event = Event(EventType.TOOL_WITHHELD, "handrail", None, (), facts)
        return Rows((change,), (event,), control=True)

    house.house.store.commit(unit)


@pytest.mark.parametrize(
    ("key_", "connection", "why"),
    [("hr_wrong", "up", "this key is not known"), (None, "elsewhere", "no such connection")],
)
@MODES
async def test_a_refusal_of_the_door_reaches_the_client(
    house: Gate, key: str, key_: str | None, connection: str, why: str, mode: str
) -> None:
    with pytest.raises(Exception, match=r"(?s).*") as refused:
        async with Client(stdio_client(bridge(house, key_ or key, connection)), mode=mode):
            pass

    assert why in _whole(refused.value)


async def test_a_server_that_is_not_there_is_said_so(house: Gate, key: str) -> None:
    with pytest.raises(Exception, match=r"(?s).*") as refused:
        async with Client(stdio_client(bridge(house, key, url="http://127.0.0.1:9"))):
            pass

    assert "Handrail does not answer" in _whole(refused.value)


def _whole(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return " ".join(_whole(e) for e in error.exceptions)
    return str(error.error.message if isinstance(error, MCPError) else error)


def test_without_a_key_it_does_not_start(house: Gate, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "HANDRAIL_URL": house.url,
        "XDG_CONFIG_HOME": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--connection", "up"],
        env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    assert done.returncode != 0
    assert "there is no key for up" in done.stderr
    assert not done.stdout


def test_lines_that_are_no_messages_are_answered_and_the_end_of_input_ends_it(
    house: Gate, key: str
) -> None:
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {},
                   "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    environment = {**os.environ, "HANDRAIL_URL": house.url, "HANDRAIL_KEY": key}
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--connection", "up"],
        env=environment, capture_output=True, timeout=60, check=False,
        input=b"not json\n" + orjson.dumps(hello) + b"\n",
    )  # fmt: skip

    answers = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert answers[0]["error"]["code"] == -32700
    assert answers[1]["result"]["serverInfo"]["name"] == "fixture"
    assert done.returncode == 0


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed here")
def test_npms_inspector_lists_and_calls(house: Gate, key: str) -> None:
    spoken = ["-e", f"HANDRAIL_URL={house.url}", "-e", f"HANDRAIL_KEY={key}"]
    target = [sys.executable, "-c", RUN, "--connection", "up"]
    command = [str(NPM / "mcp-inspector"), "--cli", *spoken, *target]

    listed = subprocess.run(
        [*command, "--method", "tools/list"], capture_output=True, check=True, timeout=120
    )
    called = subprocess.run(
        [*command, "--method", "tools/call", "--tool-name", "echo", "--tool-arg", "a=1"],
        capture_output=True,
        check=True,
        timeout=120,
    )

    assert {"echo", "handrail_note"} <= {t["name"] for t in orjson.loads(listed.stdout)["tools"]}
    assert orjson.loads(called.stdout)["structuredContent"] == {"a": "1"}
