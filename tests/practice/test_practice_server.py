"""The practice upstream as its clients meet it: a process, stdio, a real MCP client."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import anyio
import jsonschema
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from handrail.practice.server import server
from handrail.practice.tools import TOOLS


async def listed(client):
    tools, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return tools


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_list_of_tools_is_whole_and_paged(serve, world, mode):
    """Over all pages every tool once; some have annotations and output schemas, some have none."""

    async def scene():
        async with serve(mode=mode) as client:
            first = await client.list_tools()
            assert first.next_cursor is not None
            return await listed(client)

    tools = anyio.run(scene)

    assert [t.name for t in tools] == list(TOOLS)
    assert 0 < sum(t.annotations is None for t in tools) < len(tools)
    assert 0 < sum(t.output_schema is not None for t in tools) < len(tools)
    for tool in tools:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)


def test_every_tool_can_be_called_and_is_in_the_log(serve, world, good_calls):
    """One good call of each: a result in text and data, and exactly one log row with what came in."""
    assert set(good_calls) == set(TOOLS)

    async def scene():
        async with serve("--queue", "0") as client:
            await listed(client)  # so that the client checks results against output schemas
            for tool, call in good_calls.items():
                if tool == "wipe_device":
                    continue  # last: nothing can be done to the device after it
                for name, arguments in call["before"]:
                    await client.call_tool(name, arguments)
                seen = world.audit()[-1].seq if world.audit() else 0
                result = await client.call_tool(tool, call["arguments"], meta={"x": tool})

                assert not result.is_error, (tool, result.content)
                assert result.content[0].text
                assert isinstance(result.structured_content, dict)
                (row,) = world.audit(after=seen)
                assert (row.tool, row.arguments, row.outcome) == (tool, call["arguments"], "ok")
                assert row.meta["x"] == tool
                await put_back(client, tool, call["arguments"])
            result = await client.call_tool("wipe_device", good_calls["wipe_device"]["arguments"])
            assert not result.is_error

    async def put_back(client, tool, arguments):
        """What would stand in the way of the next tool."""
        back = {
            "disable_user": "enable_user",
            "delete_user": "restore_user",
            "isolate_device": "release_device",
            "stop_service": "start_service",
        }.get(tool)
        if back:
            await client.call_tool(back, arguments)
        if tool == "update_package":
            await client.call_tool(tool, {**arguments, "version": "24.09"})
        if tool == "restore_file":
            await client.call_tool(
                "remove_restored_file",
                {"job_id": arguments["job_id"], "restored_to": arguments["path"] + ".restored"},
            )

    anyio.run(scene)


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("get_user", {}, "'user_id' is a required property"),
        ("get_user", {"user_id": 7}, "user_id: 7 is not of type 'string'"),
        ("get_user", {"user_id": "x", "handrail": {}}, "'handrail' was unexpected"),
        ("set_port_vlan", {"device_id": "HDG-SW01", "port": 0, "vlan": 9}, "port: 0 is less than"),
        (
            "deploy_package",
            {"client_ids": [], "package": "vlc"},
            "client_ids: [] should be non-empty",
        ),
        ("run_script", {"device_id": "HDG-FS01"}, "either script or content"),
        (
            "install_package",
            {"device_id": "HDG-FS01", "package": "7-zip", "version": "1"},
            "24.09 and",
        ),
    ],
)
def test_malformed_arguments_give_a_clear_error(serve, world, tool, arguments, says):
    """An error result that names the argument; nothing changed; the call is in the log."""
    before = world.dump()

    async def scene():
        async with serve() as client:
            return await client.call_tool(tool, arguments)

    result = anyio.run(scene)

    assert result.is_error
    assert says in result.content[0].text
    assert result.structured_content["error"]["code"] == "bad-input"
    assert world.dump() == before
    assert [r.outcome for r in world.audit()] == ["error"]


def test_realistic_errors(serve, world, good_calls):
    """Not there, already so, offline, no seat left: error results in the upstream's own words."""
    who = good_calls["disable_user"]["arguments"]
    with world.book(datetime.now(UTC)) as book:
        book.run("UPDATE device SET online = 0 WHERE id = 'LQM-ERP01'")
        book.run("UPDATE licence_pool SET total = 0 WHERE sku = 'PROJECT-PLAN3'")

    async def scene():
        async with serve() as client:

            async def error(tool, **arguments):
                result = await client.call_tool(tool, arguments)
                assert result.is_error, tool
                return result.structured_content["error"]["code"], result.content[0].text

            assert await error("get_user", user_id="nobody@x.example") == (
                "not-found",
                "user nobody@x.example does not exist.",
            )
            assert (await error("enable_user", **who))[0] == "conflict"
            assert (await error("reset_password", **{**who, "client_id": "brightwater"}))[0] == (
                "not-found"
            )
            assert (await error("reboot_device", device_id="LQM-ERP01"))[0] == "unavailable"
            assert "seats" in (await error("assign_license", **who, sku="PROJECT-PLAN3"))[1]
            assert (await error("close_ticket", ticket_id="LQM-9", resolution="x"))[
                0
            ] == "not-found"

    anyio.run(scene)


def test_an_unknown_tool_is_a_protocol_error(serve, world):
    """Invalid params, and nothing in the log: no such tool was ever called."""

    async def scene():
        async with serve() as client:
            with pytest.raises(MCPError, match="unknown tool"):
                await client.call_tool("no_such_tool", {})

    anyio.run(scene)
    assert world.audit() == []


