"""Drafted rows are conservative and explained; annotations may raise, never lower."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handrail.core.drafting import draft
from handrail.core.lexicon import AREAS, VERB_OR_NOUN, VERBS, Act
from handrail.core.model import Effect, ToolDefinition
from handrail.core.nouns import GROUNDS, HEALTH, NOUNS, SECRETS, STRONGER
from handrail.core.policy_load import drafted_row
from handrail.core.words import fold, key_of, read, words_of


def tool(name, description="", *, params=None, required=None, annotations=None):
    params = params or {}
    return ToolDefinition(
        connection="x",
        name=name,
        description=description,
        input_schema={
            "type": "object",
            "properties": {k: {"type": v} for k, v in params.items()},
            "required": list(params) if required is None else required,
        },
        annotations=annotations or {},
        raw={},
        digest="",
    )


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        # reads
        ("get_ticket", 1), ("listDevices", 1), ("devices-list", 1), ("search_users", 1),
        ("get_device_restart_history", 1), ("get_password_policy", 1), ("list_mail_folders", 1),
        ("get_password", 3), ("read_mailbox_messages", 3), ("list_chat_messages", 3),
        ("get_patient", 3), ("export_users", 3), ("get_payroll", 3), ("read_file", 3), ("list_files", 1), ("get_recording", 3),
        ("get_frobnication", 3),
        ("list_mail_folder_messages", 3), ("get_secret_version", 3), ("list_mailbox_settings", 1),
        ("get_mail_message_count", 1), ("list_mail_template_details", 1),
        # everyday work
        ("create_ticket", 1), ("tickets_add_comment", 1), ("close_ticket", 1),
        ("ticket_initial_reply", 1), ("assign_ticket_to_user", 1), ("reset_password", 1),
        ("unlock_account", 1), ("restart_service", 1),
        # told to somebody
        ("merge_tickets", 2), ("create_document", 2), ("update_company", 2), ("create_invoice", 2),
        ("assign_license", 2), ("install_package", 2), ("run_job", 2), ("clear_temp_files", 2),
        ("isolate_device", 2), ("quarantine_email", 2), ("resolve_alert", 2),
        ("send_channel_message", 2), ("set_out_of_office", 2), ("create_draft_email", 2),
        # people decide
        ("delete_user", 3), ("add_user_to_group", 3), ("reset_mfa", 3), ("grant_role", 3),
        ("update_firewall_rule", 3), ("set_vlan", 3), ("reboot_server", 3), ("wipe_device", 3),
        ("set_backup_schedule", 3), ("restore_vm", 3), ("send_mail", 3), ("create_mail_rule", 3),
        ("set_mail_forwarding", 3), ("create_share_link", 3), ("release_quarantine", 3),
        ("add_exclusion", 3), ("disable_monitor", 3), ("reset_all_alerts", 3), ("unlock_door", 3),
        ("remove_license", 3), ("email_invoice", 3), ("find_and_delete_ticket", 2),
        ("find_replace", 3), ("frobnicate", 3), ("create_frob", 3), ("delete_document", 3),
        ("permanently_delete_ticket", 3), ("execute_command", 3), ("graph_batch", 3),
    ],
)  # fmt: skip
def test_a_name_is_drafted_at_a_sensible_tier(name, tier):
    made = draft(tool(name))

    assert made.tier == tier, made.reasons
    assert made.reasons
    assert made.type == f"x.{name}"


@pytest.mark.parametrize(
    ("name", "description", "params", "tier", "mark"),
    [
        ("call", "", {"method": "string", "path": "string"}, 3, "raw request"),
        ("reader", "", {"sql": "string"}, 3, "free-form query"),
        ("run_thing", "", {"command": "string"}, 3, "command"),
        ("devices", "", {"action": "string"}, 3, "action as an argument"),
        ("devices_services", "List services on a device", {}, 1, None),
        ("frobs", "", {}, 3, "not understood"),
        ("get_frob", "", {}, 3, "not recognised"),
        ("get_ticket", "Deletes the ticket", {}, 2, None),
        ("get_ticket", "Delete a ticket for good", {}, 3, None),
        ("update_document", "Update it. This is IRREVERSIBLE.", {}, 3, None),
        ("get_ticket", "Get it. Deleted ones cannot be recovered.", {}, 1, None),
    ],
)
def test_descriptions_and_parameters_are_read_too(name, description, params, tier, mark):
    made = draft(tool(name, description, params=params))

    assert made.tier == tier, made.reasons
    assert mark is None or mark in made.marks


@pytest.mark.parametrize(
    ("name", "annotations", "tier"),
    [
        ("get_ticket", {"destructiveHint": True}, 3),
        ("get_ticket", {"readOnlyHint": False}, 2),
        ("get_ticket", {"readOnlyHint": True}, 1),
        ("create_ticket", {"destructiveHint": True}, 2),
        ("delete_user", {"readOnlyHint": True, "destructiveHint": False}, 3),
    ],
)
def test_annotations_raise_and_never_lower(name, annotations, tier):
    assert draft(tool(name, annotations=annotations)).tier == tier


NAMES = st.lists(
    st.sampled_from([*VERBS, *NOUNS, *VERB_OR_NOUN, "and", "all", "frob"]), min_size=1, max_size=4
).map("_".join)


@settings(max_examples=400, deadline=None)
@given(
    NAMES,
    st.dictionaries(
        st.sampled_from(["readOnlyHint", "destructiveHint", "idempotentHint", "title"]),
        st.booleans() | st.text(max_size=3),
    ),
    st.text(max_size=60),
)
def test_adding_an_annotation_never_lowers(name, annotations, description):
    plain = draft(tool(name, description)).tier

    assert draft(tool(name, description, annotations=annotations)).tier >= plain


@settings(max_examples=300, deadline=None)
@given(
    NAMES | st.text(min_size=1, max_size=30),
    st.text(max_size=60),
    st.dictionaries(
        st.sampled_from(["id", "userId", "client_id", "emails", "body", "method", "path", "ü"]),
        st.sampled_from(["string", "array", "object"]),
    ),
)
@example("{", "", {})
@example("}{targets}", "", {})
def test_every_draft_compiles_to_an_unsigned_row(name, description, params):
    made = draft(tool(name, description, params=params))
    if not name.isascii() or any(c.isspace() or not c.isprintable() for c in name):
        return  # no upstream can offer it: an action type has no white space
    row = drafted_row({**made.document, "type": "x.tool"})

    assert not row.signed
    assert int(row.tier) == made.tier >= 1
    assert row.tier >= row.scorecard.least


@settings(max_examples=200, deadline=None)
@given(NAMES)
def test_another_case_of_a_name_never_lowers(name):
    assert draft(tool(name.upper())).tier == draft(tool(name)).tier
    assert draft(tool(name.replace("_", "-"))).tier == draft(tool(name)).tier


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(w for w, a in VERBS.items() if a in {Act.ERASE, Act.GRANT})),
    st.sampled_from(sorted(NOUNS)),
)
def test_nothing_that_erases_or_grants_is_drafted_below_3(verb, noun):
    assert draft(tool(f"{verb}_{noun}")).tier == 3


def test_a_draft_says_what_it_needs_to_hold():
    made = draft(
        tool(
            "reset_password",
            "Reset a user's password",
            params={"tenantFilter": "string", "userId": "string", "force": "boolean"},
        )
    )
    row = drafted_row(made.document)

    assert row.client.text == "args.tenantFilter"
    assert row.targets.text == "[args.userId]"
    assert row.needs_facts == ("user.class",)
    assert {b.name for b in row.bounds} == {"one-target", "standard-user"}
    assert row.effect is Effect.CHANGE
    assert row.title({"userId": "u"}, (), ()) == "Reset password of u"


def test_a_list_argument_is_fan_out():
    made = draft(tool("isolate_device", params={"deviceIds": "array", "note": "string"}))

    assert made.document["targets"] == "args.deviceIds"
    assert {b["name"] for b in made.document["bounds"]} == {"one-target", "workstation"}


def test_software_and_runbooks_need_an_approved_list():
    for name in ("install_package", "run_script"):
        assert "approved-runbook" in {b["name"] for b in draft(tool(name)).document["bounds"]}
    named = draft(tool("clear_workstation_cache")).document
    assert "workstation" not in {b["name"] for b in named["bounds"]}


def test_an_inverse_beside_it_is_proposed():
    offered = [tool(n) for n in ("enable_user", "disable_user", "remove_note")]

    made = draft(tool("disable_user"), offered)
    assert made.undo == "enable_user"
    assert "enable_user" in made.document["rollback"]["text"]
    assert draft(tool("add_ticket"), offered).undo is None
    assert draft(tool("get_ticket"), offered).undo is None


def test_alike_rows_stand_in_one_group():
    assert draft(tool("get_ticket")).group == draft(tool("list_tickets")).group
    assert draft(tool("get_ticket")).group != draft(tool("delete_ticket")).group
    assert draft(tool("frobs")).group == "tier 3, not understood, other"


def test_odd_schemas_do_no_harm():
    odd = ToolDefinition(
        connection="x",
        name="get_ticket",
        description="",
        input_schema={"properties": [1], "required": "id"},
        annotations={},
        raw={},
        digest="",
    )
    listed = tool("get_ticket")
    kinds = ToolDefinition(
        connection="x",
        name="close_ticket",
        description="",
        input_schema={
            "properties": {"ticket_id": {"type": ["null", "array"]}, "x": 7, "y-z": {}},
            "required": ["ticket_id", 3, "y-z"],
        },
        annotations={},
        raw={},
        digest="",
    )

    assert draft(odd).tier == draft(listed).tier == 1
    assert draft(kinds).document["targets"] == "args.ticket_id"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("getUserByID", ("get", "user", "by", "id")),
        ("HTTPServerList", ("http", "server", "list")),
        ("list-Policies", ("list", "policy")),
        (
            "addresses boxes switches glasses status",
            ("address", "box", "switch", "glass", "status"),
        ),
        ("ＧＥＴ_Ｔｉｃｋｅｔ", ("get", "ticket")),
        ("", ()),
    ],
)
def test_names_become_words(name, words):
    assert words_of(name) == words


def test_folding_is_stable():
    assert fold("ÀB\u200b") == fold("A\u0300b")
    assert fold(fold("ﬁLe İ")) == fold("ﬁLe İ")
    assert key_of("Tenant_Filter-ID") == "tenantfilterid"
    assert key_of("A_" * 300) == "a" * 300
    assert read("delete " + "x" * 500 + " user").areas == ()


def test_the_lexicon_is_of_one_piece():
    assert set(NOUNS.values()) <= set(AREAS)
    assert all(w.isalnum() and w.islower() for w in NOUNS)
    assert set(STRONGER) <= set(AREAS)
    assert {a for weaker in STRONGER.values() for a in weaker} <= set(AREAS)
    for words in (*GROUNDS.values(), SECRETS, HEALTH):
        assert {w for w in words if w not in NOUNS} <= {"secret"}
    for area in AREAS.values():
        assert set(area.tiers.values()) <= {1, 2}
        assert Act.READ not in area.tiers
        assert area.read in {1, 2, 3}
    assert [a.severity for a in Act] == sorted(a.severity for a in Act)
    assert not read("").understood
    assert read("get ticket").understood
    assert read("get ticket").kinds[0].category == "ticketing"
    assert read("add group").grounds == {"access"}


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("update_frobnet", "Update a ticket"),  # what is said of it does not carry what it is
        ("zap_vlan_note", "Add a note to a ticket"),
        ("search_frobbox", "Search a user's tickets"),
    ],
)
def test_a_word_that_nobody_knows_is_never_carried_by_milder_ones(name, description):
    made = draft(tool(name, description))
    assert made.tier == 3, made.reasons


def test_the_product_that_all_tools_begin_with_says_nothing():
    offered = [tool(f"zq_{n}") for n in ("get_ticket", "add_ticket_note", "list_users", "get_site")]
    assert draft(offered[1], offered).tier == 1
    assert draft(offered[1]).tier == 3  # alone, nobody can tell
