"""Limits, outcomes that contradict, and malformed requests: what a caller is told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from handrail.core.action import State
from handrail.core.model import Classification, Tier
from handrail.errors import BadInput, NotFound, TooMany, Unavailable, Unsure
from handrail.gateway import shapes
from handrail.service.acted import Acted, Answered
from support.gate import POLICY, Gate, client, gate, policy_files, words

pytestmark = pytest.mark.anyio
DONE = Acted(
    id="act_1", state=State.DONE, tier=Tier.AUTONOMOUS,
    classification=Classification(Tier.AUTONOMOUS, (), "p", None), text="As specified.",
    reply=Answered(result={"content": [{"type": "text", "text": "ok"}], "isError": False}),
    at=datetime(2026, 11, 1, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"arguments": {}}),
        ("tools/call", {"name": 7}),
        ("tools/call", {"name": "echo", "arguments": []}),
        ("resources/read", {}),
        ("prompts/get", {"name": "greet", "arguments": {"who": 1}}),
        ("tools/list", {"cursor": 7}),
    ],
)
async def test_malformed_requests_are_invalid_parameters(
    house: Gate, key: str, mode: str, method: str, params: dict[str, Any]
) -> None:
    async with client(house, "up", key, mode=mode) as agent:
        with pytest.raises(MCPError) as refused:
            await agent.session._dispatcher.send_raw_request(
                method,
                _with_envelope(params, modern=mode == "auto"),
                _headers(method, mode, params),
            )

    assert refused.value.error.code in {-32602, -32020}, "the header may be what is wrong"
    assert "Traceback" not in refused.value.error.message


def _with_envelope(params: dict[str, Any], *, modern: bool) -> dict[str, Any]:
    prefix = "io.modelcontextprotocol/"
    meta = {
        f"{prefix}protocolVersion": "2026-07-28",
        f"{prefix}clientInfo": {"name": "t", "version": "1"},
        f"{prefix}clientCapabilities": {},
    }
    return {**params, "_meta": meta} if modern else params


def _headers(method: str, mode: str, params: dict[str, Any]) -> dict[str, Any]:
    if mode == "legacy":
        return {}
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method}
    return {"headers": headers | ({"mcp-name": str(params["name"])} if "name" in params else {})}


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A house that lets an agent ask twice an hour."""
    files = policy_files()
    files["handrail.yaml"] = POLICY.replace("actions_per_hour: 100000", "actions_per_hour: 2")
    with gate(tmp_path_factory.mktemp("tight"), files=files) as found:
        found.connect_fixture()
        yield found


async def test_over_a_limit_the_text_says_when_to_come_back(tight: Gate) -> None:
    async with client(tight, "up", tight.key("Eager", "up")) as agent:
        for _ in range(2):
            assert not (await agent.call_tool("echo", {})).is_error
        result = await agent.call_tool("echo", {})
        with pytest.raises(MCPError, match="Retry-After") as refused:
            await agent.read_resource("note://one")

    assert result.is_error
    assert words(result).startswith("Not executed")
    assert "Retry-After: 60 s" in words(result)
    assert (result.meta or {})["handrail"]["retry_after"] == 60
    assert refused.value.error.data["handrail"]["state"] == "too-many"
    assert len(tight.journal.calls("echo")) == 2


def test_a_plain_result_goes_out_untouched() -> None:
    assert DONE.reply is not None
    assert shapes.of_acted(DONE, "tools/call", aware=False) == DONE.reply.result


def test_where_the_check_contradicts_the_tool_everybody_is_told() -> None:
    acted = replace(DONE, state=State.FAILED, text="Not as specified: it is still locked.")

    told = shapes.of_acted(acted, "tools/call", aware=False)["_meta"]["handrail"]

    assert told == {"state": "failed", "action": "act_1", "text": acted.text}


def test_what_was_reversed_since_is_no_result_any_more() -> None:
    result = shapes.of_acted(replace(DONE, state=State.REVERSED), "tools/call", aware=True)

    assert result["isError"]
    assert "reversed it since" in result["content"][0]["text"]


def test_a_prompt_asked_for_later_arrives_as_text() -> None:
    messages = [{"role": "user", "content": {"type": "text", "text": "hi"}}]
    acted = replace(DONE, reply=Answered(result={"messages": messages}))

    result = shapes.of_acted(acted, "tools/call", aware=True)

    assert '"hi"' in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("error", "opening"),
    [
        (TooMany("full", retry_after=9), "Not executed: full. Retry-After: 9 s."),
        (Unavailable("no store"), "Not executed: no store."),
        (Unsure("lost"), "lost. Whether it was taken on is not known"),
        (NotFound("no such thing"), "Refused: no such thing."),
    ],
)
def test_errors_become_words_where_a_model_reads_them(error: Any, opening: str) -> None:
    result = shapes.refused(error, "tools/call")

    assert result["isError"]
    assert result["content"][0]["text"].startswith(opening)
    assert result["_meta"]["handrail"]["state"] == error.code
    with pytest.raises(MCPError):
        shapes.refused(error, "resources/read")


def test_bad_input_is_invalid_parameters_with_its_hint() -> None:
    with pytest.raises(MCPError) as raised:
        shapes.refused(BadInput("it is odd", hint="Make it even."), "tools/call")

    assert raised.value.error.code == -32602
    assert raised.value.error.message == "it is odd. Make it even."


def test_an_answer_sheds_the_envelope_of_the_other_era() -> None:
    modern = {
        "resultType": "complete", "ttlMs": 5, "cacheScope": "private", "tools": [],
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s"}},
    }  # fmt: skip
    legacy = shapes.enveloped(modern, "tools/list", None, modern=False)
    again = shapes.enveloped(legacy, "tools/list", {"name": "s", "version": "1"}, modern=True)

    assert legacy == {"tools": []}
    assert again["resultType"] == "complete"
    assert again["ttlMs"] == 0
    stamp = again["_meta"]["io.modelcontextprotocol/serverInfo"]
    assert stamp == {"name": "s", "version": "1"}


def test_a_missing_resource_crosses_eras() -> None:
    error = shapes.as_error({"code": -32002, "message": "Resource not found", "data": {"uri": "u"}})

    assert shapes.crossed(error, modern=True).error.code == -32602
    assert shapes.crossed(error, modern=False).error.code == -32002
