"""`handrail init`, `check` and `classify` need no server, and fail towards people."""

import json
from pathlib import Path

import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from handrail.cli import policy as commands
from handrail.cli.offline import classified, understood
from handrail.config import load as load_settings
from handrail.core.policy import load
from handrail.errors import BadInput, Conflict, HandrailError, NotFound
from handrail.main import PROGRAMS
from handrail.wiring import build
from support.policy_text import MAIN, ROW, SIGNATURES


class TextDates(yaml.SafeLoader):
    """YAML as editors read it: a date is a text."""


TextDates.yaml_implicit_resolvers = {
    key: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith("timestamp")]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

CALL = {
    "server": "psa",
    "tool": "reset_password",
    "description": "Reset a user's password",
    "params": {"tenant": "string", "userId": "string", "newPassword": "string?"},
    "annotations": {},
    "arguments": {"tenant": "acme", "userId": "u1"},
    "context": {"clients": 1, "user_class": "standard"},
}


def run(*arguments):
    app = typer.Typer()
    commands.register(app)
    return CliRunner().invoke(app, [str(a) for a in arguments], obj=PROGRAMS)


def answers(tmp_path, *lines, policy=None):
    file = tmp_path / "calls.jsonl"
    file.write_bytes(
        b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines)
    )
    result = run("classify", file, *(["--policy", policy] if policy else []))
    assert result.exit_code == 0, result.output
    return [json.loads(x) for x in result.stdout.splitlines()]


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_init_writes_a_policy_that_checks(tmp_path):
    folder = tmp_path / "policy"

    made = run("init", folder)
    assert made.exit_code == 0
    assert "handrail check" in made.output
    checked = run("check", folder)
    assert checked.exit_code == 0
    assert "drafts" in checked.output
    assert "# " in (folder / "handrail.yaml").read_text()


def test_init_overwrites_nothing(tmp_path):
    commands.init(tmp_path)
    (tmp_path / "handrail.yaml").write_text("mine")

    with pytest.raises(Conflict):
        commands.init(tmp_path)
    again = run("init", tmp_path)
    assert again.exit_code == 1
    assert "nothing was written" in again.output
    assert (tmp_path / "handrail.yaml").read_text() == "mine"


def test_init_says_when_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")

    assert run("init", tmp_path / "file" / "x").exit_code == 1


def test_check_says_every_problem_with_file_line_and_hint(tmp_path):
    folder = write(
        tmp_path,
        {
            "handrail.yaml": MAIN.replace("backups: [boss]", "backups: [bos]") + "colour: x\n",
            "matrix/a.yaml": SIGNATURES + ROW.replace("tier: 1", "tier: 7"),
        },
    )

    result = run("check", folder)
    assert result.exit_code == 1
    assert f"{folder}/handrail.yaml:4: error: 'bos' is not known here" in result.output
    assert "Did you mean 'boss'?" in result.output
    assert f"{folder}/matrix/a.yaml:7: error: the tier is 7" in result.output
    assert "3 errors" in result.output
    as_json = json.loads(run("check", folder, "--json").stdout)
    assert as_json["ok"] is False
    assert [p["line"] for p in as_json["problems"]] == [4, 11, 7]


def test_check_answers_for_machines(tmp_path):
    folder = write(tmp_path, {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW})

    result = json.loads(run("check", folder, "--json").stdout)
    assert result["ok"] is True
    assert result["digest"] == commands.check(folder).digest
    assert (result["rows"], result["drafts"], result["rules"]) == (1, 0, 0)
    assert (result["errors"], result["warnings"]) == (0, 2)
    assert {p["code"] for p in result["problems"]} == {"no-backup", "no-limit"}
    card = result["scorecards"]["psa.add_note"]
    assert (card["tier"], card["least"]) == (1, 1)
    assert card["factors"][1] == {
        "factor": "blast radius", "level": "single", "score": 1,
        "meaning": "One user, device or ticket", "why": "x",
    }  # fmt: skip
    assert "digest" in run("check", folder).output


