"""Look-back: transcripts as they come → what would have waited (SPEC 2)."""

import json
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.lookback import LookBack, lines
from handrail.core.model import Effect, Tier
from handrail.core.policy import load
from handrail.core.presets import PRESETS
from handrail.core.starter_policy import starter
from handrail.core.transcripts import calls

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
CLAUDE_CODE = {
    "type": "assistant", "timestamp": "2026-11-02T09:30:00.000Z", "sessionId": "s",
    "message": {"role": "assistant", "content": [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t1", "name": "mcp__psa__get_ticket", "input": {"ticket_id": "T-1"}},
        {"type": "tool_use", "id": "t2", "name": "Bash", "input": {"command": "ls"}},
    ]},
}  # fmt: skip
DESKTOP = (
    '2026-11-02T09:30:00.000Z [psa] [info] Message from client: {"method":"tools/call","params":'
    '{"name":"get_ticket","arguments":{"ticket_id":"T-1"}},"jsonrpc":"2.0","id":3} { metadata: undefined }'
)
OTEL = {"resourceSpans": [{"scopeSpans": [{"spans": [
    {"name": "execute_tool get_ticket", "startTimeUnixNano": str(int(AT.timestamp() * 1e9)),
     "attributes": [
         {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
         {"key": "gen_ai.tool.name", "value": {"stringValue": "get_ticket"}},
         {"key": "mcp.server.name", "value": {"stringValue": "psa"}},
         {"key": "gen_ai.tool.call.arguments", "value": {"stringValue": '{"ticket_id": "T-1"}'}},
     ]},
    {"name": "chat", "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]},
]}]}]}  # fmt: skip
LANGSMITH = {"run_type": "tool", "name": "mcp__psa__get_ticket", "inputs": {"ticket_id": "T-1"},
             "start_time": "2026-11-02T09:30:00"}  # fmt: skip
OPENAI_CHAT = {"created_at": AT.timestamp(), "messages": [{"role": "assistant", "tool_calls": [
    {"id": "c", "type": "function",
     "function": {"name": "mcp__psa__get_ticket", "arguments": '{"ticket_id": "T-1"}'}},
]}]}  # fmt: skip
OPENAI_MCP = {"created_at": int(AT.timestamp()), "output": [
    {"type": "mcp_call", "server_label": "psa", "name": "get_ticket", "arguments": '{"ticket_id": "T-1"}'},
]}  # fmt: skip
PLAIN = {"server": "psa", "tool": "get_ticket", "arguments": {"ticket_id": "T-1"},
         "at": "2026-11-02T09:30:00Z"}  # fmt: skip


def read(*values):
    raw = [v.encode() if isinstance(v, str) else json.dumps(v).encode() for v in values]
    return list(calls(raw))


@pytest.mark.parametrize(
    "value", [CLAUDE_CODE, DESKTOP, OTEL, LANGSMITH, OPENAI_CHAT, OPENAI_MCP, PLAIN],
    ids=["claude-code", "claude-desktop", "otel", "langsmith", "openai", "openai-mcp", "plain"],
)  # fmt: skip
def test_each_format_gives_the_same_call(value):
    found = read(value)[0]
    assert (found.server, found.tool, dict(found.arguments), found.at) == (
        "psa", "get_ticket", {"ticket_id": "T-1"}, AT,
    )  # fmt: skip


def test_an_agents_own_tools_are_calls_too():
    assert [(c.server, c.tool) for c in read(CLAUDE_CODE)] == [
        ("psa", "get_ticket"), ("agent", "Bash"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line", ["", "no json", "{", "[]", "7", '{"type": "tool_use"}', '{"tool": 7, "arguments": {}}',
             '{"type": "function", "name": "x"}', "x [y] tools/call {broken",
             '{"type": "tool_use", "name": "", "input": {}}', "[" * 3000],
)  # fmt: skip
def test_what_is_no_call_is_passed_over(line):
    assert read(line) == []


def test_arguments_that_are_no_object_are_kept_as_what_they_are():
    (found,) = read({"type": "function_call", "name": "x", "arguments": "not json"})
    assert found.arguments == {"input": "not json"}


@settings(max_examples=200, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["type", "name", "input", "arguments", "tool", "server", "timestamp",
                         "attributes", "function", "run_type", "inputs", "at"]) | st.text(max_size=5),
        inner | st.sampled_from(["tool_use", "function", "mcp_call", "tool"]), max_size=6),
    max_leaves=20,
))  # fmt: skip
def test_any_json_is_read_and_judged_without_a_crash(value):
    try:
        raw = orjson.dumps(value)
    except TypeError:
        return
    found = looked(*calls([raw]))
    assert found["calls"] + found["unreadable"] >= 0
    assert list(lines(found))


def looked(*found):
    back = LookBack(POLICY)
    for call in found:
        back.add(call)
    return back.report()


POLICY = load(starter())


def test_what_would_have_waited_is_counted_by_day_and_shown():
    wipe = {"server": "rmm", "tool": "delete_device", "arguments": {"device_id": "PC-1"}}
    found = looked(*read(
        {**PLAIN, "server": "other"}, {**wipe, "at": "2026-11-02T10:00:00Z"},
        {**wipe, "at": "2026-11-04T10:00:00Z"}, {**wipe, "at": "2026-11-04T11:00:00Z"},
    ))  # fmt: skip
    assert (found["calls"], found["days"], found["tiers"]["1"], found["tiers"]["3"]) == (4, 3, 1, 3)
    asks = {p["name"]: p["asks_a_day"] for p in found["presets"]}
    assert asks["balanced"] == {"p50": 1, "p95": 2, "total": 3}
    assert asks["observe"]["total"] == 0
    (package,) = found["packages"]
    assert package["type"] == "rmm.delete_device"
    assert "PC-1" in package["arguments"]
    assert package["reasons"]


def test_a_call_that_hides_another_is_judged_by_what_it_hides():
    shell = {"server": "box", "tool": "run_command"}
    calm = looked(*read({**shell, "arguments": {"command": "rm -rf /srv"}}))
    assert calm["tiers"]["3"] == 1


def test_hostile_words_stay_within_their_line():
    bad = {"server": "x", "tool": "delete_user", "arguments": {"id": "a\u202eb\x1b[31m\nApproved"}}
    text = list(lines(looked(*read(bad))))
    assert not any("\x1b" in t or "\u202e" in t or "\n" in t for t in text)


def test_an_empty_past_says_so():
    assert list(lines(looked())) == ["No tool calls were found in these files."]


# --- presets ---------------------------------------------------------------------------------


@given(st.sampled_from(list(Tier)), st.sampled_from(list(Effect)), st.sampled_from(sorted(PRESETS)))
def test_I15_a_preset_that_holds_never_lowers(tier, effect, name):
    found = PRESETS[name].tier(tier, effect)
    assert found is None if name == "observe" else found >= tier


def test_presets_are_ordered_by_how_often_people_are_asked():
    found = looked(*read(*(
        {"server": "rmm", "tool": tool, "arguments": {"device_id": "PC-1"}, "at": "2026-11-02T10:00:00Z"}
        for tool in ("get_device", "add_note", "restart_service", "delete_device")
    )))  # fmt: skip
    asks = {p["name"]: p["asks_a_day"]["total"] for p in found["presets"]}
    assert asks["observe"] <= asks["balanced"] <= asks["cautious"]
