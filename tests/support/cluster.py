"""PostgreSQL for tests: a cluster of their own in a temporary folder, on loopback alone.

It is never skipped: where Debian's PostgreSQL is missing the tests that need it fail
(`scripts/postgres` installs it). The server never runs as root.
"""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

#: A test of the store that looks into the file itself, or at errors of SQLite by name.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

#: What the server is run as where the tests run as root; Debian's package makes it.
USER = "postgres"


class Cluster:
    """One server from `start` to `stop`."""

    def __init__(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert found, "PostgreSQL is missing: scripts/postgres installs it"
        self._bin = found[-1].parent
        shm = "/dev/shm"  # noqa: S108 - a private folder is made inside it
        self._folder = Path(
            tempfile.mkdtemp(prefix="pg-", dir=shm if os.access(shm, os.W_OK) else None)
        )
        self._as = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._numbers = itertools.count()
        self._server = None
        self.port = 0
        data = self._folder / "data"
        self._run(
            "initdb", "--pgdata", data, "--username", USER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip
        self.start()

    def _run(self, name, *arguments):
        subprocess.run(
            [self._bin / name, *arguments], check=True, capture_output=True, timeout=60,
            cwd=self._folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **self._as,
        )  # fmt: skip

    def start(self):
        """Run the server, on the same port as before, and wait until it answers."""
        if not self.port:
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                self.port = one.getsockname()[1]
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "max_connections": 200,
            "unix_socket_directories": "", "shared_buffers": "32MB", "fsync": "on",
            "max_wal_size": "256MB",
            # Its workers hold databases that a test makes and drops within seconds.
            "autovacuum": "off",
        }  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    self._bin / "postgres", "-D", self._folder / "data",
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdout=log, stderr=log, cwd=self._folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **self._as,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                text = (self._folder / "log").read_text()
                assert self._server.poll() is None, text
                assert time.monotonic() < until, text
            else:
                return

    def kill(self):
        """End the server as a power cut would: no process of it is asked."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(30)

    def url(self, name):
        """Where the database *name* is."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def execute(self, text):
        """Run one statement on the server."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(text)

    def new(self):
        """The url of a new empty database."""
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, url):
        """Let go of the database at *url*, whoever is connected."""
        self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def stop(self):
        """End the server and remove all of it."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)