def test_warnings_fail_only_where_they_are_meant_to(tmp_path):
    folder = write(tmp_path, {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW})

    plain, strict = run("check", folder), run("check", folder, "--strict")
    assert (plain.exit_code, strict.exit_code) == (0, 1)
    assert f"{folder}/handrail.yaml:5: warning: the role 'boss' has no backup" in plain.output
    assert "2 warnings" in plain.output


def test_an_error_that_only_check_finds_fails(tmp_path):
    rule = "rules:\n  - {name: r, tier: 3, because: x, when: 'client.risk == \"hihg\"'}\n"
    files = {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW, "rules/a.yaml": rule}
    folder = write(tmp_path, files)

    result = run("check", folder)
    assert result.exit_code == 1
    assert "rules/a.yaml:2: error: the rule 'r' can never hold" in result.output
    assert "Did you mean 'high'?" in result.output


def test_check_says_what_changes_in_words(tmp_path):
    before = write(tmp_path / "a", {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW})
    three = ROW.replace("tier: 1", "tier: 3")
    after = write(tmp_path / "b", {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + three})

    stricter = run("check", after, "--against", before).output
    assert "1 action type becomes stricter." in stricter
    assert "psa.add_note: stricter: goes from tier 1 to 3" in stricter
    laxer = run("check", before, "--against", after).output
    assert "1 action type becomes laxer." in laxer
    assert "Publishing it takes two people" in laxer
    as_json = json.loads(run("check", before, "--against", after, "--json").stdout)
    assert as_json["difference"]["two_people"] is True
    assert as_json["difference"]["types"][0]["laxer"] == []


