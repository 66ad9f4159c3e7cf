"""The host in front of servers that nobody here wrote."""

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.executor import Order
from handrail.connectors.host import Host
from support.fixture import texts

BIN = Path(sys.executable).parent
FILES = Path(__file__).parents[1] / "npm" / "node_modules" / ".bin" / "mcp-server-filesystem"


def order(name: str, **arguments: object) -> Order:
    return Order(
        connection="real",
        method="tools/call",
        params={"name": name, "arguments": arguments},
        agent="a",
        client="c",
    )


def test_the_time_server(host: Host) -> None:
    host.connect(
        ConnectionSpec(name="real", kind="mcp-stdio", command=str(BIN / "mcp-server-time"))
    )

    tools = {t["name"] for t in host.offer("real").tools}
    reply = host.execute(order("get_current_time", timezone="Europe/Prague"))

    assert tools == {"get_current_time", "convert_time"}
    assert orjson.loads(texts(reply.result))["timezone"] == "Europe/Prague"


def test_the_git_server(host: Host, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "new.txt").write_text("new")
    host.connect(
        ConnectionSpec(
            name="real",
            kind="mcp-stdio",
            command=str(BIN / "mcp-server-git"),
            args=("--repository", str(tmp_path)),
        )
    )

    host.execute(order("git_add", repo_path=str(tmp_path), files=["new.txt"]))
    reply = host.execute(order("git_status", repo_path=str(tmp_path)))

    assert "new file:   new.txt" in texts(reply.result)
    assert host.execute(order("git_status", repo_path="/nowhere")).failed


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed here")
def test_the_filesystem_server_of_npm(host: Host, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("kept")
    host.connect(
        ConnectionSpec(name="real", kind="mcp-stdio", command=str(FILES), args=(str(tmp_path),))
    )

    read = host.execute(order("read_text_file", path=str(tmp_path / "a.txt")))
    wrote = host.execute(order("write_file", path=str(tmp_path / "b.txt"), content="new"))

    assert texts(read.result) == "kept"
    assert not wrote.failed
    assert (tmp_path / "b.txt").read_text() == "new"
