"""`handrail clients`: an export, a connection's places, and what only a person knows."""

import orjson
import pytest


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "companies.csv"
    path.write_text("Company,Code,Regimes\nAcme,acme,soc2\nNew Clinic,new-clinic,hipaa\n", "utf-8")
    return path


def test_an_import_asks_first(run, signed_in, doors, export):
    signed_in("per_dan")
    shown = run("clients", "import", export)
    assert shown.exit_code == 0, shown.output
    assert "1 new, 1 changed" in shown.output
    assert {c["id"] for c in doors.house.s.read.clients()} == {"acme", "harbor"}
    assert "Done" in run("clients", "import", export, "--yes").output
    assert {c["id"] for c in doors.house.s.read.clients()} == {"acme", "harbor", "new-clinic"}


def test_places_are_matched_and_told(run, signed_in, doors, tmp_path, export):
    signed_in("per_dan")
    sites = tmp_path / "sites.json"
    sites.write_text('[{"id": "T-1", "name": "Acme Inc"}, {"id": "T-2", "name": "Elsewhere"}]')

    shown = run("clients", "match", "up", "--file", sites, "--companies", export, "--yes")
    assert "Acme Inc  is  acme  (alike)" in shown.output
    assert "?  Elsewhere: no client is named so" in shown.output
    assert "1 places" not in run("clients", "tell", "up", "T-2=harbor").output
    found = run("clients", "match", "up", "--file", sites, "--json", "--yes")
    assert orjson.loads(found.stdout)["questions"] == []
    told = run("clients", "tell", "up", "T-2=acme", "--json")
    assert orjson.loads(told.stdout)["client_map"]["T-2"] == "acme"


def test_what_can_t_be_done_is_said(run, signed_in, tmp_path):
    signed_in("per_dan")
    odd = tmp_path / "odd.csv"
    odd.write_bytes(b"\xff\xfe\x00x")
    large = tmp_path / "large.csv"
    large.write_text("x" * 900_001)
    for args in (
        ["import", tmp_path / "none.csv"],
        ["import", odd],
        ["import", large],
        ["tell", "up", "acme"],
        ["tell", "up"],
        ["match", "up", "--yes"],
    ):
        assert run("clients", *args).exit_code != 0, args