def test_check_knows_the_versions_and_people_of_a_store(tmp_path):
    house = build(load_settings({}, data=tmp_path / "data"))
    house.services.policies.publish(
        None, {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW}
    )
    house.close()
    three = ROW.replace("tier: 1", "tier: 3")
    folder = write(tmp_path / "b", {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + three})
    data = ("--data", tmp_path / "data")

    for version in (
        "1",
        "current",
        load({"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW}).digest[:8],
    ):
        found = run("check", folder, "--against", version, *data)
        assert "1 action type becomes stricter." in found.output
    assert "the chain 'all' is empty: a proposal would alarm" in found.output
    assert found.exit_code == 1
    assert "no version '7'" in run("check", folder, "--against", "7", *data).output
    assert "no database" in run("check", folder, "--data", tmp_path / "none").output
    assert not (tmp_path / "none").exists()


def test_check_prints_the_schema_and_init_writes_it(tmp_path):
    printed = json.loads(run("check", "--schema").stdout)
    folder = tmp_path / "policy"
    run("init", folder)

    assert printed["$schema"].endswith("2020-12/schema")
    for path in folder.rglob("*.yaml"):
        first, _, _ = path.read_text().partition("\n")
        schema = json.loads((path.parent / first.partition("$schema=")[2]).read_text())
        document = yaml.load(path.read_text(), Loader=TextDates)  # noqa: S506 - a safe loader
        assert [e.message for e in Draft202012Validator(schema).iter_errors(document)] == []
    assert run("check").exit_code == 1


def test_a_folder_that_is_not_there_is_said(tmp_path):
    assert "handrail init" in run("check", tmp_path / "none").output
    with pytest.raises(NotFound):
        commands.read_folder(tmp_path / "none")
    assert run("classify", tmp_path / "none.jsonl").exit_code == 1


def test_only_policy_files_are_read(tmp_path):
    write(
        tmp_path,
        {
            "handrail.yaml": "a",
            ".git/x.yaml": "b",
            "notes.txt": "c",
            "m/.hidden.yaml": "d",
            "m/e.yml": "e",
        },
    )

    assert commands.read_folder(tmp_path) == {"handrail.yaml": "a", "m/e.yml": "e"}
    for n in range(commands.MAX_FILES):
        (tmp_path / f"{n}.yaml").touch()
    with pytest.raises(BadInput, match="too large"):
        commands.read_folder(tmp_path)


def test_a_tool_without_a_row_is_drafted_first(tmp_path):
    (answer,) = answers(tmp_path, CALL)

    assert answer["tier"] == 1
    assert answer["basis"] == "draft"
    assert len(answer["policy"]) == 64
    assert answer["reasons"][0] == {
        "code": "row",
        "tier": 1,
        "text": "It would reset something about a user's password or lock: tier 1.",
    }


@pytest.mark.parametrize(
    ("context", "tier"),
    [
        ({"clients": 1, "user_class": "Standard"}, 1),
        ({"clients": 1, "user_class": "global_admin"}, 3),
        ({"clients": 1, "user_class": "something"}, 3),
        ({"clients": 1}, 3),
        ({"user_class": "standard"}, 3),
        ({"clients": 2, "user_class": "standard"}, 3),
        ({"clients": 1, "user_class": "standard", "endpoints": 40}, 3),
        ({"clients": 1, "user_class": "standard", "batch_size": 2}, 3),
        ({"clients": 1, "user_class": "standard", "regulated": "hipaa"}, 1),
        ({"clients": 1, "user_class": "standard", "client.risk": "high"}, 2),
        ({"clients": 1, "user_class": "standard", "urgency": "critical", "intent": "safe"}, 1),
    ],
)
def test_the_context_flips_the_tier(tmp_path, context, tier):
    (answer,) = answers(tmp_path, {**CALL, "context": context})

    assert answer["tier"] == tier, answer["reasons"]


@pytest.mark.parametrize(
    ("kind", "tier"), [("workstation", 1), ("server", 3), ("switch", 3), ("toaster", 3), (7, 3)]
)
def test_the_kind_of_target_flips_the_tier(tmp_path, kind, tier):
    call = {
        "server": "rmm",
        "tool": "restart_service",
        "params": {"device_id": "number", "service": "str"},
        "arguments": {"device_id": 1, "service": "Spooler"},
        "context": {"clients": 1, "target_kind": kind},
    }

    assert answers(tmp_path, call)[0]["tier"] == tier


@pytest.mark.parametrize(
    ("regulated", "tier"), [("soc2", 2), (["HIPAA"], 3), (True, 3), (7, 2), (None, 2)]
)
def test_regimes_raise(tmp_path, regulated, tier):
    call = {
        "server": "m",
        "tool": "set_out_of_office",
        "context": {"clients": 1, "regulated": regulated},
    }

    assert answers(tmp_path, call)[0]["tier"] == tier


def test_rows_of_a_policy_come_first(tmp_path):
    folder = write(tmp_path / "p", {"handrail.yaml": MAIN, "matrix/a.yaml": SIGNATURES + ROW})
    call = {
        "type": "psa.add_note",
        "arguments": {"ticket_id": "T-1", "client_id": "acme"},
        "client": "acme",
        "trigger": {"kind": "ticket", "ref": "T-1"},
        "confidence": 0.9,
    }

    found = answers(
        tmp_path,
        call,
        {**call, "targets": ["T-1", "T-2"], "clients": ["acme", "other"]},
        {**call, "arguments": {}},
        {**call, "data_classes": ["health"]},
        {**call, "type": "psa.unknown"},
        {**call, "trigger": {"kind": 3}, "confidence": "high"},
        policy=folder,
    )
    assert [a["tier"] for a in found] == [1, 3, 3, 3, 3, 1]
    assert all("basis" not in a for a in found)


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1]",
        b'"x"',
        b"{}",
        b'{"tool": "x"}',
        b'{"type": "x"}',
        b'{"type": "' + b"a" * 600 + b'.x", "tool": null}',
        b'{"connection": "x", "tool": "' + b"a" * 600 + b'"}',
        b'{"type": "a.b", "arguments": [1]}',
        b'{"type": "a.b", "context": 3}',
        b'{"type": "a.b", "targets": "x"}',
        b'{"type": "a.b", "targets": [1]}',
        b'{"type": "a.b", "context": {"clients": -1}}',
        b'{"type": "a.b", "context": {"clients": 1e9}}',
        b'{"type": "a.b", "context": {"clients": true}}',
        b'{"type": "a.b", "context": {"endpoints": 1000000}}',
        b'{"type": "a.b", "arguments": ' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
        b'{"type": "a.b", "arguments": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type": "a.b", "arguments": {"a": "' + b"x" * (1 << 20) + b'"}}',
        b'{"server": "a", "tool": "b c", "description": "x"}',
        b"\xff\xfe",
    ],
)
def test_I16_a_line_that_cannot_be_understood_is_tier_3(tmp_path, line):
    (answer,) = answers(tmp_path, line)

    assert answer["tier"] == 3
    assert answer["error"]["message"]


