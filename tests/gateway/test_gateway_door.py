"""Who comes in: keys, connections, sessions, hosts, sizes, hostile bodies, and list changes."""

from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import mcp_types as types
import orjson
import pytest
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ToolsListChanged

from handrail.connectors.executor import Order
from support.fixture import until
from support.gate import Gate, client, words

pytestmark = pytest.mark.anyio
MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}  # fmt: skip


def modern(
    method: str, named: str | None = None, /, **params: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """A modern request as raw JSON, and its headers."""
    prefix = "io.modelcontextprotocol/"
    meta = {
        f"{prefix}protocolVersion": "2026-07-28",
        f"{prefix}clientInfo": {"name": "t", "version": "1"},
        f"{prefix}clientCapabilities": params.pop("capabilities", {}),
        **params.pop("meta", {}),
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    headers = {**ACCEPT, "mcp-protocol-version": "2026-07-28", "mcp-method": method}
    if named is not None:
        headers["mcp-name"] = named
    return body, headers


@pytest.fixture
def http(house: Gate, key: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=house.url, timeout=30, headers={**ACCEPT, "Authorization": f"Bearer {key}"}
    ) as http:
        yield http


# --- keys and connections -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "credential", [None, "Bearer", "Bearer hr_wrong", "Basic abc", "Bearer " + "x" * 5000]
)
def test_without_a_valid_key_nobody_comes_in(house: Gate, credential: str | None) -> None:
    headers = {} if credential is None else {"Authorization": credential}

    refused = httpx2.post(f"{house.url}/mcp/up", json=HELLO, headers={**ACCEPT, **headers})

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "resource_metadata" not in refused.headers["www-authenticate"]
    assert refused.json()["hint"]


@pytest.mark.parametrize(
    "path", ["/mcp/none", "/mcp/", "/mcp/up/more", "/mcp/%2e%2e", "/mcp/" + "x" * 200]
)
def test_an_unknown_connection_is_not_found(http: httpx2.Client, path: str) -> None:
    assert http.post(path, json=HELLO).status_code == 404


def test_I23_another_agents_connection_is_no_connection(house: Gate, http: httpx2.Client) -> None:
    elsewhere = house.key("Elsewhere")

    refused = http.post("/mcp/up", json=HELLO, headers={"Authorization": f"Bearer {elsewhere}"})

    assert refused.status_code == 404


def test_a_session_belongs_to_its_agent_and_connection(house: Gate, http: httpx2.Client) -> None:
    session = http.post("/mcp/up", json=HELLO).headers["mcp-session-id"]
    stranger = house.key("Session thief", "up")
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}

    stolen = http.post(
        "/mcp/up", json=listing,
        headers={"mcp-session-id": session, "Authorization": f"Bearer {stranger}"},
    )  # fmt: skip

    assert stolen.status_code == 404


