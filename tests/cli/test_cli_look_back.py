"""`handrail look-back` at a terminal, with no server anywhere."""

import json

import pytest
from typer.testing import CliRunner

from handrail import cli
from handrail.main import PROGRAMS

LINE = {
    "server": "rmm",
    "tool": "delete_device",
    "arguments": {"device_id": "PC-1"},
    "at": "2026-11-02T10:00:00Z",
}


@pytest.fixture
def run():
    app, runner = cli.build(PROGRAMS), CliRunner()
    return lambda *args: runner.invoke(app, ["look-back", *(str(a) for a in args)])


@pytest.mark.parametrize("indent", [None, 2])
def test_files_and_folders_in_lines_or_as_one_document(run, tmp_path, indent):
    (tmp_path / "a.json").write_text(json.dumps({"runs": [LINE, LINE]}, indent=indent))
    (tmp_path / "b.jsonl").write_text(f"{json.dumps(LINE)}\n\nnonsense\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    found = run(tmp_path)
    assert found.exit_code == 0, found.output
    assert "3 calls of 1 action types" in found.output
    assert "would have waited for a person" in found.output
    assert json.loads(run(tmp_path / "b.jsonl", "--json").stdout)["calls"] == 1


def test_a_file_that_is_not_there_is_said(run, tmp_path):
    assert run(tmp_path / "none").exit_code != 0


def test_an_empty_file_says_so(run, tmp_path):
    (tmp_path / "e.jsonl").write_text("")
    assert "No tool calls" in run(tmp_path / "e.jsonl").output
