"""The practice policy on the practice upstream: a row for every tool, tiers as meant, rollbacks
that bring everything back."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import anyio
import pytest

from handrail.core.classify import classify, with_facts
from handrail.core.conditions import scope
from handrail.core.model import Action, Fact, Facts, Request, Snapshot, Tier
from handrail.core.policy import load
from handrail.practice.clients import CLIENTS
from handrail.practice.people import PEOPLE
from handrail.practice.tools import TOOLS

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
FOLDER = Path(str(files("handrail.practice"))) / "policy"


@pytest.fixture(scope="module")
def policy():
    return load({str(p.relative_to(FOLDER)): p.read_text("utf-8") for p in FOLDER.rglob("*.yaml")})


def values_of(tool, arguments, confidence):
    request = Request(
        connection="practice",
        tool=tool,
        arguments=json.dumps(arguments).encode(),
        confidence=confidence,
    )
    return request, {
        "action.type": request.type,
        "action.connection": "practice",
        "action.tool": tool,
        "args": arguments,
        "fact": {},
    }


def judged(policy, world, tool, arguments, confidence=900):
    """Classify one call with the facts that the policy's own lookups find in the world."""
    request, values = values_of(tool, arguments, confidence)
    row = policy.row(request.type)
    values |= {"action.effect": row.effect.value, "action.category": row.category}
    facts = {}
    with world.book(NOW) as book:
        for lookup in policy.lookups_for(request.type, scope(values)):
            read = TOOLS[lookup.read.removeprefix("practice.")]
            result = read.run(book, lookup.arguments_for(values)).data
            value = lookup.value_of({**values, "result": result})
            facts[lookup.name] = Fact(lookup.name, value, lookup.read, NOW)
    values = with_facts(values, Facts(facts))
    named = row.client.value(scope(values))
    clients = tuple(named if isinstance(named, list) else [named])
    facts["clients.count"] = Fact("clients.count", len(clients), "client map", NOW)
    if len(clients) == 1:
        client = next(c for c in CLIENTS if c["id"] == clients[0])
        facts["client.id"] = Fact("client.id", client["id"], "client map", NOW)
        facts["client.risk"] = Fact("client.risk", client["risk"], "client map", NOW)
        facts["client.regimes"] = Fact("client.regimes", client["regimes"], "client map", NOW)
        facts["time.business_hours"] = Fact("time.business_hours", True, "clock", NOW)
    action = Action(
        id="act_x",
        request=request,
        agent="agt_x",
        agent_version="1",
        clients=clients,
        targets=tuple(row.targets.value(scope(values))),
        nonce=b"",
        connection_digest=b"",
        tool_digest=b"",
        digest=b"",
        at=NOW,
    )
    return classify(action, arguments, Facts(facts), policy, Snapshot())


def test_every_tool_has_a_signed_row_and_every_row_a_tool(policy):
    """No more, no less."""
    signed = {row.type for row in policy.matrix() if row.signed}

    others = {t for t in signed if t.startswith(("practice.resource:", "practice.prompt:"))}
    assert signed - others == {f"practice.{tool}" for tool in TOOLS}
    assert len(others) == 7


def tool_rows(policy):
    return [r for r in policy.matrix() if r.type.removeprefix("practice.") in TOOLS]


def test_rows_name_arguments_that_their_tools_have(policy):
    """Sentences, contents, reads and rollbacks use no argument that the schema does not know."""
    for row in tool_rows(policy):
        known = set(TOOLS[row.type.removeprefix("practice.")].input_schema["properties"])
        for text in (row.says, row.said):
            for place in text.split("{args.")[1:]:
                assert place.split("}")[0] in known, (row.type, text)
        assert set(row.content or ()) <= known, row.type
        reads = [row.check, *([row.rollback.before, row.rollback.check] if row.rollback else [])]
        calls = [(r.read, r.arguments) for r in reads if r is not None]
        calls += [(c.call, c.arguments) for c in (row.rollback.calls if row.rollback else ())]
        for type, arguments in calls:
            schema = TOOLS[type.removeprefix("practice.")].input_schema
            assert set(arguments) <= set(schema["properties"]), (row.type, type)
            assert set(schema["required"]) <= set(arguments), (row.type, type)


def test_roles_are_held_by_someone(policy):
    """Every role of the policy has a holder among the sample people, and no holder a role that
    is not there."""
    held = {role["role"] for person in PEOPLE for role in person["roles"]}

    assert held == set(policy.roles)


TIERS = {
    1: "list_clients list_tickets get_ticket create_ticket add_ticket_note update_ticket_category"
    " assign_ticket set_ticket_status close_ticket reopen_ticket search_users get_user"
    " reset_password unlock_user list_groups get_mailbox list_devices get_device get_service"
    " restart_service get_package list_scripts get_event_log get_server_config"
    " list_firewall_rules get_firewall_rule get_switch_port list_backup_jobs get_backup_job"
    " search_documentation get_document",
    2: "assign_license set_mailbox_forwarding set_out_of_office reboot_device install_package"
    " update_package uninstall_package isolate_device restore_file",
    3: "disable_user enable_user create_user delete_user restore_user reset_mfa add_user_to_group"
    " remove_user_from_group remove_license export_users get_mailbox_rules read_mailbox"
    " release_device deploy_package run_script stop_service start_service set_server_config"
    " add_firewall_rule remove_firewall_rule set_port_vlan run_backup_job set_backup_schedule"
    " remove_restored_file",
    4: "wipe_device",
}