def test_a_suspended_agent_is_out_at_its_next_request(house: Gate) -> None:
    key = house.key("Soon suspended", "up")
    headers = {**ACCEPT, "Authorization": f"Bearer {key}"}
    assert httpx2.post(f"{house.url}/mcp/up", json=HELLO, headers=headers).status_code == 200
    agents = house.house.middle.keeper.current().agents.values()
    agent = next(a for a in agents if a.name == "Soon suspended")

    house.services.directory.suspend(house.who, agent.id, True)

    assert httpx2.post(f"{house.url}/mcp/up", json=HELLO, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
def test_foreign_hosts_and_origins_are_refused(
    http: httpx2.Client, headers: dict[str, str]
) -> None:
    body, more = modern("server/discover")

    assert http.post("/mcp/up", json=HELLO, headers=headers).status_code in {403, 421}
    assert http.post("/mcp/up", json=body, headers={**more, **headers}).status_code in {403, 421}


# --- hostile bodies -------------------------------------------------------------------------------


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


HOSTILE = {
    "no json": b"{",
    "no object": b"[]",
    "deep beyond parsing": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    + nested(100_000).encode()
    + b"}",
    "too large": b'{"x":"' + b"y" * (5 << 20) + b'"}',
    "not text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("which", HOSTILE)
@MODES
def test_hostile_bodies_are_refused_and_nothing_breaks(
    http: httpx2.Client, which: str, mode: str, house: Gate
) -> None:
    before = len(house.journal.lines)
    headers = modern("tools/call", "echo")[1] if mode == "auto" else ACCEPT

    refused = http.post("/mcp/up", content=HOSTILE[which], headers=headers)

    assert 400 <= refused.status_code < 500
    assert http.post("/mcp/up", json=HELLO).status_code == 200
    assert len(house.journal.lines) == before


HOSTILE_ARGUMENTS = {
    "deep": '{"a":' + nested(200) + "}",
    "deeper": '{"a":' + nested(900) + "}",
    "huge number": '{"n":' + "9" * 400 + "}",
    "not a number": '{"n":NaN}',
    "infinite": '{"n":-Infinity}',
    "half a character": '{"t":"\\ud800"}',
    "over a megabyte": '{"t":"' + "z" * (1 << 21) + '"}',
}


@pytest.mark.parametrize("which", HOSTILE_ARGUMENTS)
@MODES
def test_I16_hostile_arguments_are_refused_in_clear_words(
    http: httpx2.Client, house: Gate, which: str, mode: str
) -> None:
    before = len(house.journal.lines)
    body, headers = modern("tools/call", "echo", name="echo", arguments="@@")
    if mode == "legacy":
        session = http.post("/mcp/up", json=HELLO).headers["mcp-session-id"]
        headers = {**ACCEPT, "mcp-session-id": session}
        done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        http.post("/mcp/up", json=done, headers=headers)
        del body["params"]["_meta"]
    raw = orjson.dumps(body).replace(b'"@@"', HOSTILE_ARGUMENTS[which].encode())

    answered = http.post("/mcp/up", content=raw, headers=headers)

    text = answered.text
    assert '"error"' in text or answered.status_code >= 400
    assert "Traceback" not in text
    assert answered.status_code < 500
    assert len(house.journal.lines) == before


async def test_strange_names_and_texts_are_only_data(house: Gate, key: str) -> None:
    text = "'; DROP TABLE action; -- <script>alert(1)</script> \u202e {args.x} \x00"
    async with client(house, "up", key) as agent:
        echoed = await agent.call_tool(
            "echo", {"text": text, "handrail": {"reasoning": text, "ticket": text}}
        )
        unknown = await agent.call_tool(text, {})
        status = await agent.call_tool("handrail_status", {"action": text})
        with pytest.raises(MCPError):
            await agent.call_tool("handrail_status", {"action": 7})
        with pytest.raises(MCPError):
            await agent.read_resource(text)

    assert echoed.structured_content == {"text": text}
    assert unknown.is_error
    assert status.is_error


# --- modern tasks, raw ----------------------------------------------------------------------------

TASKS = "io.modelcontextprotocol/tasks"
ABLE = {"capabilities": {"extensions": {TASKS: {}}}}
FACTS = {"handrail": {"reasoning": "so", "ticket": "T-3", "confidence": 0.9}}


def said(
    http: httpx2.Client, method: str, named: str | None = None, /, **params: Any
) -> dict[str, Any]:
    body, headers = modern(method, named, **params)
    answer: dict[str, Any] = http.post("/mcp/up", json=body, headers=headers).json()
    return answer


def test_a_modern_task_from_handle_to_result(house: Gate, http: httpx2.Client) -> None:
    discovered = said(http, "server/discover")["result"]
    assert discovered["capabilities"]["extensions"] == {TASKS: {}}
    made = said(http, "tools/call", "spawn", name="spawn", arguments={}, meta=FACTS, **ABLE)[
        "result"
    ]
    assert made["resultType"] == "task"
    assert made["status"] == "working"
    task = made["taskId"]

    for undeclared in ("tasks/get", "tasks/update", "tasks/cancel"):
        error = said(http, undeclared, taskId=task)["error"]
        assert error["code"] == -32021
        assert error["data"]["requiredCapabilities"]["extensions"] == {TASKS: {}}
    assert said(http, "tasks/get", "act_other", taskId=task, **ABLE)["error"]["code"] == -32020
    assert said(http, "tasks/get", taskId="act_none", **ABLE)["error"]["code"] == -32602
    assert said(http, "tasks/get", taskId=7, **ABLE)["error"]["code"] == -32602
    assert said(http, "tasks/list", **ABLE)["error"]["code"] == -32601

    house.answer("ask", note="Which one?")
    asked = said(http, "tasks/get", task, taskId=task, **ABLE)["result"]
    assert asked["status"] == "input_required"
    ((question, request),) = asked["inputRequests"].items()
    assert request["params"]["message"] == "Which one?"
    response = {question: {"action": "accept", "content": {"answer": "The first"}}}
    stale = {"question-99": {"content": {"answer": "ignored"}}}
    for responses in (stale, response):
        updated = said(http, "tasks/update", taskId=task, inputResponses=responses, **ABLE)
        assert updated["result"]["resultType"] == "complete"
    assert said(http, "tasks/get", taskId=task, **ABLE)["result"]["status"] == "working"

    house.answer("approve")
    done = until(
        lambda: (
            (found := said(http, "tasks/get", taskId=task, **ABLE)["result"])["status"]
            == "completed"
            and found
        )
    )
    assert orjson.loads(done["result"]["content"][0]["text"])["pid"]
    assert done["result"]["resultType"] == "complete"
    again = said(http, "tasks/cancel", taskId=task, **ABLE)
    assert again["result"]["resultType"] == "complete", "a terminal task is cancelled in vain"


def test_cancelling_a_modern_task_withdraws_it(house: Gate, http: httpx2.Client) -> None:
    before = len(house.journal.calls("spawn"))
    made = said(http, "tools/call", "spawn", name="spawn", arguments={"c": 1}, meta=FACTS, **ABLE)
    task = made["result"]["taskId"]

    said(http, "tasks/cancel", taskId=task, **ABLE)

    assert said(http, "tasks/get", taskId=task, **ABLE)["result"]["status"] == "cancelled"
    assert not house.waiting()
    assert len(house.journal.calls("spawn")) == before


def test_tier_1_is_no_task_though_tasks_are_declared(http: httpx2.Client) -> None:
    done = said(http, "tools/call", "echo", name="echo", arguments={"a": 1}, **ABLE)["result"]

    assert done["resultType"] == "complete"
    assert done["structuredContent"] == {"a": 1}


# --- changes --------------------------------------------------------------------------------------


@MODES
async def test_a_new_tool_is_withheld_until_a_person_accepts_it(
    house: Gate, key: str, mode: str
) -> None:
    novel, heard = f"novel_{mode}", anyio.Event()

    async def hear(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            heard.set()

    def state() -> Any:
        tools = house.house.middle.keeper.current().tools
        row = tools.get(("up", "tool", novel))
        return row["state"] if row else None

    async with client(house, "up", key, mode=mode, message_handler=hear) as agent:
        before = {t.name for t in (await agent.list_tools()).tools}

        async def accept() -> None:
            await agent.call_tool("change", {"tool": novel})
            # The lister's own session is another process of the fixture: it learns of it so.
            await anyio.to_thread.run_sync(lambda: teach(house, novel))
            await anyio.to_thread.run_sync(lambda: until(lambda: state() == "new"))
            assert novel not in {t.name for t in (await agent.list_tools()).tools}
            withheld = await agent.call_tool(novel, {})
            assert "withheld" in words(withheld)
            await anyio.to_thread.run_sync(
                lambda: house.services.catalogue.accept(house.who, "up", "tool", novel)
            )

        with anyio.fail_after(30):
            if mode == "legacy":
                await accept()
                await heard.wait()
            else:
                async with agent.listen(tools_list_changed=True) as changes:
                    await accept()
                    async for change in changes:
                        assert isinstance(change, ToolsListChanged)
                        break
        after = {t.name for t in (await agent.list_tools()).tools}

    assert after - before == {novel}


def teach(house: Gate, name: str) -> None:
    """Have the upstream of Handrail's own list session offer *name* as well."""
    house.house.host.execute(
        Order(connection="up", method="tools/call", agent="handrail", client="",
              params={"name": "change", "arguments": {"tool": name}})
    )  # fmt: skip
