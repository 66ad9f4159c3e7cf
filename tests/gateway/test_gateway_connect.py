"""`handrail connect`: real files, a real server, real upstreams; and all of it taken back."""

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from click.testing import Result
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from typer.testing import CliRunner

from handrail.cli import connect, gateway, talk
from handrail.cli.session import FILE, Sessions
from handrail.serving import application
from support.doors import PASSWORD, served
from support.fixture import SERVER
from support.gate import Gate, words

SECRET = "sk-upstream-very-secret"
Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home folder and the project they are in."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("HANDRAIL_KEY", raising=False)
    monkeypatch.chdir(project)
    return home


@pytest.fixture
def whole(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """All doors of a house, and a person signed in to it on this terminal."""
    gate = Gate(tmp_path / "house")
    gate.house.start()
    try:
        with served(application(gate.house)) as url:
            gate.url = url
            monkeypatch.setenv("HANDRAIL_URL", url)
            link = gate.house.identity.invite("ann@x.example")
            assert link is not None
            token = link.rpartition("/")[2]
            signed_in, _ = gate.house.identity.set_up(token, "", "", PASSWORD)
            Sessions(home / ".config" / "handrail" / FILE).keep(url, signed_in)
            yield gate
    finally:
        gate.house.close()


@pytest.fixture
def run() -> Run:
    app, runner = typer.Typer(cls=talk.Commands), CliRunner()
    connect.register(app)
    gateway.register(app)

    def run(*arguments: object) -> Result:
        return runner.invoke(app, ["connect", *map(str, arguments)])

    return run


def upstream(folder: Path, **more: Any) -> dict[str, Any]:
    arguments = [str(SERVER), "--journal", str(folder / "journal.jsonl")]
    return {"command": sys.executable, "args": arguments, **more}


def write(path: Path, text: str, mode: int = 0o644) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path.read_bytes()


def pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


def everything(home: Path, tmp_path: Path) -> dict[Path, bytes]:
    """One configuration of each client, each in its own shape and style."""
    one = upstream(tmp_path, env={"TOKEN": SECRET})
    desktop = home / ".config" / "Claude" / "claude_desktop_config.json"
    code = home / ".claude.json"
    vscode = Path.cwd() / ".vscode" / "mcp.json"
    cursor = home / ".cursor" / "mcp.json"
    return {
        desktop: write(desktop, pretty({"theme": "dark", "mcpServers": {"my files!": one}}), 0o600),
        code: write(
            code,
            orjson.dumps(
                {"mcpServers": {"one": one}, "projects": {"/p": {"mcpServers": {"one": one}}}}
            ).decode(),
        ),
        vscode: write(
            vscode,
            '{\n\t"servers": {\n\t\t"typed": '
            + orjson.dumps({"type": "stdio", **one}).decode()
            + '\n\t},\n\t"inputs": []\n}',
        ),
        cursor: write(cursor, '{ // a comment\n "mcpServers": {} }'),
    }


def test_every_client_is_found_connected_and_taken_back_byte_for_byte(
    whole: Gate, home: Path, run: Run, tmp_path: Path
) -> None:
    before = everything(home, tmp_path)
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in before}

    done = run("--yes")

    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    assert "no plain JSON" in done.output
    commented = home / ".cursor" / "mcp.json"
    for path, content in before.items():
        now = path.read_bytes()
        assert (now == content) == (path == commented)
        if path != commented:
            assert SECRET.encode() not in now
            assert b"hr_" not in now, "no key stands in a file of a client"
            assert stat.S_IMODE(path.stat().st_mode) == modes[path]
    desktop = orjson.loads((home / ".config/Claude/claude_desktop_config.json").read_bytes())
    assert list(desktop) == ["theme", "mcpServers"]
    entry = desktop["mcpServers"]["my files!"]
    assert entry["args"] == ["gateway", "--connection", "my-files"]
    assert entry["env"] == {"HANDRAIL_URL": whole.url}
    typed = orjson.loads((Path.cwd() / ".vscode/mcp.json").read_bytes())
    assert typed["servers"]["typed"]["type"] == "stdio"
    names = {c["name"] for c in whole.services.read.connections()}
    assert names == {"my-files", "one", "one-2", "typed"}
    assert len(whole.services.read.agents()) == 3
    assert SECRET not in str(whole.services.read.connections())
    kept = home / ".config" / "handrail" / "keys.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    again = run("--yes")
    assert "Nothing to connect" in again.output

    undone = run("--undo")
    assert undone.exit_code == 0, undone.output
    for path, content in before.items():
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == modes[path]
    left = [p for p in (*home.rglob("*"), *Path.cwd().rglob("*")) if "before-handrail" in p.name]
    assert not left
    assert orjson.loads(kept.read_bytes()) == {}
    assert all(agent["suspended"] for agent in whole.services.read.agents())


