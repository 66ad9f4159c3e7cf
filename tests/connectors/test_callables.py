"""Python callables behind the same host and the same contract."""

from typing import Any

import pytest

from handrail.clock import SystemClock
from handrail.connectors.callables import Callables
from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.executor import Order, Reply
from handrail.connectors.host import Host
from handrail.errors import NotSent


def disable(user_id: str, *, why: str = "") -> dict[str, Any]:
    """Disable a user."""
    return {"user_id": user_id, "enabled": False, "why": why}


async def later(n: int) -> int:
    return n * 2


def refuse() -> None:
    raise PermissionError("not this one")


def odd() -> Any:
    return 2**80


@pytest.fixture
def host() -> Host:
    callables = Callables()
    for tool in (disable, later, refuse, odd):
        callables.register("desk", tool.__name__, tool)
    host = Host(SystemClock(), callables)
    host.connect(ConnectionSpec(name="desk", kind="callable", target="desk"))
    return host


def call(host: Host, name: str, **arguments: Any) -> Reply:
    return host.execute(
        Order(
            connection="desk",
            method="tools/call",
            params={"name": name, "arguments": arguments},
            agent="a",
            client="c",
        )
    )


def test_plain_and_async_callables_answer_as_tools_do(host: Host) -> None:
    done, doubled = call(host, "disable", user_id="u1"), call(host, "later", n=4)

    assert done.result is not None
    assert done.result["structuredContent"] == {"user_id": "u1", "enabled": False, "why": ""}
    assert doubled.result is not None
    assert doubled.result["structuredContent"] == {"value": 8}


def test_what_one_raises_is_its_own_failure(host: Host) -> None:
    reply = call(host, "refuse")

    assert reply.failed
    assert reply.result is not None
    assert reply.result["content"][0]["text"] == "PermissionError: not this one"


def test_wrong_arguments_fail_and_an_unwritable_value_does_not_hide_the_act(host: Host) -> None:
    assert call(host, "disable", nobody="x").failed
    assert not call(host, "odd").failed


def test_an_offer_names_parameters_and_which_are_needed(host: Host) -> None:
    tools = {t["name"]: t for t in host.offer("desk").tools}

    assert tools["disable"]["description"] == "Disable a user."
    assert tools["disable"]["inputSchema"] == {
        "type": "object",
        "properties": {"user_id": {}, "why": {}},
        "required": ["user_id"],
        "additionalProperties": False,
    }


def test_an_unregistered_name_is_not_sent(host: Host) -> None:
    with pytest.raises(NotSent):
        call(host, "no_such_thing")
    host.connect(ConnectionSpec(name="empty", kind="callable", target="empty"))
    with pytest.raises(NotSent):
        host.offer("empty")
