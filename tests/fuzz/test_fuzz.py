"""Coverage-guided fuzzing, for as many inputs as a run of the tests has time for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fuzzing import TARGETS, texts, types

HERE = Path(__file__).parent
#: `make fuzz` sets seconds instead.
SECONDS = os.environ.get("HANDRAIL_FUZZ_SECONDS")
RUNS = {"arguments": 3000, "rules": 600, "main_file": 300}


def seeds(target: str, folder: Path) -> None:
    """Inputs to begin with: real ones."""
    folder.mkdir()
    if target == "arguments":
        calls = [b'{"user_id":"u-1"}', b'{"body":{"script":"rm -rf /"},"ids":["a","B"]}', b"[]"]
        for n, call in enumerate(calls * 4):
            (folder / str(n)).write_bytes(bytes([n * 7 % len(types())]) + call)
        return
    for name, text in texts().items():
        if name.startswith("rules/") and target == "rules":
            (folder / name.replace("/", "-")).write_text(text)
    if target == "main_file":
        (folder / "1").write_bytes(b"\x00\x40\x05settings: {undo_window: 10s}\n")
        (folder / "2").write_bytes(b"\x01\x00\xffroles: []\n")


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_I16_no_bytes_crash_it_or_lower_a_tier(target: str, tmp_path: Path) -> None:
    seeds(target, tmp_path / "corpus")
    limit = f"-max_total_time={SECONDS}" if SECONDS else f"-runs={RUNS[target]}"
    done = subprocess.run(
        [sys.executable, str(HERE / "drive.py"), target, limit, "-seed=20260105", "-max_len=3000",
         "-timeout=20", f"-artifact_prefix={tmp_path}/", str(tmp_path / "corpus")],
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    assert b"Done" in done.stderr
