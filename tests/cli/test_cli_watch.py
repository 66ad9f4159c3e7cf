"""Outside memory from the command line: a mirror, a witness's start, witnesses in `verify`."""

import orjson
import pytest

from handrail import config
from handrail.ledger.cosign import WitnessKey, attach, cosign
from handrail.ledger.errors import MemoryUnreadable
from handrail.ledger.witness_server import prepared
from handrail.wiring import build


@pytest.fixture
def run(alone):
    return alone


@pytest.fixture
def data(tmp_path):
    """The data folder of an installation."""
    folder = tmp_path / "data"
    house = build(config.load({}, data=folder))
    house.start()
    house.close()
    return folder


@pytest.fixture
def exported(run, data, tmp_path):
    return orjson.loads(run("export", "--out", tmp_path / "out", "--data", data, "--json").stdout)


def test_a_mirror_holds_what_it_took(run, data, tmp_path, exported):
    copy, key = tmp_path / "copy", exported["key"]
    first = run("mirror", tmp_path / "out", "--out", copy, "--key", key)
    assert first.exit_code == 0
    assert run("verify", copy / "log", "--key", key).exit_code == 0
    later = tmp_path / "later"
    run("export", "--out", later, "--data", data)
    assert run("mirror", later, "--out", copy, "--key", key, "--json").exit_code == 0
    older = run("mirror", tmp_path / "out", "--out", copy, "--key", key)
    assert older.exit_code == 1
    assert "Nothing was taken" in older.stderr
    as_json = run("mirror", tmp_path / "out", "--out", copy, "--key", key, "--json")
    assert orjson.loads(as_json.stdout)["ok"] is False
    assert run("mirror", tmp_path / "none", "--out", copy, "--key", key).exit_code != 0


def test_verify_counts_the_witnesses_that_are_named(run, tmp_path, exported):
    key = WitnessKey.generate("witness.example/one")
    checkpoint = tmp_path / "out" / "checkpoint"
    note = checkpoint.read_bytes()
    checkpoint.write_bytes(attach(note, [cosign(note, key, 1_767_600_000)]))
    other = WitnessKey.generate("witness.example/two").verifier
    result = run(
        "verify", tmp_path / "out", "--key", exported["key"],
        "--witness", key.verifier, "--witness", other,
    )  # fmt: skip
    assert result.exit_code == 0
    assert "witnessed 1 of 2" in result.stdout


def test_a_witness_starts_with_a_memory_or_is_told_that_the_log_is_new(run, tmp_path, exported):
    folder = tmp_path / "witness"
    with pytest.raises(MemoryUnreadable):
        prepared(folder, "witness.example/one", [exported["key"]], new=False)
    made = prepared(folder, "witness.example/one", [exported["key"]], new=True)
    again = prepared(folder, "another name", [exported["key"]], new=False)
    assert again.key.verifier == made.key.verifier
    assert (folder / "key").stat().st_mode & 0o077 == 0
    assert run("witness", folder, "--log", exported["key"], "--new").exit_code != 0
    assert run("witness", folder, "--log", "nonsense").exit_code != 0
