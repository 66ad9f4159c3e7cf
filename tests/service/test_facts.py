"""Facts are forgotten when what they are about changes, have the age their source says, and what
a call refers to is part of it (I9, I16)."""

import os
from datetime import timedelta

import pytest

from handrail.clock import SystemClock
from handrail.connectors import directory
from handrail.connectors.callables import Callables
from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.executor import Order
from handrail.connectors.host import Host
from handrail.core.action import State
from handrail.core.model import Mode, Tier
from support.house import House, policy_files, row

CLASS = (
    "facts:\n  - {name: user.class, types: [up.restart_service, up.assign_licence],"
    " read: up.get_user, arguments: {user_id: args.n}, value: result.user_class, age: 1h}\n"
)


def policy(house: House, facts: str = CLASS) -> None:
    files = policy_files()
    files["handrail.yaml"] += facts
    plain = row("up.restart_service", 1)
    files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
        plain, row("up.restart_service", 1, needs_facts="[user.class]")
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))


def reads(house: House) -> int:
    return sum(name == "get_user" for name, _ in house.upstream.calls)


def test_a_fact_is_remembered_until_what_it_is_about_changes(house: House):
    policy(house)
    house.act("restart_service", n="u1")
    house.act("restart_service", n="u2")
    assert reads(house) == 2
    before = reads(house)
    house.s.govern.dry_run(house.agent(), house.request("restart_service", n="u1"))
    assert reads(house) == before + 1  # u1 was changed since it was looked up
    house.s.govern.dry_run(house.agent(), house.request("restart_service", n="u1"))
    house.s.govern.dry_run(house.agent(), house.request("restart_service", n="U1"))
    assert reads(house) == before + 2  # a dry run changes nothing; another case is another read


def test_a_change_by_another_tool_or_under_another_argument_counts(house: House):
    policy(house)
    dry = lambda: house.s.govern.dry_run(  # noqa: E731
        house.agent(), house.request("restart_service", n="u1")
    )
    dry()
    house.act("assign_licence", n="other", user_id="U1", sku="E3")
    before = reads(house)
    dry()
    assert reads(house) == before + 1


def test_a_reversal_and_a_grant_are_changes_too(house: House):
    policy(house)
    dry = lambda: house.s.govern.dry_run(  # noqa: E731
        house.agent(), house.request("restart_service", n="u1")
    )
    acted = house.act("assign_licence", n="u1", sku="E3")
    dry()
    before = reads(house)
    house.s.reversals.reverse(house.who("per_anna"), acted.id)
    dry()
    assert reads(house) == before + 1

    from dataclasses import replace

    request = replace(house.request("restart_service", n="u1"), mode=Mode.GRANT)
    granted = house.s.govern.act(house.agent(), request)
    before = reads(house)
    dry()
    assert reads(house) == before + 1
    house.s.govern.report(house.agent(), granted.id, "done", "")
    dry()
    assert reads(house) == before + 2


def test_a_fact_read_while_something_changed_is_not_remembered(house: House):
    policy(house)
    resolver = house.middle.begin
    real = house.upstream.execute

    def meanwhile(order, **more):
        reply = real(order, **more)
        if order.params["name"] == "get_user":
            resolver.changed(("elsewhere",), {})
        return reply

    house.upstream.execute = meanwhile
    for _ in range(2):
        house.s.govern.dry_run(house.agent(), house.request("restart_service", n="u1"))
    assert reads(house) == 2


def test_what_is_forgotten_leaves_nothing_behind(house: House):
    policy(house, CLASS.replace("{user_id: args.n}", "{user_id: args.n, at: args.client}"))
    for n in range(5):
        house.act("restart_service", n=f"u{n}")
    resolver = house.middle.begin._changed.__self__
    assert resolver._remembered == {}
    assert resolver._about == {}


def test_a_new_policy_forgets_everything(house: House):
    policy(house)
    house.s.govern.dry_run(house.agent(), house.request("restart_service", n="u1"))
    policy(house, CLASS.replace("1h", "2h"))
    before = reads(house)
    house.s.govern.dry_run(house.agent(), house.request("restart_service", n="u1"))
    assert reads(house) == before + 1


@pytest.mark.parametrize(
    ("hours", "state"), [(0.5, State.DONE), (2, State.WAITING), (-5, State.DONE), (None, "bad")]
)
def test_I16_a_fact_is_as_old_as_its_source_says(house: House, hours, state):
    policy(house)
    said = "yesterday" if hours is None else house.clock.now() - timedelta(hours=hours)
    as_of = said if hours is None else said.isoformat()
    house.upstream.answers["get_user"] = {"user_class": "standard", "as_of": as_of}

    acted = house.act("restart_service", n="u1")

    assert acted.state is (State.WAITING if state == "bad" else state)


SCRIPT = (
    "facts:\n  - {name: fact.content_script, types: [up.restart_service], read: up.get_licences,"
    " arguments: {user_id: args.script}, value: result.body, age: 15m}\n"
)


