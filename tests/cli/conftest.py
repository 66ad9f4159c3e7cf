"""What the command line's tests share: a served house, and commands run as a person would."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from handrail import cli
from handrail.cli.session import FILE, Sessions
from handrail.main import PROGRAMS
from support.doors import Doors, opened, served

RUN = [sys.executable, "-c", "from handrail.main import main; main()"]


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with opened(tmp_path / "house") as doors:
        yield doors


@pytest.fixture
def url(doors: Doors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A real server; the environment of a person who uses it."""
    with served(doors.app) as url:
        monkeypatch.setenv("HANDRAIL_URL", url)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield url


@pytest.fixture
def sessions(url: str, tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "config" / "handrail" / FILE)


@pytest.fixture
def run(url: str) -> Callable[..., Result]:
    """Run one command; nobody sits at the terminal."""
    app, runner = cli.build(PROGRAMS), CliRunner()

    def run(*args: str) -> Result:
        return runner.invoke(app, [str(a) for a in args])

    return run


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run one command where there is no server; nobody sits at the terminal."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    app, runner = cli.build(PROGRAMS), CliRunner()
    return lambda *args: runner.invoke(app, [str(a) for a in args])


@pytest.fixture
def signed_in(doors: Doors, sessions: Sessions, url: str) -> Callable[[str], None]:
    """Be that person from now on."""

    def be(person: str) -> None:
        sessions.keep(url, doors.session(person))

    return be


class Terminal:
    """A command in a process of its own, with a terminal that a person types into."""

    def __init__(self, *args: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*RUN, *args], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
        )
        os.close(theirs)
        self.shown = ""

    def until(self, text: str) -> str:
        """Read until *text* is shown."""
        while text not in self.shown:
            try:
                got = os.read(self._ours, 4096)
            except OSError:  # how Linux says that the other side of a terminal is gone
                got = b""
            assert got, f"it ended without {text!r}:\n{self.shown}"
            self.shown += got.decode(errors="replace").replace("\r\n", "\n")
        return self.shown

    def type(self, text: str) -> None:
        os.write(self._ours, f"{text}\n".encode())

    def end(self) -> int:
        """Its exit code, after everything it shows."""
        while True:
            try:
                got = os.read(self._ours, 4096)
            except OSError:
                break
            if not got:
                break
            self.shown += got.decode(errors="replace").replace("\r\n", "\n")
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=60)
        os.close(self._ours)


@pytest.fixture
def terminal(url: str) -> Iterator[Callable[..., Terminal]]:
    """Start commands at a terminal."""
    started: list[Terminal] = []

    def start(*args: str) -> Terminal:
        found = Terminal(*args)
        started.append(found)
        return found

    yield start
    for found in started:
        found.close()
