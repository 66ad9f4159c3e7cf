"""`handrail shadow`: opened by one, made longer by two, reported, ended (I27)."""

import orjson

from handrail.cli.remote import connected
from handrail.cli.shadow import follow


def test_I27_a_scope_from_start_to_end(run, signed_in, doors):
    signed_in("per_dan")
    made = run("shadow", "start", "up", "--reason", "to see", "--json")
    assert made.exit_code == 0, made.output
    id = orjson.loads(made.stdout)["id"]
    assert "Nothing has passed" in run("shadow", "report", id).output
    doors.house.act("add_firewall_rule")
    assert "would have waited for a person" in run("shadow", "report", id).output
    assert orjson.loads(run("shadow", "report", id, "--json").stdout)["calls"] == 1
    assert "Proposed" in run("shadow", "extend", id, "--days", "20").output
    assert run("shadow", "agree", id).exit_code == 1
    signed_in("per_anna")
    assert "in shadow until" in run("shadow", "agree", id).output
    assert "is enforced" in run("shadow", "end", id).output
    assert "A second person" in run("shadow", "start", "up", "--reason", "again").output
    assert id in run("shadow", "list").output
    assert len(orjson.loads(run("shadow", "list", "--json").stdout)) == 2


def test_calls_are_told_as_they_pass(run, signed_in, doors, capsys):
    """The first ten minutes: the first live call, explained."""
    signed_in("per_dan")
    id = orjson.loads(run("shadow", "start", "up", "--reason", "to see", "--json").stdout)["id"]
    doors.house.act("restart_service")  # passed before anybody watched

    with connected() as there:
        follow(there, id, calls=1, wait=lambda seconds: doors.house.act("add_firewall_rule"))

    told = capsys.readouterr().out
    assert "it would have been tier 3" in told
    assert "up.add_firewall_rule" in told
    assert "restart_service" not in told
    run("shadow", "end", id)
    assert run("shadow", "watch", id).exit_code == 0  # nothing passes any more, and it says so
