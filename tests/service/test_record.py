"""The record: proofs of what is published, and witnesses asked in the course of things."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from starlette.testclient import TestClient

from handrail.errors import BadInput
from handrail.ledger import excerpt, proof
from handrail.ledger.checkpoint import VerifierKey
from handrail.ledger.cosign import WitnessKey
from handrail.ledger.verify import verify
from handrail.ledger.witness import Witness
from handrail.ledger.witness_server import serving
from support.doors import Doors, opened
from support.house import House, policy_files

KEY = WitnessKey.generate("witness.example/one")


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with opened(tmp_path / "house") as doors:
        yield doors


@contextmanager
def witness(doors: Doors, folder: Path, *, new: bool = True) -> Iterator[str]:
    """A witness that knows the record; its line for the file of witnesses."""
    key = VerifierKey.parse(doors.house.s.record.key)
    if new:
        folder.mkdir()
        Witness.introduce(folder, key.name)
    server = serving(Witness(KEY, [key], folder), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{KEY.verifier} http://127.0.0.1:{server.server_address[1]}\n"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_proof_of_every_entry_is_served(doors: Doors) -> None:
    """I21: an entry and its proof need only the key."""
    record = doors.house.s.record
    record.sign()
    key = VerifierKey.parse(record.key)
    size = record.status()["size"]
    assert size > 0
    bodies = list(record.entries())
    with TestClient(doors.app) as http:
        who = doors.of("per_anna")
        for seq, body in enumerate(bodies):
            answer = http.get("/v1/ledger/proof", params={"seq": seq}, headers=who)
            assert proof.verify_inclusion(answer.content, body, key).size == size
        answer = http.get("/v1/ledger/proof", params={"old": 1}, headers=who)
        assert proof.parse_consistency(answer.content).at == 1
        for query, status in (
            ({}, 400), ({"seq": 0, "old": 0}, 400), ({"seq": 9_999}, 404), ({"old": 9_999}, 404),
        ):  # fmt: skip
            assert http.get("/v1/ledger/proof", params=query, headers=who).status_code == status


def test_a_record_is_shown_to_its_witnesses(doors: Doors, tmp_path: Path) -> None:
    record = doors.house.s.record
    record.sign()
    record.anchor()
    assert record.status()["level"] == "unanchored"  # none is named
    with witness(doors, tmp_path / "witness") as line:
        (record._signer.folder / "witnesses").write_text(line)
        out = tmp_path / "out"
        made = record.export(out)
    assert record.status()["level"] == "witnessed 1 of 1"
    assert record.status()["trouble"] == ""
    found = verify(out, made["key"], witnesses=[str(KEY.verifier)])
    assert found.level == record.verify().level == "witnessed 1 of 1"
    record.anchor()  # nobody answers any more, and nobody is asked: it is cosigned
    assert record.status()["level"] == "witnessed 1 of 1"
    record.export(tmp_path / "later")  # its own event makes a new head
    assert record.status()["level"] == "unanchored"
    assert record.status()["trouble"] == ""


def test_a_witness_that_saw_more_is_a_doubt_on_every_page(doors: Doors, tmp_path: Path) -> None:
    """The whole database and the signer's memory put back: only the witness remembers."""
    record = doors.house.s.record
    record.sign()
    folder = tmp_path / "witness"
    with witness(doors, folder) as line:
        (record._signer.folder / "witnesses").write_text(line)
        (memory,) = folder.glob("*.json")
        seen = orjson.loads(memory.read_bytes()) | {"size": 1_000}
        memory.write_bytes(orjson.dumps(seen))
        record.anchor()
    assert "saw 1000 entries" in record.status()["trouble"]


def test_a_file_of_witnesses_that_names_none_is_trouble(doors: Doors) -> None:
    record = doors.house.s.record
    record.sign()
    (record._signer.folder / "witnesses").write_text("nonsense\n")
    record.anchor()
    assert "witnesses" in record.status()["trouble"]


def test_a_silent_record_beats_as_often_as_the_policy_says(house: House) -> None:
    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "settings: {", "settings: {heartbeat: 2h, "
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))

    def beats() -> int:
        return sum(e["type"] == "handrail:log:heartbeat" for e in house.entries())

    house.s.record.beat()
    assert beats() == 0
    house.clock.advance(timedelta(hours=2, seconds=1))
    house.s.record.beat()
    house.s.record.beat()
    assert beats() == 1


def test_I23_a_client_is_given_its_own_entries_and_the_export_is_the_newest(
    doors: Doors, tmp_path: Path
) -> None:
    house = doors.house
    house.act("restart_service", client="acme")
    house.act("restart_service", client="harbor")
    house.sweep(hours=2)
    started = house.clock.now()
    later = house.act("restart_service", client="acme").id

    made = house.s.record.excerpt(tmp_path / "acme", "acme", who=house.who("per_anna"))
    found = excerpt.verify(tmp_path / "acme", made["key"])
    part = house.s.record.excerpt(tmp_path / "part", "acme", since=started)

    assert found.places == (0, found.entries - 1)
    text = (tmp_path / "acme" / excerpt.NAME).read_text()
    assert "harbor" not in text
    last = orjson.loads(orjson.loads(text.splitlines()[-1])["entry"])
    assert (last["type"], last["by"]) == ("person:ledger:exported", "person:per_anna")
    assert excerpt.verify(tmp_path / "part", part["key"]).places[0] > 0  # type: ignore[index]
    assert later in (tmp_path / "part" / excerpt.NAME).read_text()
    with pytest.raises(BadInput, match="not empty"):
        house.s.record.excerpt(tmp_path / "acme", "acme")
    with pytest.raises(BadInput, match="no client"):
        house.s.record.excerpt(tmp_path / "none", "nobody")


def test_the_record_told_entry_by_entry_is_the_record(doors: Doors) -> None:
    house = doors.house
    house.act("restart_service", client="acme")
    house.act("add_firewall_rule", client="harbor")

    whole = list(house.s.read.told())
    mine = list(house.s.read.told("harbor"))

    assert [e["seq"] for e in whole] == list(range(len(house.entries())))
    assert mine == [e for e in whole if "harbor" in e["clients"]]
    assert all(e["text"] and "not recorded" not in e["text"] for e in whole)
    assert list(house.s.read.told(since=house.clock.now() + timedelta(days=1))) == []
