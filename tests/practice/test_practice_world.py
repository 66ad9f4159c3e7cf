"""The practice world: its stock, its log, its transactions, what arrives."""

import ast
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handrail import practice
from handrail.errors import Conflict, NotFound
from handrail.practice import arrivals, clients, people
from handrail.practice.playbooks import PLAYBOOKS, recognise
from handrail.practice.reports import REPORTS
from handrail.practice.scenes import SCENES
from handrail.practice.seed import fill
from handrail.practice.world import World

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def test_the_stock_is_that_of_a_small_provider(world):
    """Six clients, sixty people of four classes, eighty workstations, fourteen servers."""
    state = world.dump()

    assert len(state["client"]) == 6
    assert Counter(row[6] for row in state["user"]) == {
        "standard": 43,  # one of them the safe target of rehearsals
        "vip": 6,
        "admin": 6,
        "service": 6,
    }
    assert Counter(row[2] for row in state["device"]) == {
        "workstation": 81,
        "server": 14,
        "network": 12,
    }


def test_the_same_seed_makes_the_same_world(tmp_path):
    """Row for row, and another seed makes another."""

    def made(name, seed):
        world = World.create(tmp_path / name, fill(seed), NOW)
        with closing(world):
            return world.dump()

    assert made("a", 7) == made("b", 7)
    assert made("c", 8) != made("d", 7)


def test_making_a_world_that_is_there_changes_nothing(world, world_path):
    """Create again with another seed: the world stays."""
    before = world.dump()

    with closing(World.create(world_path, fill(99), NOW)) as again:
        assert again.dump() == before


def test_opening_a_world_that_is_not_there_says_how_to_make_one(tmp_path):
    """NotFound with the command."""
    with pytest.raises(NotFound) as raised:
        World(tmp_path / "none.db")

    assert "--world" in raised.value.hint


def test_a_call_is_logged_with_its_effect(world):
    """One transaction: the effect and the row."""

    def act(book):
        return book.run("UPDATE client SET city = 'Elsewhere' WHERE id = 'brightwater'")

    assert world.call("c1", "move", {"to": "Elsewhere"}, {"k": 1}, NOW, act) == 1
    (row,) = world.audit()
    assert (row.tool, row.arguments, row.meta, row.outcome) == (
        "move",
        {"to": "Elsewhere"},
        {"k": 1},
        "ok",
    )


def test_a_failed_call_leaves_its_log_row_and_nothing_else(world):
    """What was changed before the failure is gone."""
    before = world.dump()

    def act(book):
        book.run("DELETE FROM ticket_note")
        book.run("UPDATE client SET city = 'Elsewhere'")
        raise Conflict("already so")

    with pytest.raises(Conflict):
        world.call("c1", "move", {}, {}, NOW, act)

    assert world.dump() == before
    assert [(r.outcome, r.message) for r in world.audit()] == [("error", "already so")]


def test_a_call_that_breaks_leaves_nothing(world):
    """An error that nobody foresaw rolls back everything, the log row too, and the world works on."""
    with pytest.raises(sqlite3.OperationalError):
        world.call("c1", "broken", {}, {}, NOW, lambda book: book.run("UPDATE nowhere SET x = 1"))

    assert world.audit() == []
    assert world.call("c2", "fine", {}, {}, NOW, lambda book: 1) == 1


def test_the_log_is_append_only(world, world_path):
    """Neither change nor deletion, by whoever has the file open."""
    world.call("c1", "look", {}, {}, NOW, lambda book: None)

    with closing(sqlite3.connect(world_path)) as other:
        for sql in ("UPDATE audit SET tool = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(sql)
            other.rollback()


def test_what_arrives_is_a_function_of_seed_and_state(tmp_path):
    """Two worlds of one seed meet the same hundred tickets, each with its trouble made true."""

    def met(name):
        world = World.create(tmp_path / name, fill(3), NOW)
        with closing(world):
            with world.book(NOW) as book:
                for _ in range(100):
                    arrivals.arrive(book)
            return world.dump()

    first = met("a")

    assert first == met("b")
    assert len(first["ticket"]) == 100
    assert sum(row[8] for row in first["user"]) > 0  # someone is locked out
    assert any(row[2] == "stopped" for row in first["service"])


def test_every_report_is_recognised_by_the_agent():
    """Each wording of each kind of trouble leads to its own playbook, in the right category."""
    cast = dict.fromkeys(
        [
            "name",
            "user",
            "job",
            "path",
            "service",
            "starter",
            "department",
            "leaver",
            "leaver_id",
            "hour",
            "port",
            "host",
        ],
        "x",
    )
    cast |= {
        "device": "HDG-FRONT-01",
        "package": "7-zip",
        "sku": "VISIO-PLAN2",
        "forward_to": "a@b.example",
        "group": "HDG/VPN users",
        "switch": "HDG-SW01",
        "vlan": 30,
        "path": "Shared/Plan.pdf",
        "job": "HDG-FS01-nightly",
    }
    for scene in SCENES:
        for subject, description in REPORTS[scene.kind]:
            kind, category = recognise(f"{subject}\n{description}".format(**cast))
            assert PLAYBOOKS[kind] is PLAYBOOKS[scene.kind], (scene.kind, subject, kind)
            assert category == scene.category or scene.kind == "hostile"


def test_people_and_clients_fit_together():
    """Every client has its account engineer, and every role of a chain a holder."""
    engineers = {
        role["client"]: person["email"]
        for person in people.PEOPLE
        for role in person["roles"]
        if role["role"] == "account-engineer"
    }

    assert engineers == {c["id"]: c["account_engineer"] for c in clients.CLIENTS}
    assert {c["id"] for c in clients.CLIENTS} == {s.client for s in clients.SITES}
    assert len({p["email"] for p in people.PEOPLE}) == len(people.PEOPLE)


def test_the_practice_room_imports_nothing_of_ours_but_errors():
    """It stands for other people's systems."""
    for path in Path(practice.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                ours = name.startswith("handrail")
                assert not ours or name.startswith(("handrail.practice", "handrail.errors")), path
