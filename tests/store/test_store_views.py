"""What SQL alone may ask: two views whose columns stay (SPEC 9)."""

import re
import sqlite3
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from handrail.clock import FakeClock
from handrail.store.database import open_store
from handrail.store.views import VIEWS
from support.house import House, sealer_at

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ask(tmp_path):
    """A house in which each kind of thing happened, and a question in SQL about it."""
    clock = FakeClock()
    store = open_store(f"sqlite:///{tmp_path / 'x.db'}", clock, "test.example/log")
    house = House(store, sealer_at(tmp_path / "keys"), clock)
    house.act("restart_service")
    told = house.act("assign_licence", sku="E3")
    waits = house.act("add_firewall_rule", client="harbor")
    house.answer("per_ben", waits.proposal)
    house.sweep(seconds=31)
    house.sweep(seconds=31)
    house.s.reversals.reverse(house.who("per_ben"), told.id)
    size = len(house.entries())
    connection = sqlite3.connect(f"file:{tmp_path / 'x.db'}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    yield lambda sql, *values: [dict(r) for r in connection.execute(sql, values)], size
    connection.close()
    store.close()


def test_every_decision_with_who_said_yes_and_what_came_of_it(ask):
    rows, _ = ask
    found = {r["type"]: r for r in rows("SELECT * FROM decision ORDER BY asked_at")}

    rule = found["up.add_firewall_rule"]
    assert (rule["tier"], rule["state"], orjson.loads(rule["clients"])) == (3, "done", ["harbor"])
    assert orjson.loads(rule["approved_by"]) == ["per_ben"]
    licence = found["up.assign_licence"]
    assert (licence["state"], licence["reversed_by"]) == ("reversed", "per_ben")
    assert found["up.restart_service"]["confidence"] == 0.9
    for row in found.values():
        assert datetime.fromisoformat(row["asked_at"]) <= datetime.fromisoformat(row["begun_at"])


def test_every_entry_with_its_facts(ask):
    rows, size = ask

    assert rows("SELECT count(*) AS n FROM record_entry")[0]["n"] == size
    (deny,) = rows(
        "SELECT principal, clients, facts ->> '$.version' AS version FROM record_entry"
        " WHERE type = 'person:proposal:approved'"
    )
    assert (deny["principal"], orjson.loads(deny["clients"]), deny["version"]) == (
        "person:per_ben", ["harbor"], 1,
    )  # fmt: skip


def test_the_questions_of_the_reference_can_be_asked(ask):
    rows, _ = ask
    page = (ROOT / "docs" / "reference" / "sql.md").read_text()
    questions = re.findall(r"    -- .*?;", page, re.DOTALL)
    assert len(questions) == 3

    answers = [rows(question) for question in questions]

    assert {r["why"] for r in answers[2]} >= {"row"}
    assert [dict(r) for r in answers[1]] == [{"type": "up.assign_licence", "count(*)": 1}]


def test_columns_that_stay(ask):
    """Whoever asks by SQL rests on these names; a new column is welcome, a lost one is not."""
    rows, _ = ask
    stay = {
        "record_entry": "seq at type principal action clients epoch facts",
        "decision": "action asked_at type clients targets agent agent_version trigger_kind "
        "trigger_ref confidence tier state policy proposal version approved_by begun_at ended_at "
        "outcome reversed_at reversed_by",
    }
    for name in VIEWS:
        columns = {c["name"] for c in rows("SELECT name FROM pragma_table_info(?)", name)}
        assert set(stay[name].split()) <= columns
