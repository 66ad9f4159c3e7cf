"""Starting and inspecting a store: verify, export, doctor, and what the program says of itself."""

import orjson
import pytest

from handrail import cli, config
from handrail.bench.house import open_house, request
from handrail.bench.house import policy as with_policy
from handrail.cli import tables, talk
from handrail.serving import application
from handrail.wiring import build
from support.doors import PASSWORD, served


@pytest.fixture
def run(alone):
    return alone


@pytest.fixture
def data(tmp_path):
    """The data folder of an installation with a person in it."""
    folder = tmp_path / "data"
    house = build(config.load({}, data=folder))
    house.start()
    try:
        link = house.identity.set_up_link()
        house.identity.set_up(link, "Anna", "anna@x.example", PASSWORD)
    finally:
        house.close()
    return folder


def test_export_then_verify_anywhere(run, data, tmp_path):
    out = tmp_path / "record"
    exported = orjson.loads(run("export", "--data", data, "--out", out, "--json").stdout)

    result = run("verify", out, "--key", exported["key"])
    as_json = orjson.loads(run("verify", out, "--key", exported["key"], "--json").stdout)

    assert result.exit_code == 0, result.output
    assert "unanchored" in result.stdout
    assert (True, exported["size"]) == (as_json["ok"], as_json["entries"])
    assert run("export", "--data", data, "--out", out).exit_code != 0


def test_a_clients_part_is_exported_with_a_table_and_verified(run, data, tmp_path):
    house = build(config.load({}, data=data))
    try:
        house.services.directory.set_client(None, "acme", "Acme")
    finally:
        house.close()
    out = tmp_path / "acme"
    wanted = ("export", "--data", data, "--out", out, "--client", "acme", "--format", "csv")
    exported = orjson.loads(run(*wanted, "--json").stdout)

    result = run("verify", out, "--key", exported["key"])

    assert result.exit_code == 0, result.output
    assert "client acme: places 0 to" in result.stdout
    rows = (out / "entries.csv").read_text().splitlines()
    assert rows[0] == "seq,at,type,who,action,clients,text"
    assert len(rows) == exported["size"] + 1
    assert run("export", "--data", data, "--out", tmp_path / "x", "--client", "x").exit_code != 0


def test_the_whole_record_as_json_lines_with_the_files_that_prove_it(run, data, tmp_path):
    out = tmp_path / "record"
    exported = orjson.loads(
        run("export", "--data", data, "--out", out, "--format", "jsonl", "--json").stdout
    )

    lines = [orjson.loads(line) for line in (out / "entries.jsonl").read_bytes().splitlines()]

    assert [line["seq"] for line in lines] == list(range(exported["size"]))
    assert run("verify", out, "--key", exported["key"]).exit_code == 0
    cut = run("export", "--data", data, "--out", tmp_path / "cut", "--since", "2026-01-01")
    assert cut.exit_code == talk.USAGE
    assert "--client" in cut.stderr


def test_a_table_starts_no_formula(tmp_path):
    entry = {"seq": 1, "at": "x", "type": "t", "who": "=1+1", "action": None, "clients": ["a"],
             "text": "-2"}  # fmt: skip

    path = tables.write(tmp_path / "t.csv", [entry])

    assert path.read_text().splitlines()[1] == "1,x,t,'=1+1,,a,'-2"


def test_a_kept_checkpoint_is_a_memory_of_ones_own(run, data, tmp_path):
    key = orjson.loads(run("export", "--data", data, "--out", tmp_path / "1", "--json").stdout)[
        "key"
    ]
    run("export", "--data", data, "--out", tmp_path / "2")
    older, newer = (tmp_path / n / "checkpoint" for n in "12")

    grown = run("verify", tmp_path / "2", "--key", key, "--kept", older)
    put_back = run("verify", tmp_path / "1", "--key", key, "--kept", newer)
    none = run("verify", tmp_path / "1", "--key", key, "--kept", tmp_path / "none")

    assert (grown.exit_code, put_back.exit_code, none.exit_code) == (0, talk.NOT_HELD, talk.USAGE)
    assert "kept from earlier" in grown.stdout
    assert "were signed before" in put_back.stderr


def test_one_changed_byte_is_said_where(run, data, tmp_path):
    out = tmp_path / "record"
    key = orjson.loads(run("export", "--data", data, "--out", out, "--json").stdout)["key"]
    bundle = next((out / "tile" / "entries").rglob("*.p/*"))
    raw = bytearray(bundle.read_bytes())
    raw[40] ^= 1
    bundle.write_bytes(bytes(raw))

    result = run("verify", out, "--key", key)
    as_json = run("verify", out, "--key", key, "--json")

    assert (result.exit_code, as_json.exit_code) == (talk.NOT_HELD, talk.NOT_HELD)
    assert result.stderr.startswith("entry 0: its bytes")
    assert orjson.loads(as_json.stdout)["ok"] is False