@pytest.mark.anyio
async def test_a_client_started_as_its_file_now_says_works_through_handrail(
    whole: Gate, home: Path, run: Run, tmp_path: Path
) -> None:
    file = home / ".cursor" / "mcp.json"
    write(file, pretty({"mcpServers": {"up": upstream(tmp_path, env={"TOKEN": SECRET})}}))
    assert run("--yes", "--client", "acme").exit_code == 0
    entry = orjson.loads(file.read_bytes())["mcpServers"]["up"]
    start = "from handrail.cli import gateway; import typer; a = typer.Typer(); gateway.register(a); a()"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-c", start, *entry["args"][1:]],
        env={**entry["env"], "HOME": str(home), "PATH": os.environ["PATH"]},
    )

    async with Client(stdio_client(parameters)) as agent:
        tools = {t.name for t in (await agent.list_tools()).tools}
        echoed = await agent.call_tool("echo", {"a": 1})
        refused = await agent.call_tool("env", {"handrail": {"reasoning": "x", "ticket": "T-1"}})

    assert {"echo", "handrail_status"} <= tools
    assert echoed.structured_content == {"a": 1}
    assert words(refused).startswith("Refused")


def test_a_file_changed_since_is_not_put_back(
    whole: Gate, home: Path, run: Run, tmp_path: Path
) -> None:
    file = home / ".cursor" / "mcp.json"
    before = write(file, pretty({"mcpServers": {"up": upstream(tmp_path)}}))
    run("--yes")
    connected = file.read_bytes()
    file.write_bytes(connected + b"\n")

    refused = run("--undo")

    assert "changed since" in refused.output
    assert file.read_bytes() == connected + b"\n"
    file.write_bytes(connected)
    run("--undo", "--config", file)
    assert file.read_bytes() == before


def test_what_cannot_be_reached_or_understood_stays_as_it_is(
    whole: Gate, home: Path, run: Run, tmp_path: Path
) -> None:
    servers = {
        "gone": {"command": "no-such-command-anywhere"},
        "asks": {"command": "x", "env": {"K": "${input:key}"}},
        "unset": {"command": "x", "env": {"K": "${NOT_SET_ANYWHERE}"}},
        "old": {"type": "sse", "url": "http://127.0.0.1:9/sse"},
        "odd": {"args": []},
        "sound": upstream(tmp_path, env={"HOME_OF": "${HOME}", "D": "${NOPE:-dflt}"}),
    }
    file = Path.cwd() / ".mcp.json"
    write(file, pretty({"mcpServers": servers}))

    done = run("--yes", "--config", file)

    assert done.exit_code == 0, done.output
    now = orjson.loads(file.read_bytes())["mcpServers"]
    assert list(now) == list(servers)
    assert {n for n in now if now[n] != servers[n]} == {"sound"}
    for said in ("cannot be reached", "client asks for", "NOT_SET_ANYWHERE", "SSE", "neither"):
        assert said in done.output


def test_without_agreement_or_sign_in_nothing_changes(
    whole: Gate, home: Path, run: Run, tmp_path: Path
) -> None:
    file = home / ".cursor" / "mcp.json"
    before = write(file, pretty({"mcpServers": {"up": upstream(tmp_path)}}))

    assert run().exit_code == talk.USAGE, "nobody is here to agree"
    shutil.rmtree(home / ".config" / "handrail")
    assert run("--yes").exit_code == talk.NOT_SIGNED_IN

    assert file.read_bytes() == before
    assert not whole.services.read.connections()


def test_I23_a_key_that_others_can_read_is_not_used(
    whole: Gate, home: Path, run: Run, tmp_path: Path
) -> None:
    write(home / ".cursor" / "mcp.json", pretty({"mcpServers": {"up": upstream(tmp_path)}}))
    run("--yes")
    (home / ".config" / "handrail" / "keys.json").chmod(0o644)

    with pytest.raises(Exception, match="can be read by others"):
        gateway.key_for(whole.url, "up")


@pytest.mark.anyio
async def test_I22_in_shadow_a_real_client_is_not_blocked_and_undo_takes_it_back(
    whole: Gate, home: Path, run: Run, tmp_path: Path
) -> None:
    file = home / ".cursor" / "mcp.json"
    before = write(file, pretty({"mcpServers": {"up": upstream(tmp_path)}}))
    done = run("--yes", "--shadow", "--config", file)
    assert done.exit_code == 0, done.output
    assert "Nothing is blocked" in done.output
    assert "tools drafted: " in done.output
    (scope,) = whole.services.shadows.live()
    assert f"handrail shadow report {scope['id']}" in done.output
    entry = orjson.loads(file.read_bytes())["mcpServers"]["up"]
    start = "from handrail.cli import gateway; import typer; a = typer.Typer(); gateway.register(a); a()"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-c", start, *entry["args"][1:]],
        env={**entry["env"], "HOME": str(home), "PATH": os.environ["PATH"]},
    )

    async with Client(stdio_client(parameters)) as agent:
        echoed = await agent.call_tool("echo", {"a": 1})
        refused = await agent.call_tool("env", {})

    assert echoed.structured_content == {"a": 1}
    assert words(refused).startswith("Refused"), "what is prohibited holds in shadow too"
    report = whole.services.shadows.report(scope["id"])
    assert report["calls"] == 1
    assert run("--undo", "--config", file).exit_code == 0
    assert file.read_bytes() == before
    assert whole.services.shadows.live() == []