def test_I9_what_a_call_refers_to_is_part_of_it(house: House):
    files = policy_files()
    files["handrail.yaml"] += SCRIPT
    files["rules/r.yaml"] = (
        "rules:\n  - {name: r, about: {types: [up.restart_service]}, tier: 3, because: look}\n"
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    house.upstream.answers["get_licences"] = {"body": "Clear-Cache"}
    acted = house.act("restart_service", script="fix.ps1")
    assert acted.state is State.WAITING
    house.answer("per_anna", acted.proposal)
    house.upstream.answers["get_licences"] = {"body": "Format-Volume"}
    house.middle.begin.changed(("fix.ps1",), {})  # someone changed the script
    house.sweep(seconds=11)

    assert house.state(acted.id) == "superseded"
    assert house.upstream.acts == []


def test_the_same_content_runs_as_approved(house: House):
    files = policy_files()
    files["handrail.yaml"] += SCRIPT
    files["rules/r.yaml"] = (
        "rules:\n  - {name: r, about: {types: [up.restart_service]}, tier: 3, because: look}\n"
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    house.upstream.answers["get_licences"] = {"body": "Clear-Cache"}
    acted = house.act("restart_service", script="fix.ps1")
    house.answer("per_anna", acted.proposal)
    house.sweep(seconds=11)

    assert house.state(acted.id) == "done"


def test_I16_content_that_can_t_be_read_waits(house: House):
    files = policy_files()
    files["handrail.yaml"] += SCRIPT
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))

    acted = house.act("restart_service", script="fix.ps1")

    assert acted.state is State.WAITING
    assert "floor:unknown:content" in {r.code for r in acted.classification.reasons}
    assert house.act("restart_service").state is State.WAITING  # names no script: unknown as well


# --- directory files ------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "directory"
    folder.mkdir()
    (folder / "users.csv").write_text(
        "id,email,user_class\nu1,Jane@acme.example,standard\nu2,joe@acme.example,vip\n"
        "u3,twice@acme.example,vip\nu4,twice@acme.example,standard\n"
    )
    (folder / "devices.yaml").write_text("WS-1: {role: workstation}\n")
    (folder / "tickets.json").write_text('[{"ticket_id": 7, "opened_by": "jane"}, 3]')
    (folder / "broken.json").write_text("{")
    (folder / "scalar.json").write_text("3")
    (folder / "notes.txt").write_text("x")
    (folder / "odd-name.csv").write_text("id\n")
    return folder


def ask(folder, name, id):
    callables = Callables()
    directory.register(callables, folder)
    host = Host(SystemClock(), callables)
    host.connect(ConnectionSpec(name="files", kind="callable", target=directory.SET))
    order = Order(
        connection="files",
        method="tools/call",
        params={"name": name, "arguments": {"id": id}},
        agent="handrail",
        client="",
    )
    assert [t["name"] for t in host.offer("files").tools] == [
        "broken",
        "devices",
        "scalar",
        "tickets",
        "users",
    ]
    return host.execute(order)


@pytest.mark.parametrize(
    ("name", "id", "found"),
    [
        ("users", "U1", {"user_class": "standard"}),
        ("users", "jane@ACME.example", {"id": "u1"}),
        ("devices", "ws-1", {"role": "workstation"}),
        ("tickets", 7, {"opened_by": "jane"}),
    ],
)
def test_a_directory_file_answers_one_record_and_when_it_was_written(files, name, id, found):
    reply = ask(files, name, id)

    assert not reply.failed
    value = reply.result["structuredContent"]
    assert found.items() <= value.items()
    assert value["as_of"].endswith("+00:00")


@pytest.mark.parametrize(
    ("name", "id"),
    [("users", "nobody"), ("users", "twice@acme.example"), ("broken", "x"), ("scalar", "x")],
)
def test_I16_no_record_or_two_is_a_failure(files, name, id):
    assert ask(files, name, id).failed


def test_a_directory_file_is_read_again_when_it_changed(files, monkeypatch):
    file = directory.DirectoryFile(files / "users.csv")
    assert file.find("u1")["user_class"] == "standard"
    (files / "users.csv").write_text("id,user_class\nu1,admin\n")
    os.utime(files / "users.csv", (1, 1))
    assert file.find("u1")["user_class"] == "admin"
    assert file.find("u1")["as_of"].startswith("1970")
    monkeypatch.setattr(directory, "MAX_BYTES", 3)
    os.utime(files / "users.csv", (2, 2))
    with pytest.raises(directory.DirectoryFileError):
        file.find("u1")
    (files / "users.csv").unlink()
    with pytest.raises(directory.DirectoryFileError):
        file.find("u1")
    callables = Callables()
    directory.register(callables, files / "none")
    assert callables.sets == {}


def test_the_age_of_a_fact_stands_in_the_package(house: House):
    policy(house)
    as_of = (house.clock.now() - timedelta(minutes=5)).isoformat()
    house.upstream.answers["get_user"] = {"user_class": "vip", "as_of": as_of}
    files = policy_files()
    files["handrail.yaml"] += CLASS
    files["rules/r.yaml"] = (
        "rules:\n  - {name: r, when: 'user.class != \"standard\"', tier: 3, because: look}\n"
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    acted = house.act("restart_service", n="u1")

    found = house.s.read.package(acted.proposal, None, house.who("per_anna"))["document"]
    (known,) = [k for k in found["known"] if k["name"] == "user.class"]
    assert known["source"] == "read up.get_user"
    assert known["at"][:16] == as_of[:16]
    assert acted.tier is Tier.APPROVE
