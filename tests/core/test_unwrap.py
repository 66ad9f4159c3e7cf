"""Calls that hide another are judged by what is inside; what can't be parsed is tier 3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.classify import classify
from handrail.core.model import Snapshot, Tier
from handrail.core.unwrap import Hiding, hiding, inside
from support import policies as make


@pytest.mark.parametrize(
    ("tool", "arguments", "how"),
    [
        ("http_call", {"method": "GET", "path": "/x"}, Hiding.REQUEST),
        ("anything", {"HTTP-Method": "GET", "relative_url": "/x"}, Hiding.REQUEST),
        ("graph_batch", {"requests": []}, Hiding.REQUEST),
        ("raw", {"x": 1}, Hiding.REQUEST),
        ("db_reader", {"sql": "select 1"}, Hiding.QUERY),
        ("run_anything", {"command": "ls"}, Hiding.COMMAND),
        ("remote_shell", {"cmd": "ls"}, Hiding.COMMAND),
        ("devices", {"action": "reboot"}, Hiding.MULTIPLEXER),
        ("update_ticket", {"action": "x"}, None),
        ("create_note", {"command": "x"}, None),
        ("get_raw_log", {"id": 1}, None),
        ("get_ticket", {"id": 1}, None),
    ],
)
def test_hidden_calls_are_recognised_by_their_shape(tool, arguments, how):
    assert hiding(tool, arguments) is how


@pytest.mark.parametrize(
    ("tool", "arguments", "tier"),
    [
        ("http_call", {"method": "get", "path": "/tickets/1"}, 1),
        ("http_call", {"method": "GET", "path": "/users/1/messages"}, 3),
        ("http_call", {"method": "GET", "path": "/vault/secrets"}, 3),
        ("http_call", {"method": "GET", "path": "/frobs/1"}, 3),
        ("http_call", {"method": "POST", "path": "/tickets"}, 1),
        ("http_call", {"method": "PATCH", "path": "/companies/3"}, 2),
        ("http_call", {"method": "DELETE", "path": "/tickets/1"}, 2),
        ("http_call", {"method": "PUT", "path": "/firewall/rules/1"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets/%2e%2e/users"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets/../users"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets\n/1"}, 3),
        ("http_call", {"method": "SEARCH", "path": "/tickets"}, 3),
        ("http_call", {"method": 7, "path": "/tickets"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets", "url": "/users"}, 3),
        ("http_call", {"method": "GET", "path": None}, 3),
        ("http_call", {"method": "GET", "path": "/tickets/" + "1" * 500}, 3),
        (
            "http_call",
            {"method": "GET", "path": "/tickets/1", **{f"a{n}": 1 for n in range(200)}},
            1,
        ),
        ("http_call", {"method": "GET", "path": "/tickets;x=1"}, 3),
        ("http_call", {"method": "GET", "path": "/v1.0/tickets/00000000-1111-2222"}, 1),
        ("http_call", {"method": "GET", "path": "/ｔickets"}, 3),
        ("http_call", {"method": "GET", "url": "https://api.example.com/v2/tickets/1"}, 1),
        ("http_call", {"method": "GET", "url": "http://api.example.com/tickets"}, 3),
        ("http_call", {"method": "GET", "url": "https://127.0.0.1/tickets"}, 3),
        ("http_call", {"method": "GET", "url": "https://vault.internal/tickets"}, 3),
        ("http_call", {"method": "GET", "url": "https://u@api.example.com/tickets"}, 3),
        ("http_call", {"method": "GET", "url": "https://[bad/tickets"}, 3),
        ("http_call", {"method": "GET", "path": "/a//tickets"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets?$expand=messages"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets?$select=password"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets?page=2"}, 1),
        ("http_call", {"method": "GET", "path": "/tickets?_method=DELETE"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets?a=1&_method=DELETE"}, 3),
        (
            "http_call",
            {"method": "GET", "path": "/tickets", "headers": {"X-HTTP-Method-Override": "PUT"}},
            3,
        ),
        ("http_call", {"method": "GET", "path": "/tickets", "headers": "X: y"}, 3),
        ("http_call", {"method": "GET", "path": "/tickets", "headers": {"Accept": "x"}}, 1),
        ("http_call", {"method": "GET", "path": "/tickets", "headers": None}, 1),
        ("http_call", {"method": "POST", "path": "/graphql/tickets"}, 3),
        ("graph_batch", {"requests": [{"method": "GET", "url": "/tickets"}]}, 1),
        (
            "graph_batch",
            {
                "requests": [
                    {"method": "GET", "url": "/tickets"},
                    {"method": "DELETE", "url": "/users/1"},
                ]
            },
            3,
        ),
        ("graph_batch", {"requests": []}, 3),
        ("graph_batch", {"requests": ["GET /tickets"]}, 3),
        ("graph_batch", {"requests": [{"method": "GET"}]}, 3),
        ("graph_batch", {"requests": [{"method": "GET", "url": "/tickets"}] * 51}, 3),
        ("db_reader", {"sql": "SELECT 1"}, 1),
        ("postgres_read", {"query": "select id from tickets"}, 1),
        ("search_tickets", {"query": "printer; drop table x"}, None),
        ("db_reader", {"kql": "SecurityEvent | take 1"}, 3),
        ("db_reader", {"sql": "select 1", "kql": "x"}, 3),
        ("db_reader", {"sql": "select id from ｔickets"}, 1),
        ("run_command", {"command": "reboot", "com-mand": "hostname"}, 3),
        ("run_script", {"script": "a.ps1", "Scri_pt": "b"}, 3),
        ("run_command", {"params": {"command": "reboot"}}, 3),
        ("run_command", {"steps": [{"command": "hostname"}, {"command": "reboot"}]}, 3),
        ("run_command", {"steps": [{"command": "hostname"}, 7]}, 1),
        ("run_command", {"command": "hostname", "script": "reboot now"}, 3),
        ("run_command", {"command": "reboot", "tool": "list_tickets", "args": {}}, 3),
        ("http_call", {"method": "GET", "path": "/tickets", "sql": "drop table x"}, 3),
        ("call_tool", {"tool": "list_tickets", "arguments": {}}, 1),
        ("call_tool", {"tool_name": "delete_user", "arguments": {"id": 1}}, 3),
        ("call_tool", {"tool": "run_command", "args": {"command": "hostname"}}, 1),
        ("call_tool", {"tool": "run_command", "args": {"command": "reboot"}}, 3),
        ("call_tool", {"tool": "list_tickets", "args": "x"}, 3),
        ("call_tool", {"tool": "frob", "args": {}}, 3),
        ("call_tool", {"tool": 7, "args": {}}, 3),
        (
            "call",
            {
                "tool": "call",
                "args": {
                    "tool": "call",
                    "args": {
                        "tool": "call",
                        "args": {"tool": "call", "args": {"tool": "list_tickets", "args": {}}},
                    },
                },
            },
            3,
        ),
        ("db_reader", {"sql": "drop table x"}, 3),
        ("db_reader", {"sql": ["x"]}, 3),
        ("run_command", {"command": "hostname"}, 1),
        ("run_command", {"command": "Get-Service -Name Spooler"}, 1),
        ("run_command", {"command": "ping -n 1 host"}, 1),
        ("run_command", {"command": "ping a b c d e"}, 3),
        ("run_command", {"command": "hostname; reboot"}, 3),
        ("run_command", {"command": "hostname\nreboot"}, 3),
        ("run_command", {"command": "hostname $(reboot)"}, 3),
        ("run_command", {"command": "cat /etc/passwd"}, 3),
        ("run_command", {"command": "'unclosed"}, 3),
        ("run_command", {"command": ""}, 3),
        ("run_command", {"command": ["hostname"]}, 1),
        ("run_command", {"command": ["hostname", "new"]}, 3),
        ("run_command", {"command": ["bash", "-c", "reboot"]}, 3),
        ("run_command", {"command": ["sudo", "--odd"]}, 3),
        ("run_command", {"command": ["echo", "a; reboot"]}, 3),
        ("run_command", {"command": ["sudo"]}, 3),
        ("run_command", {"command": []}, 3),
        ("run_command", {"command": ["x"] * 101}, 3),
        ("run_command", {"command": "ｈostname"}, 1),
        ("run_command", {"command": "hostname \uff02; reboot\uff02"}, 3),
        ("run_powershell", {"command": "Get-Service | Select-Object Name"}, 1),
        ("ssh_exec", {"command": "uptime; df -h | head -n 3"}, 1),
        ("run_command", {"command": "hostname " + "x" * 20_001}, 3),
        ("tickets", {"action": "close"}, 1),
        ("tickets", {"operation": "delete"}, 2),
        ("devices", {"action": "wipe"}, 3),
        ("devices", {"action": "frob"}, 3),
        ("devices", {"action": 7}, 3),
        ("frobs", {"action": "list"}, 3),
        ("frobs", {"action": "list", "resource": "tickets"}, 1),
        ("tickets", {"action": "delete", "resource": "users"}, 3),
        ("tickets", {"action": "list", "resource": 7}, 3),
        ("run_script", {"script": "fix-cache.ps1"}, None),
        ("run_script", {"script": 12}, None),
        ("run_script", {"script": "Remove-Item C:\\ -Recurse"}, 3),
        ("run_script", {"Script": ["x"]}, 3),
        ("run_script", {"script": "hostname; uptime"}, 1),
        ("get_ticket", {"id": 1}, None),
    ],
)
def test_what_is_inside_is_judged(tool, arguments, tier):
    found = inside(tool, arguments)

    assert (found and int(found.tier)) == tier
    if found is not None:
        assert found.text


@given(
    st.dictionaries(
        st.sampled_from(["method", "path", "sql", "command", "action", "script"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()),
    ),
    st.sampled_from(["http_call", "run_command", "devices", "tickets", "", "raw"]),
)
def test_I16_nothing_inside_makes_it_crash(arguments, tool):
    found = inside(tool, arguments)

    assert found is None or found.tier in {1, 2, 3}


@pytest.mark.parametrize(
    ("tool", "arguments", "tier"),
    [
        ("http_call", {"method": "GET", "path": "/tickets"}, 1),
        ("http_call", {"method": "DELETE", "path": "/users/1"}, 3),
        ("run_command", {"command": "rm -rf /"}, 3),
    ],
)
def test_a_signed_row_does_not_hide_what_is_inside(tool, arguments, tier):
    policy = make.policy(make.row(f"x.{tool}", category="other"))

    result = classify(make.action(f"x.{tool}"), arguments, make.facts(), policy, Snapshot())

    assert result.tier == tier
    assert "inside" in {r.code for r in result.reasons}


def test_what_is_inside_never_lowers():
    policy = make.policy(make.row("x.run_command", tier=3, category="other"))

    result = classify(
        make.action("x.run_command"), {"command": "hostname"}, make.facts(), policy, Snapshot()
    )
    assert result.tier is Tier.APPROVE