def test_empty_lines_are_passed_over(tmp_path):
    assert len(answers(tmp_path, b"", CALL, b"  ")) == 1


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [*CALL, "type", "client", "clients", "targets", "trigger", "confidence", "data_classes"]
        ),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.lists(st.text(max_size=3), max_size=2)
        | st.dictionaries(
            st.sampled_from(["clients", "user_class", "a", "properties", "endpoints"]),
            st.integers() | st.text(max_size=3),
            max_size=3,
        ),
    )
)
def test_I16_no_line_makes_it_crash(change):
    policy = load(commands.starter())
    line = {**CALL, **change}
    try:
        answer = classified(understood(json.dumps(line).encode()), policy)
    except HandrailError:
        return
    assert answer["tier"] in {1, 2, 3, "prohibited"}


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["readOnlyHint", "destructiveHint", "idempotentHint"]),
    st.booleans(),
    st.sampled_from(["reset_password", "get_ticket", "delete_user", "create_note"]),
)
def test_an_annotation_never_lowers_a_call(name, value, tool):
    policy = load(commands.starter())

    def tier(annotations):
        line = {**CALL, "tool": tool, "annotations": annotations}
        return classified(understood(json.dumps(line).encode()), policy)["tier"]

    assert tier({name: value}) >= tier({})


def test_params_may_be_a_schema(tmp_path):
    schema = {
        "type": "object",
        "properties": {"deviceIds": {"type": "array"}},
        "required": ["deviceIds"],
    }
    call = {
        "server": "rmm",
        "tool": "reboot_device",
        "params": schema,
        "arguments": {"deviceIds": ["a", "b"]},
        "context": {"clients": 1, "target_kind": "workstation"},
    }

    found = answers(
        tmp_path,
        call,
        {**call, "arguments": {"deviceIds": ["a"]}},
        {**call, "params": {"deviceIds": "string[]"}, "arguments": {"deviceIds": ["a"]}},
    )
    assert [a["tier"] for a in found] == [3, 2, 2]


def test_the_program_has_the_commands_by_themselves():
    shown = CliRunner().invoke(commands.app, ["--help"])

    assert shown.exit_code == 0
    assert all(name in shown.output for name in ("init", "check", "classify"))
    assert Path(commands.__file__).name == "policy.py"


def test_time_and_risk_can_stand_in_the_context(tmp_path):
    call = {
        "server": "rmm",
        "tool": "reboot_device",
        "context": {
            "clients": 1,
            "target_kind": "workstation",
            "client.risk": "high",
            "time.business_hours": False,
        },
    }
    busy = {**call, "context": {**call["context"], "time.business_hours": True}}
    unknown = {**call, "context": {**call["context"]}}
    del unknown["context"]["time.business_hours"]

    assert [a["tier"] for a in answers(tmp_path, call, busy, unknown)] == [2, 3, 3]


@pytest.mark.parametrize(("runbook", "tier"), [("Approved", 2), ("none", 3), (None, 3), (7, 3)])
def test_only_what_people_have_listed_is_installed(tmp_path, runbook, tier):
    call = {
        "server": "rmm",
        "tool": "install_package",
        "context": {"clients": 1, "target_kind": "workstation", "runbook": runbook},
    }

    assert answers(tmp_path, call)[0]["tier"] == tier
