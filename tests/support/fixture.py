"""The fixture upstream, started for a test: its specification and its journal."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handrail.connectors.catalogue import ConnectionSpec

SERVER = Path(__file__).with_name("mcp_upstream.py")


def until(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What *holds* returns once it is true; fails when that takes too long."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.01)
    return found


class Journal:
    """What reached the upstream, by its own record."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def words(self, word: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["word"] == word]

    def calls(self, name: str | None = None) -> list[dict[str, Any]]:
        return [c for c in self.words("call") if name in {None, c["name"]}]


def stdio_spec(
    folder: Path, name: str = "up", secret: dict[str, str] | None = None, *flags: str
) -> tuple[ConnectionSpec, Journal]:
    journal = folder / f"{name}.jsonl"
    spec = ConnectionSpec(
        name=name,
        kind="mcp-stdio",
        command=sys.executable,
        args=(str(SERVER), "--journal", str(journal), *flags),
        secret=secret or {},
        digest=name,
    )
    return spec, Journal(journal)


class HttpUpstream:
    """The fixture over streamable HTTP, which a test may kill and start again on its port."""

    def __init__(self, folder: Path, name: str = "up", *flags: str) -> None:
        self.flags = flags
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.journal = Journal(folder / f"{name}.jsonl")
        self.spec = ConnectionSpec(
            name=name,
            kind="mcp-http",
            url=f"http://127.0.0.1:{self.port}/mcp",
            secret={"x-upstream-key": "sesame"},
            digest=name,
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(SERVER), "--journal", str(self.journal.path)]
        self.process = subprocess.Popen([*command, "--http", str(self.port), *self.flags])
        until(self._listening)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def http_upstream(folder: Path, name: str = "up", *flags: str) -> Iterator[HttpUpstream]:
    upstream = HttpUpstream(folder, name, *flags)
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.stop()


def texts(result: Any) -> str:
    """The text of a raw result."""
    parts: Sequence[Any] = (result or {}).get("content") or []
    return "\n".join(p["text"] for p in parts if p.get("type") == "text")
