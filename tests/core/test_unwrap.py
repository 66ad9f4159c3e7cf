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
        ("graph_batch", {"requests": [{"method": "GET", "url": "/tickets"}]}, 3),
        ("db_reader", {"sql": "SELECT 1"}, 3),
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
        ("run_command", {"command": ["hostname"]}, 3),
        ("run_command", {"command": "hostname " + "x" * 20_001}, 3),
        ("tickets", {"action": "close"}, 1),
        ("tickets", {"operation": "delete"}, 2),
        ("devices", {"action": "wipe"}, 3),
        ("devices", {"action": "frob"}, 3),
        ("devices", {"action": 7}, 3),
        ("frobs", {"action": "list"}, 3),
        ("run_script", {"script": "fix-cache.ps1"}, None),
        ("run_script", {"script": 12}, None),
        ("run_script", {"script": "Remove-Item C:\\ -Recurse"}, 3),
        ("run_script", {"Script": ["x"]}, 3),
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