def test_a_slow_tool_reports_its_steps(serve, world, good_calls):
    """Progress comes with number, total and words, in order."""
    steps = []

    async def seen(progress, total, message):
        steps.append((progress, total, message))

    async def scene():
        async with serve() as client:
            await client.call_tool(
                "run_backup_job", good_calls["run_backup_job"]["arguments"], progress_callback=seen
            )

    anyio.run(scene)
    assert steps == [(0, 3, "snapshot"), (1, 3, "copying"), (2, 3, "verifying")]


def test_resources_templates_and_the_prompt(serve, world, good_calls):
    """Runbooks, the index, client documents and the triage prompt; each read is in the log."""

    async def scene():
        async with serve() as client:
            resources = (await client.list_resources()).resources
            assert "runbook://RB-101" in [str(r.uri) for r in resources]
            for resource in resources:
                assert (await client.read_resource(str(resource.uri))).contents[0].text
            (template,) = (await client.list_resource_templates()).resource_templates
            assert template.uri_template == "document://{client_id}/{kind}"
            sheet = await client.read_resource("document://harbor-dental/client-sheet")
            assert "Harbor" not in sheet.contents[0].text
            assert "call-back" in sheet.contents[0].text
            for uri in ("document://nobody/client-sheet", "runbook://RB-999", "odd://x"):
                with pytest.raises(MCPError, match="does not exist"):
                    await client.read_resource(uri)
            await client.call_tool(*good_calls["get_ticket"]["before"][0])
            (prompt,) = (await client.list_prompts()).prompts
            filled = await client.get_prompt(prompt.name, {"ticket_id": "LQM-1001"})
            assert "LQM-1001: Test" in filled.messages[0].content.text
            with pytest.raises(MCPError, match="ticket nothing"):
                await client.get_prompt("triage", {"ticket_id": "nothing"})
            with pytest.raises(MCPError, match="unknown prompt"):
                await client.get_prompt("other", {})

    anyio.run(scene)
    tools = [r.tool for r in world.audit()]
    assert tools.count("resources/read") == 10
    assert tools.count("prompts/get") == 2


def test_a_restart_keeps_everything(serve, world, good_calls):
    """Another process on the same file goes on where the first was."""

    async def scene():
        async with serve() as client:
            await client.call_tool("disable_user", good_calls["disable_user"]["arguments"])
        state = world.dump()
        async with serve("--seed", "99") as client:
            result = await client.call_tool("disable_user", good_calls["disable_user"]["arguments"])
            assert "already disabled" in result.content[0].text
        assert world.dump() == state

    anyio.run(scene)
    assert [r.outcome for r in world.audit()] == ["ok", "error"]


def test_killed_while_it_works_it_loses_no_answered_call(world, world_path):
    """kill -9 in the middle of a stream of calls: every call that was answered is in the file."""
    process = subprocess.Popen(
        [sys.executable, "-m", "handrail.practice.server", "--world", str(world_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        hello = (
            '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
            '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
            '{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
        )
        process.stdin.write(hello)
        for number in range(1, 200):
            call = {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/call",
                "params": {
                    "name": "create_ticket",
                    "arguments": {
                        "client_id": "brightwater",
                        "subject": f"Number {number}",
                        "description": "d",
                    },
                },
            }
            process.stdin.write(json.dumps(call) + "\n")
        process.stdin.flush()
        answered = [process.stdout.readline() for _ in range(60)]
        process.kill()
    with closing(sqlite3.connect(world_path)) as file:
        (ok,) = file.execute("SELECT count(*) FROM audit WHERE outcome = 'ok'").fetchone()
        (tickets,) = file.execute("SELECT count(*) FROM ticket").fetchone()

    assert len([a for a in answered if '"id":0' not in a]) <= ok
    assert ok == tickets


def test_two_servers_share_one_world(serve, world):
    """Two processes on one file: every call of both is done and logged once."""

    async def scene():
        async with serve() as one, serve() as two, anyio.create_task_group() as tasks:
            for number in range(20):
                for client in (one, two):
                    tasks.start_soon(
                        client.call_tool,
                        "create_ticket",
                        {
                            "client_id": "brightwater",
                            "subject": f"Number {number}",
                            "description": "d",
                        },
                    )

    anyio.run(scene)
    assert len(world.audit()) == 40
    assert len({row[0] for row in world.dump()["ticket"]}) == 40


def test_the_queue_is_filled_by_looking_at_it(serve, world):
    """New tickets keep arriving, six at a time; other looks bring none."""

    async def scene():
        async with serve() as client:
            none = await client.call_tool("list_tickets", {})
            six = await client.call_tool("list_tickets", {"status": "new"})
            first = six.structured_content["tickets"][0]["id"]
            await client.call_tool("assign_ticket", {"ticket_id": first, "assignee": "x"})
            again = await client.call_tool("list_tickets", {"status": "new"})
            return [len(r.structured_content["tickets"]) for r in (none, six, again)]

    assert anyio.run(scene) == [0, 6, 6]
    assert len(world.dump()["ticket"]) == 7


def test_it_can_be_served_in_process(world):
    """The same server over the SDK's in-memory connection, for tests that want no process."""

    async def scene():
        async with Client(server(world, step=0)) as client:
            return await client.call_tool("get_device", {"device_id": "HDG-FS01"})

    assert anyio.run(scene).structured_content["role"] == "server"