def test_without_a_key_nothing_is_believed(run, tmp_path):
    result = run("verify", tmp_path, "--data", tmp_path / "none")

    assert result.exit_code == talk.USAGE
    assert "--key" in result.stderr


def test_the_own_record_is_found_by_itself(run, data):
    assert run("verify", "--data", data).exit_code == 0


def test_a_server_is_verified_over_the_network(run, data, tmp_path, monkeypatch):
    """Its published record is fetched and checked here; tiles need a signed-in person."""
    house = build(config.load({}, data=data))
    house.start()
    try:
        with served(application(house)) as url:
            monkeypatch.setenv("HANDRAIL_URL", url)
            key = house.services.record.key
            without = run("verify", url, "--key", key)
            token, _ = house.identity.sign_in("anna@x.example", PASSWORD, via="cli")
            house.services.record.sign()
            cli.session.Sessions(cli.session.folder() / cli.session.FILE).keep(url, token)
            result = run("verify", url, "--key", key)
            wrong = run("verify", url, "--key", key[:-4] + "AAA=")
    finally:
        house.close()

    assert without.exit_code == talk.NOT_SIGNED_IN, without.output
    assert result.exit_code == 0, result.output
    assert wrong.exit_code != 0


def test_doctor_looks_and_says(run, data):
    result = run("doctor", "--data", data)
    found = orjson.loads(run("doctor", "--data", data, "--json").stdout)

    assert {"database", "clock"} <= {f["name"] for f in found}
    # There is no policy yet, so there is trouble, and the exit code says so.
    assert result.exit_code == talk.NOT_HELD
    assert "TROUBLE" in result.stdout


def test_an_upstreams_own_log_shows_what_went_round(run, tmp_path):
    with open_house(tmp_path / "data") as (house, agent):
        done = [house.services.govern.act(agent, request(n)).id for n in range(2)]
        now = house.clock.now().isoformat()
    log = tmp_path / "audit.csv"
    lines = [f"{now},restart,svc,PC-{n:06d}" for n in (0, 1, 77)]
    log.write_text("\n".join(["time,operation,actor,target", *lines]))
    lived = (
        "--data",
        tmp_path / "data",
        "--database",
        f"sqlite:///{tmp_path / 'data' / 'bench.db'}",
    )

    result = run("reconcile", "--source", log, "--connection", "bench", *lived)
    found = orjson.loads(
        run("reconcile", "--source", log, "--connection", "bench", *lived, "--json").stdout
    )

    assert result.exit_code == talk.NOT_HELD
    assert "Went round Handrail: 1" in result.stdout
    assert "pc-000077" in result.stdout
    assert {id for _, id in found["paired"]} == set(done)
    log.write_text("\n".join(["time,operation,actor,target", *lines[:2]]))
    assert run("reconcile", "--source", log, "--connection", "bench", *lived).exit_code == 0
    assert run("reconcile", "--source", tmp_path / "x", "--connection", "b", *lived).exit_code != 0


def test_bad_settings_are_a_usage_error(run, monkeypatch):
    monkeypatch.setenv("HANDRAIL_PORT", "many")

    result = run("doctor")

    assert result.exit_code == talk.USAGE
    assert "HANDRAIL_PORT" in result.stderr


def test_help_names_every_command_and_the_exit_codes(run):
    result = run("--help")

    for name in ("serve", "demo", "login", "approve", "verify", "init", "pause"):
        assert name in result.stdout
    assert "4 not signed in" in result.stdout
    assert run("--version").stdout.startswith("handrail ")
    assert run("approve").exit_code == talk.USAGE
    assert run("no-such-thing").exit_code == talk.USAGE


def test_backtest_says_what_the_past_would_have_been(run, tmp_path):
    folder, policy = tmp_path / "lived", tmp_path / "policy"
    for path, text in with_policy().items():
        (policy / path).parent.mkdir(parents=True, exist_ok=True)
        (policy / path).write_text(text)
    lived = ("--data", folder, "--database", f"sqlite:///{folder / 'bench.db'}")
    with open_house(folder) as (house, agent):
        house.services.govern.act(agent, request(1))

    same = run("backtest", "--policy", policy, *lived)
    assert "Of 1 recorded actions, 0 would have had more oversight and 0 less" in same.stdout
    rows = policy / "matrix" / "bench.yaml"
    rows.write_text(rows.read_text().replace("tier: 1", "tier: 3"))
    found = run("backtest", "--policy", policy, *lived, "--json")
    assert orjson.loads(found.stdout)["exact"]["moved"] == [{"was": 1, "now": 3, "count": 1}]
    later = run("backtest", "--policy", policy, *lived, "--since", "2999-01-01")
    assert "There is no recorded past" in later.stdout
    assert run("backtest", "--policy", tmp_path / "none", *lived).exit_code != 0