@pytest.mark.parametrize(
    ("tool", "tier"), [(t, tier) for tier, tools in TIERS.items() for t in tools.split()]
)
def test_I32_an_ordinary_call_of_each_tool_gets_the_tier_that_is_meant(
    policy, world, good_calls, tool, tier
):
    """A standard user, a managed workstation, one client with a European regime: the tier, with
    every fact found by the policy's own lookups."""
    for name, arguments in good_calls[tool]["before"]:
        with world.book(NOW) as book:
            TOOLS[name].run(book, arguments)

    result = judged(policy, world, tool, good_calls[tool]["arguments"])

    assert result.tier == tier, result.reasons


def test_the_tiers_cover_every_tool():
    """The table above is whole."""
    assert sorted(" ".join(TIERS.values()).split()) == sorted(TOOLS)


def someone(world, sql):
    with world.book(NOW) as book:
        return book.all(sql)[0]


def test_the_case_decides_and_not_the_tool(policy, world, good_calls):
    """The same tools with another user, device, package, client or doubt."""
    vip = someone(
        world, "SELECT * FROM user WHERE user_class = 'vip' AND client_id = 'alder-finch'"
    )
    who = good_calls["reset_password"]["arguments"]
    desk = good_calls["restart_service"]["arguments"]["device_id"]
    whitcombe = someone(
        world, "SELECT id FROM device WHERE client_id = 'whitcombe-legal' AND role = 'workstation'"
    )
    tallgrass = someone(world, "SELECT id FROM user WHERE client_id = 'tallgrass-foods'")

    def tier(tool, confidence=900, **arguments):
        return judged(policy, world, tool, arguments, confidence).tier

    assert tier("reset_password", client_id=vip["client_id"], user_id=vip["id"]) is Tier.APPROVE
    assert tier("reset_password", **{**who, "client_id": "brightwater"}) is Tier.APPROVE
    assert tier("restart_service", device_id="LQM-ERP01", service="ERP Scheduler") is Tier.APPROVE
    assert tier("restart_service", device_id=desk, service="Some Agent") is Tier.APPROVE
    assert tier("reboot_device", device_id="LQM-ERP01") is Tier.APPROVE
    assert tier("install_package", device_id=desk, package="torrent-box") is Tier.APPROVE
    assert tier("install_package", device_id=whitcombe["id"], package="vlc") is Tier.APPROVE
    assert tier("install_package", 300, device_id=desk, package="vlc") is Tier.APPROVE
    assert (
        tier("set_mailbox_forwarding", user_id=who["user_id"], forward_to="a@b.example")
        is Tier.APPROVE
    )
    assert tier("restore_file", job_id="HDG-FS01-nightly", path="Home/x") is Tier.APPROVE
    assert tier("get_mailbox_rules", user_id=tallgrass["id"]) is Tier.NOTIFY
    assert tier("deploy_package", client_ids=["brightwater"], package="vlc") is Tier.APPROVE
    assert (
        tier("set_mailbox_forwarding", user_id=who["user_id"], forward_to="x@northgate.example")
        is Tier.PROHIBITED
    )


def reversible(policy):
    return [row for row in policy.matrix() if row.rollback and row.rollback.calls]


def test_every_rollback_brings_the_world_back(policy, world, serve, good_calls):
    """For each row with rollback calls, over a real connection: read before, act, undo by exactly
    the policy's calls; the whole world is as it was, and the policy's own check says so."""
    rows = reversible(policy)
    assert len(rows) >= 25

    async def scene():
        async with serve("--queue", "0") as client:

            async def call(type, arguments):
                result = await client.call_tool(type.removeprefix("practice."), arguments)
                assert not result.is_error, (type, result.content[0].text)
                return result.structured_content

            for row in rows:
                tool = row.type.removeprefix("practice.")
                for name, arguments in good_calls[tool]["before"]:
                    await client.call_tool(name, arguments)
                arguments = good_calls[tool]["arguments"]
                _, values = values_of(tool, arguments, None)
                back = row.rollback
                state = world.dump()
                if back.before:
                    read = back.before
                    values["before"] = await call(read.read, read.arguments_for(values))

                values["result"] = await call(row.type, arguments)
                assert world.dump() != state, f"{tool} changed nothing"
                if row.check:
                    seen = await call(row.check.read, row.check.arguments_for(values))
                    assert row.check.holds({**values, "result": seen}), tool
                for one in back.calls:
                    prepared = scope(values)
                    await call(one.call, {n: e.value(prepared) for n, e in one.arguments.items()})

                assert world.dump() == state, f"the rollback of {tool} left something changed"
                if back.check:
                    after = await call(back.check.read, back.check.arguments_for(values))
                    assert back.check.holds({**values, "after": after}), tool
                if good_calls[tool]["before"]:
                    await client.call_tool(tool, arguments)  # undoes what had to come first

    anyio.run(scene)


def test_tier_two_rows_say_how_they_are_undone(policy):
    """One click where the rollback is exact or a snapshot, a reason in words where there is none."""
    for row in policy.matrix():
        if row.tier is Tier.NOTIFY:
            assert row.rollback is not None, row.type
            assert row.rollback.one_click or row.rollback.text, row.type
