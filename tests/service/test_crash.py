"""Kill -9 in the middle of a governed action (I1, I3, I20, I21).

At each named commit gap, as *not stored* and as *stored but reported lost*, on one store that
grows from kill to kill; then at random moments under load. After each: nothing begun twice, none
begun without its entry, no answer that was given lost, *unknown* where it is unknown, and the
record rebuilds every state. The upstream's own log decides.

`HANDRAIL_CRASH_ROUNDS` and `HANDRAIL_CRASH_RANDOM` set how often (20 and 200 for the long run).
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from handrail.core.replay import states
from support.checker import check, check_world
from support.crash_worker import GAPS, open_house

ROUNDS = int(os.environ.get("HANDRAIL_CRASH_ROUNDS", "1"))
RANDOM = int(os.environ.get("HANDRAIL_CRASH_RANDOM", "6"))
TESTS = Path(__file__).parent.parent


def start(folder: Path, gap: str, mode: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "support.crash_worker", str(folder), gap, mode],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def told(output: bytes) -> list[list[str]]:
    """The whole lines that the worker's callers heard."""
    return [orjson.loads(line) for line in output.split(b"\n")[:-1] if line.startswith(b"[")]


def hold(folder: Path, heard: list[list[str]]) -> None:
    """Open what the dead process left, recover, and hold everything against everything."""
    house = open_house(folder)
    try:
        house.middle.begin.recover()
        entries = house.entries()
        stories = check(entries)
        rows = {a["id"]: a for a in house.actions()}
        assert {i: r["state"] for i, r in rows.items()} == states(entries), "I21"
        assert not [r for r in rows.values() if r["state"] == "begun"], "left begun"
        log = folder / "upstream.log"
        acts = [orjson.loads(x) for x in log.read_bytes().splitlines()] if log.exists() else []
        by_n = house.acted()
        reached = [by_n[a["n"]][0] for name, a in acts if not name.startswith("get_")]
        check_world(stories, reached)
        for line in heard:
            if line[0] == "acted":
                assert line[1] in rows, f"lost: {line}"
                if line[2] in {"done", "failed", "unknown"}:
                    assert rows[line[1]]["state"] == line[2], f"told {line}"
            elif line[0] == "approved":
                assert rows[line[1]]["state"] != "waiting", f"lost: {line}"
            elif line[0] == "ended" and line[2] not in {"waiting", "approved", "begun"}:
                assert rows[line[1]]["state"] == line[2], f"told {line}"
        assert not house.store.check()
    finally:
        house.store.close()
        house.sealer.close()


@pytest.mark.crash
@pytest.mark.parametrize("gap", sorted(GAPS))
@pytest.mark.parametrize("mode", ["not-stored", "lost"])
def test_killed_at_a_named_gap(tmp_path: Path, gap: str, mode: str) -> None:
    for _ in range(ROUNDS):
        process = start(tmp_path, gap, mode)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, errors.decode()[-2000:]
        hold(tmp_path, told(output))


@pytest.mark.crash
def test_killed_at_random_moments_under_load(tmp_path: Path) -> None:
    rng = random.Random(7)  # noqa: S311 - a moment, not a secret
    for _ in range(RANDOM):
        process = start(tmp_path, "never", "-")
        assert process.stdout is not None
        first = process.stdout.readline()
        while b"working" not in first:
            assert first or process.poll() is None, process.stderr and process.stderr.read()
            first = process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.4))  # the moment of death, not a wait for anything
        process.kill()
        output, _ = process.communicate(timeout=60)
        hold(tmp_path, told(first + output))
