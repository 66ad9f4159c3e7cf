"""The host over real upstream processes: kept sessions, failures told apart, nothing sent twice."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from handrail.clock import FakeClock, SystemClock
from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.executor import Order, Reply
from handrail.connectors.host import Host, Limits
from handrail.errors import NoAnswer, NotSent
from support.fixture import HttpUpstream, Journal, http_upstream, stdio_spec, texts, until

Call = Callable[..., Reply]


def pid_of(reply: Reply) -> int:
    return int(orjson.loads(texts(reply.result))["pid"])


def test_sessions_are_kept_and_keyed_by_agent_client_and_era(call: Call, journal: Journal) -> None:
    first = pid_of(call("who"))

    assert pid_of(call("who")) == first
    others = {
        pid_of(call("who", agent="agt_b")),
        pid_of(call("who", client="harbor")),
        pid_of(call("who", era="modern")),
    }
    assert len(others | {first}) == 4
    assert len(journal.words("started")) == 4


def test_unknown_fields_nulls_and_meta_pass_untouched(host: Host, journal: Journal) -> None:
    arguments = {"deep": [1, 2.5, None, {"ü": "\u0000"}], "big": 2**53, "empty": {}}
    params = {"name": "echo", "arguments": arguments, "_meta": {"vendor/sent": {"v": [None]}}}
    for era in ("legacy", "modern"):
        order = Order(
            connection="up", method="tools/call", params=params, agent="a", client="c", era=era
        )

        result = host.execute(order).result

        assert result is not None
        assert result["structuredContent"] == arguments
        assert result["x-kept"] == {"deep": [1, None]}
        assert result["_meta"]["vendor/kept"] == {"v": [None]}


def test_an_offer_has_every_page_and_every_unknown_field(host: Host, journal: Journal) -> None:
    offer = host.offer("up")

    assert [t["name"] for t in offer.tools][:2] == ["echo", "slow"]
    assert len(offer.tools) == 16
    assert offer.tools[0]["x-vendor"] == {"n": "echo"}
    assert offer.resources[0]["x-kept"] == {"a": 1}
    assert [t["uriTemplate"] for t in offer.templates] == ["note://{id}"]
    assert [p["name"] for p in offer.prompts] == ["greet"]
    assert offer.hello["serverInfo"]["name"] == "fixture"
    assert not journal.calls()


def test_I3_death_in_a_call_is_no_answer_and_is_never_sent_again(
    call: Call, journal: Journal, host: Host
) -> None:
    call("who")

    with pytest.raises(NoAnswer):
        call("die")

    assert len(journal.calls("die")) == 1
    assert call("echo", a=1).result is not None
    assert len(journal.words("started")) == 2
    assert len(journal.calls("die")) == 1


def test_death_between_calls_is_met_by_a_new_session(
    call: Call, journal: Journal, host: Host
) -> None:
    pid = pid_of(call("who"))
    os.kill(pid, signal.SIGKILL)
    until(lambda: host.sessions("up") == 0)

    assert pid_of(call("who")) != pid


def test_every_call_under_way_hears_of_the_death(call: Call, journal: Journal) -> None:
    pid = pid_of(call("who"))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(call, "slow") for _ in range(4)]
        until(lambda: len(journal.calls("slow")) == 4)
        os.kill(pid, signal.SIGKILL)

        for each in waiting:
            with pytest.raises(NoAnswer):
                each.result(timeout=20)


def test_a_slow_upstream_is_no_answer_and_is_told(call: Call, journal: Journal) -> None:
    call("who")

    with pytest.raises(NoAnswer, match=r"within 0\.3 s"):
        call("slow", wait=0.3)

    until(lambda: journal.words("cancelled"))
    assert call("echo").result is not None, "the session goes on"


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_cancelling_reaches_the_upstream(call: Call, journal: Journal, era: str) -> None:
    cancel = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, "slow", era=era, cancel=cancel)
        until(lambda: journal.calls("slow"))
        cancel.set()

        with pytest.raises(NoAnswer, match="cancelled"):
            waiting.result(timeout=20)
    until(lambda: journal.words("cancelled"))


def test_cancelled_before_sending_is_not_sent(call: Call, journal: Journal) -> None:
    cancel = threading.Event()
    cancel.set()

    with pytest.raises(NotSent):
        call("echo", cancel=cancel)

    assert not journal.calls()


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_three_megabytes_and_progress_over_stdio(call: Call, journal: Journal, era: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    big = call("big", era=era, bytes=3 << 20)
    call("progress", era=era, steps=5, on_progress=lambda *said: told.append(said))

    assert len(texts(big.result)) == 3 << 20
    assert told == [(float(n), 5.0, f"step {n}") for n in range(1, 6)]


def test_large_arguments_arrive_whole(call: Call, journal: Journal) -> None:
    reply = call("echo", text="y" * (2 << 20))

    assert reply.result is not None
    assert len(reply.result["structuredContent"]["text"]) == 2 << 20


@pytest.mark.parametrize("what", ["sampling/createMessage", "elicitation/create", "roots/list"])
def test_what_an_upstream_asks_for_is_refused(call: Call, journal: Journal, what: str) -> None:
    assert texts(call("ask", what=what).result) == "refused: -32601"


def test_an_answer_that_wants_input_is_no_result(call: Call, journal: Journal) -> None:
    reply = call("strange", era="modern")

    assert reply.error is not None
    assert "off" in reply.error["message"]


@pytest.mark.parametrize("code", [-32000, -32001, -32042, -32603, 7])
def test_an_upstreams_own_error_is_a_reply(call: Call, journal: Journal, code: int) -> None:
    reply = call("error", code=code)

    assert reply.error == {"code": code, "message": "as asked", "data": {"kept": True}}
    assert reply.failed


def test_logging_of_an_upstream_goes_nowhere(call: Call, journal: Journal) -> None:
    told: list[Any] = []
    with structlog.testing.capture_logs() as logs:
        call("log", on_progress=lambda *said: told.append(said))
        call("echo")

    assert not told
    assert "secret of somebody" not in str(logs)


def test_list_changed_calls_the_listener_in_a_thread(
    call: Call, journal: Journal, host: Host
) -> None:
    heard: list[tuple[str, str]] = []

    def listen(name: str) -> None:
        heard.append((name, threading.current_thread().name))
        host.offer(name)  # a listener may use the host

    host.on_changed(listen)
    for n in range(20):
        call("change", tool=f"n{n}")

    until(lambda: heard)
    assert heard[0][0] == "up"
    assert len(heard) < 20, "many tellings are one"


def test_a_child_gets_a_minimal_environment_and_its_secret(
    call: Call, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_KEY", "not for upstreams")

    environment = orjson.loads(texts(call("env").result))

    assert environment["UPSTREAM_KEY"] == "open-sesame"
    assert "HANDRAIL_KEY" not in environment
    assert set(environment) <= {
        "HOME",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TERM",
        "USER",
        "UPSTREAM_KEY",
        "LC_CTYPE",
        "PWD",
    }


def test_standard_error_is_logged_bounded_and_without_secrets(call: Call, journal: Journal) -> None:
    with structlog.testing.capture_logs() as logs:
        call("stderr", text="the key is open-sesame " + "z" * 5000)
        said = until(lambda: [e for e in list(logs) if e["event"] == "upstream says"])

    assert said[0]["line"].startswith("the key is *** zz")
    assert all(len(e["line"]) <= 500 for e in said)
    assert "open-sesame" not in str(logs)


def test_secrets_are_in_no_argument_and_no_representation(tmp_path: Path) -> None:
    spec, _ = stdio_spec(tmp_path, secret={"KEY": "hush-hush"})

    assert "hush-hush" not in repr(spec)
    assert "hush-hush" not in " ".join(spec.args)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


@pytest.mark.parametrize("how", ["close", "forget", "death"])
def test_a_child_leaves_nobody_behind(tmp_path: Path, how: str) -> None:
    host = Host(SystemClock())
    host.start()
    spec, _ = stdio_spec(tmp_path)
    host.connect(spec)

    def ask(name: str) -> int:
        order = Order(
            connection="up",
            method="tools/call",
            params={"name": name, "arguments": {}},
            agent="a",
            client="c",
        )
        return pid_of(host.execute(order))

    child, grandchild = ask("who"), ask("spawn")
    if how == "death":
        os.kill(child, signal.SIGKILL)
    elif how == "forget":
        host.forget("up")
    else:
        host.close()

    until(lambda: not _alive(child) and not _alive(grandchild))
    host.close()


def test_idle_sessions_are_closed_and_opened_again(tmp_path: Path) -> None:
    clock = FakeClock()
    host = Host(clock, limits=Limits(idle=60, sweep=0.02))
    host.start()
    try:
        spec, journal = stdio_spec(tmp_path)
        host.connect(spec)
        order = Order(
            connection="up",
            method="tools/call",
            params={"name": "who", "arguments": {}},
            agent="a",
            client="c",
        )
        host.execute(order)
        clock.advance(timedelta(seconds=59))
        assert host.sessions("up") == 1
        clock.advance(timedelta(seconds=2))

        until(lambda: host.sessions("up") == 0)
        assert host.health() == {"up": "idle"}
        host.execute(order)
        assert len(journal.words("started")) == 2
    finally:
        host.close()


def test_a_connection_has_at_most_so_many_sessions(tmp_path: Path) -> None:
    host = Host(SystemClock(), limits=Limits(most=2))
    host.start()
    try:
        spec, journal = stdio_spec(tmp_path)
        host.connect(spec)

        def order(client: str, name: str = "who") -> Order:
            return Order(
                connection="up",
                method="tools/call",
                params={"name": name, "arguments": {}},
                agent="a",
                client=client,
            )

        first = pid_of(host.execute(order("one")))
        host.execute(order("two"))
        host.execute(order("three"))
        assert pid_of(host.execute(order("three"))) != first
        until(lambda: not _alive(first))
        assert host.sessions("up") == 2

        cancel = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            busy = [
                pool.submit(host.execute, order(c, "slow"), cancel=cancel) for c in ("five", "six")
            ]
            until(lambda: len(journal.calls("slow")) == 2)
            with pytest.raises(NotSent, match="busy"):
                host.execute(order("seven"))
            cancel.set()
            for each in busy:
                with pytest.raises(NoAnswer):
                    each.result(timeout=20)
    finally:
        host.close()


def test_closing_the_host_answers_what_is_under_way(tmp_path: Path) -> None:
    host = Host(SystemClock())
    host.start()
    spec, journal = stdio_spec(tmp_path)
    host.connect(spec)
    order = Order(
        connection="up",
        method="tools/call",
        params={"name": "slow", "arguments": {}},
        agent="a",
        client="c",
    )
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host.execute, order)
        until(lambda: journal.calls("slow"))
        host.close()

        with pytest.raises(NoAnswer):
            waiting.result(timeout=20)
    with pytest.raises(NotSent):
        host.execute(order)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"kind": "mcp-stdio", "command": "no-such-command-anywhere"}, "No such file"),
        ({"kind": "mcp-stdio", "command": "true"}, "closed"),
        ({"kind": "mcp-http", "url": "http://127.0.0.1:9/mcp"}, "ConnectError"),
    ],
)
def test_what_cannot_be_reached_is_not_sent(host: Host, spec: dict[str, Any], why: str) -> None:
    host.connect(ConnectionSpec(name="up", **spec))
    order = Order(
        connection="up",
        method="tools/call",
        params={"name": "x", "arguments": {}},
        agent="a",
        client="c",
    )

    with pytest.raises(NotSent, match=why):
        host.execute(order)
    with pytest.raises(NotSent):
        host.offer("up")
    assert host.health()["up"].startswith("down: ")


def test_an_unknown_connection_is_not_sent(host: Host) -> None:
    order = Order(connection="none", method="tools/call", params={}, agent="a", client="c")

    with pytest.raises(NotSent, match="no connection 'none'"):
        host.execute(order)


def test_a_changed_secret_opens_a_new_session(
    call: Call, journal: Journal, host: Host, tmp_path: Path
) -> None:
    before = pid_of(call("who"))
    spec, _ = stdio_spec(tmp_path, secret={"UPSTREAM_KEY": "another"})
    host.connect(spec)

    assert orjson.loads(texts(call("env").result))["UPSTREAM_KEY"] == "another"
    until(lambda: not _alive(before))


# --- over HTTP ------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_http_carries_big_results_progress_and_cancellation(
    remote: HttpUpstream, call: Call, era: str
) -> None:
    told: list[Any] = []
    assert len(texts(call("big", era=era, bytes=3 << 20).result)) == 3 << 20
    call("progress", era=era, steps=3, on_progress=lambda *said: told.append(said))
    assert [t[0] for t in told] == [1.0, 2.0, 3.0]

    cancel = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, "slow", era=era, cancel=cancel)
        until(lambda: remote.journal.calls("slow"))
        cancel.set()
        with pytest.raises(NoAnswer):
            waiting.result(timeout=20)
    until(lambda: remote.journal.words("cancelled"))


def test_http_meets_the_upstream_in_the_callers_era(remote: HttpUpstream, call: Call) -> None:
    eras = [orjson.loads(texts(call("who", era=e).result))["era"] for e in ("legacy", "modern")]

    assert eras == ["2025-11-25", "2026-07-28"]


def test_http_upstream_gone_is_not_sent_and_back_is_met(remote: HttpUpstream, call: Call) -> None:
    call("who")
    remote.stop()

    with pytest.raises(NotSent):
        call("echo")

    remote.start()
    reply = call("echo", a=1)
    if reply.error is not None:  # the new process does not know the old session, and says so
        assert "ask again" in reply.error["message"]
        reply = call("echo", a=1)
    assert reply.result is not None


def test_I3_http_death_in_a_call_is_no_answer(remote: HttpUpstream, call: Call) -> None:
    with pytest.raises(NoAnswer):
        call("die")

    assert len(remote.journal.calls("die")) == 1


def test_http_one_broken_call_leaves_the_others_alone(remote: HttpUpstream, call: Call) -> None:
    call("who")
    with ThreadPoolExecutor(4) as pool:
        sound = [pool.submit(call, "sleepy", seconds=0.3) for _ in range(3)]
        until(lambda: len(remote.journal.calls("sleepy")) == 3)
        with pytest.raises(NoAnswer):
            call("slow", wait=0.1)

        assert [texts(s.result(timeout=20).result) for s in sound] == ["woke"] * 3


# --- upstreams that differ ------------------------------------------------------------------------


def test_an_upstream_of_the_modern_era_only_is_met_there(
    host: Host, call: Call, tmp_path: Path
) -> None:
    spec, _ = stdio_spec(tmp_path, "up", None, "--modern-only")
    host.connect(spec)

    assert pid_of(call("who", era="modern"))


def test_a_banner_on_the_output_is_skipped(host: Host, call: Call, tmp_path: Path) -> None:
    spec, _ = stdio_spec(tmp_path, "up", None, "--banner")
    host.connect(spec)

    assert pid_of(call("who"))


def test_a_modern_only_upstream_over_http_is_met_by_a_legacy_caller(
    host: Host, call: Call, tmp_path: Path
) -> None:
    with http_upstream(tmp_path, "up", "--modern-only") as upstream:
        host.connect(upstream.spec)

        assert orjson.loads(texts(call("who").result))["era"] == "2026-07-28"
        assert len(host.offer("up").tools) == 16
