"""`handrail import` at a terminal: a live server, a description, a catalog."""

import json
import sys

import pytest

from support.fixture import SERVER


@pytest.fixture
def policy(run, tmp_path):
    folder = tmp_path / "policy"
    assert run("init", folder).exit_code == 0
    return folder


def test_a_live_server_is_drafted_into_a_policy_folder(run, policy, tmp_path):
    command = [sys.executable, str(SERVER), "--journal", str(tmp_path / "journal")]
    done = run("import", "mcp", "fixture", "--out", policy, "--", *command)
    assert done.exit_code == 0, done.output
    assert "rows drafted in" in done.output
    assert "tools/call" not in (tmp_path / "journal").read_text()  # listed, and nothing called
    assert run("check", policy).exit_code == 0

    again = run("import", "mcp", "fixture", "--out", policy, "--", *command)
    assert "0 rows drafted in 0 files" in again.output


def test_a_catalog_is_answered_a_line_a_tool(run, tmp_path):
    file = tmp_path / "tools.jsonl"
    file.write_text(
        '{"server": "psa", "tool": "get_ticket", "params": {"ticket_id": "string"}}\n\n'
        '{"server": "psa", "tool": "wipe_device", "params": {"id": "string"}}\n'
    )
    done = run("import", "catalog", file, "--format", "jsonl")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [(a["server"], a["tool"], a["tier"]) for a in lines] == [
        ("psa", "get_ticket", 1), ("psa", "wipe_device", 3),
    ]  # fmt: skip
    assert all(a["reasons"] and a["rollback"]["class"] == "manual" for a in lines)


@pytest.mark.parametrize("whole", [True, False])
def test_what_mcp_answers_is_a_catalog(run, tmp_path, whole):
    tools = [{"name": "get_ticket", "inputSchema": {"type": "object", "properties": {}}}]
    file = tmp_path / "psa.json"
    file.write_text(json.dumps({"tools": tools} if whole else tools))
    done = run("import", "catalog", file, "--format", "jsonl")
    assert json.loads(done.output)["server"] == "psa"


def test_an_openapi_description_in_yaml(run, policy, tmp_path):
    file = tmp_path / "psa.yaml"
    file.write_text("openapi: 3.0.3\npaths:\n  /users:\n    get: {operationId: listUsers}\n")
    done = run("import", "openapi", file, "--out", policy)
    assert "1 rows drafted in 1 files" in done.output.replace("row drafted", "rows drafted")
    assert (policy / "matrix/psa/tier-1-read-access.yaml").exists() or list(
        policy.glob("matrix/psa/*")
    )


def test_yaml_on_the_terminal_names_its_files(run, tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text('{"server": "psa", "tool": "get_ticket"}\n')
    assert "# --- matrix/psa/tier-" in run("import", "catalog", file).output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1: not JSON"),
        ("7\n", "line 1: not a JSON object"),
        ('{"server": "x"}\n', "line 1: it names no action type"),
        ('{"tools": [7]}', "tool 1: not a JSON object"),
        ("\n", "names no tool"),
        ("[]", "names no tool"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_a_bad_catalog_is_said_with_its_line(run, tmp_path, text, said):
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    done = run("import", "catalog", file)
    assert done.exit_code != 0
    assert said in done.output


def test_a_server_that_is_not_there_is_said(run):
    done = run("import", "mcp", "x", "--", "/no/such/command")
    assert done.exit_code != 0
    assert "x" in done.output


def test_how_to_reach_it_is_said_once(run):
    assert "how is the server reached" in run("import", "mcp", "x").output
    both = run("import", "mcp", "x", "--url", "http://127.0.0.1:1/mcp", "--", "true")
    assert "how is the server reached" in both.output


def test_a_persons_file_is_never_written_over(run, policy, tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text('{"server": "zzz", "tool": "get_ticket"}\n')
    run("import", "catalog", file, "--out", policy)
    (path,) = policy.glob("matrix/zzz/*.yaml")
    path.write_text("rows: []\n")
    done = run("import", "catalog", file, "--out", policy)
    assert done.exit_code != 0
    assert path.read_text() == "rows: []\n"
