"""Floors hold under any policy (I15), and nothing needless stands in the way (I32)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.classify import classify, judge
from handrail.core.defaults import Settings
from handrail.core.model import Effect, Facts, Snapshot, Standing, Tier, Trigger
from support import policies as make


def tier(policy, action, known, arguments=None, state=None):
    return classify(action, arguments or {}, known, policy, state or Snapshot()).tier


def codes(policy, action, known, arguments=None, state=None):
    result = classify(action, arguments or {}, known, policy, state or Snapshot())
    return {r.code for r in result.reasons}


STANDARD = make.facts(user__class="standard", device__role="workstation")


def test_I32_a_signed_tier_1_row_within_bounds_with_nothing_against_it_runs_alone():
    policy = make.policy(make.row(bounds=["targets.count <= 1"]), rules=[make.rule("r", "false")])

    result = classify(make.action(), {"text": "hello"}, make.facts(), policy, Snapshot())

    assert result.tier is Tier.AUTONOMOUS
    assert [r.code for r in result.reasons] == ["row"]
    assert result.row == "psa.add_note"
    assert result.binding == result.reasons


@pytest.mark.parametrize(
    ("tool", "row"),
    [
        ("reset_password", {"category": "identity", "target_kind": "user"}),
        ("unlock_user", {"category": "identity", "target_kind": "user"}),
        ("restart_service", {"category": "workstation", "target_kind": "device"}),
        ("add_ticket_note", {}),
        ("update_ticket_category", {}),
        ("create_ticket", {"target_kind": "client"}),
        ("get_user", {"effect": Effect.READ, "category": "identity"}),
        ("list_firewall_rules", {"effect": Effect.READ, "category": "network"}),
        ("get_password_policy", {"effect": Effect.READ, "category": "security"}),
        ("assign_ticket_to_user", {}),
    ],
)
def test_I32_the_everyday_acts_of_a_service_desk_need_nobody(tool, row):
    policy = make.policy(make.row(f"psa.{tool}", **row))

    assert tier(policy, make.action(f"psa.{tool}"), STANDARD) is Tier.AUTONOMOUS


GROUND = {
    "add_user_to_group": "access",
    "grantRole": "access",
    "reset-mfa": "access",
    "create_user": "access",
    "disable_account": "access",
    "update_conditional_access_policy": "security",
    "add_exclusion": "security",
    "create_mail_rule": "security",
    "update_firewall_rule": "network",
    "set_port_vlan": "network",
    "deleteDnsRecord": "network",
    "reboot_server": "server",
    "set_backup_schedule": "backup",
    "update_retention": "backup",
}


@settings(max_examples=300, deadline=None)
@given(
    tool=st.sampled_from(sorted(GROUND)),
    category=st.sampled_from(
        ["ticketing", "documentation", "other", "workstation", "licensing", "communication"]
    ),
    standing=st.sampled_from([1, 2]),
    number=st.sampled_from([10**6]),
    regimes=st.lists(st.sampled_from(["soc2", "gdpr"]), max_size=2),
)
def test_I15_governed_ground_holds_whatever_the_row_says(tool, category, standing, number, regimes):
    """A policy that calls it a ticket at tier 1, with every limit lifted and a promotion."""
    row = make.row(f"x.{tool}", 1, category=category, data_classes=frozenset(), target_kind="other")
    lifted = Settings(
        max_clients=number, max_targets=number, in_flight_later=number, personal_reads=2
    )
    state = Snapshot(standings=(Standing(row.type, None, Tier(standing)),))
    known = make.facts(user__class="standard", device__role="workstation", client__regimes=regimes)

    result = classify(make.action(row.type), {}, known, make.policy(row, settings=lifted), state)

    assert result.tier is Tier.APPROVE
    assert f"floor:{GROUND[tool]}" in result.floors


@pytest.mark.parametrize("category", ["access", "security", "network", "server", "backup"])
def test_I15_the_row_s_own_category_is_ground_too(category):
    policy = make.policy(make.row("x.frobnicate", category=category, target_kind="other"))

    assert f"floor:{category}" in codes(policy, make.action("x.frobnicate"), STANDARD)
    reads = make.policy(make.row("x.frobnicate", category=category, effect=Effect.READ))
    assert tier(reads, make.action("x.frobnicate"), STANDARD) is Tier.AUTONOMOUS


@pytest.mark.parametrize(
    "found", ["admin", "service", "vip", "STANDARD_ADMIN", "", None, 7, ["standard"]]
)
@pytest.mark.parametrize("tool", ["reset_password", "unlock_account", "set_password"])
def test_I15_only_a_standard_user_s_password_is_free(found, tool):
    row = make.row(f"x.{tool}", category="identity", target_kind="user")
    other = make.row(f"x.{tool}", category="other", target_kind="user")

    for policy in (make.policy(row), make.policy(other)):
        known = make.facts(user__class=found)
        assert tier(policy, make.action(row.type), known) is Tier.APPROVE


def test_I15_an_identity_is_not_changed_by_a_name_that_says_nothing():
    policy = make.policy(make.row("x.frobnicate", category="identity", target_kind="user"))

    assert "floor:access" in codes(policy, make.action("x.frobnicate"), STANDARD)


@pytest.mark.parametrize("role", ["server", "network", "SERVER", "hypervisor", 3])
def test_I15_only_workstations_are_restarted_alone(role):
    policy = make.policy(
        make.row("x.restart_service", category="workstation", target_kind="device")
    )

    assert tier(policy, make.action("x.restart_service"), make.facts(device__role=role)) == 3


def test_a_note_on_a_server_s_ticket_is_no_change_of_a_server():
    policy = make.policy(make.row())

    assert tier(policy, make.action(), make.facts(device__role="server")) is Tier.AUTONOMOUS


def test_I15_several_clients_and_many_targets():
    policy = make.policy(make.row())

    several = make.action(clients=("a", "b"))
    assert "floor:several-clients" in codes(policy, several, make.facts(clients__count=2))
    many = make.action(targets=[f"T-{n}" for n in range(26)])
    assert "floor:many-targets" in codes(policy, many, make.facts())
    reads = make.policy(make.row(effect=Effect.READ))
    assert tier(reads, several, make.facts(clients__count=2)) is Tier.AUTONOMOUS


@pytest.mark.parametrize(
    ("name", "row", "known", "code"),
    [
        ("client", {}, {"clients__count": None}, "floor:unknown:client"),
        ("target", {}, {}, "floor:unknown:target"),
        ("class", {"needs_facts": ("user.class",)}, {}, "floor:unknown:user.class"),
        ("role", {"target_kind": "device"}, {}, "floor:unknown:device.role"),
        ("data", {"data_classes": None}, {}, "floor:unknown:data-class"),
        (
            "regimes",
            {"category": "data"},
            {"client__regimes": None},
            "floor:unknown:client.regimes",
        ),
        ("odd", {"category": "data"}, {"client__regimes": "hipaa"}, "floor:unknown:client.regimes"),
    ],
)
def test_I16_what_is_not_known_takes_a_person(name, row, known, code):
    targets = () if name == "target" else ("T-1",)

    assert code in codes(
        make.policy(make.row(**row)), make.action(targets=targets), make.facts(**known)
    )


def test_a_row_that_concerns_no_client_needs_none():
    policy = make.policy(make.row(category="data", effect=Effect.READ, client=None))
    known = make.facts(clients__count=0, client__regimes=None)

    assert tier(policy, make.action(clients=()), known) is Tier.AUTONOMOUS


@pytest.mark.parametrize("name", ["health", "secret"])
def test_I15_health_and_secrets_take_a_person_in_any_policy(name):
    reads = make.row(
        "x.do", effect=Effect.READ, category="communication", data_classes=frozenset({name})
    )
    policy = make.policy(reads, settings=Settings(personal_reads=2))

    assert f"floor:data:{name}" in codes(policy, make.action("x.do"), make.facts())


@pytest.mark.parametrize("tool", ["get_password", "listSecrets", "export_bitlocker_key"])
def test_I15_a_name_that_reads_secrets_reads_secrets(tool):
    row = make.row(f"x.{tool}", effect=Effect.READ, data_classes=frozenset())

    assert "floor:data:secret" in codes(make.policy(row), make.action(row.type), make.facts())


def test_I15_a_name_that_reads_health_data_reads_health_data():
    row = make.row("x.get_patient", effect=Effect.READ, data_classes=frozenset())

    assert "floor:data:health" in codes(make.policy(row), make.action(row.type), make.facts())


@pytest.mark.parametrize(
    ("category", "effect", "allowed"),
    [
        ("communication", Effect.READ, 2),
        ("data", Effect.READ, 2),
        ("other", Effect.READ, 3),
        ("communication", Effect.CHANGE, 3),
    ],
)
def test_a_policy_may_let_mail_chat_and_exports_be_read_at_tier_2(category, effect, allowed):
    row = make.row("x.do", category=category, effect=effect, data_classes=frozenset({"personal"}))

    for setting, expected in ((2, allowed), (3, 3)):
        policy = make.policy(row, settings=Settings(personal_reads=setting))
        assert tier(policy, make.action("x.do"), make.facts()) == expected


def test_a_health_client_s_mail_and_files_take_a_person():
    row = make.row(
        "x.do", category="communication", effect=Effect.READ, data_classes=frozenset({"personal"})
    )
    policy = make.policy(row, settings=Settings(personal_reads=2))

    known = make.facts(client__regimes=["HIPAA"])
    assert "floor:health-client" in codes(policy, make.action("x.do"), known)


def test_I16_no_row_a_draft_and_unknown_words_take_a_person():
    draft = make.row("x.draft", signatures=())
    policy = make.policy(draft)

    assert codes(policy, make.action("x.draft"), make.facts()) == {"draft"}
    assert codes(policy, make.action("x.none"), make.facts()) == {"unknown:type"}
    declared = make.action("x.none", data_classes=frozenset({"Odd"}))
    assert "floor:unknown:data-class" in codes(policy, declared, make.facts())
    some = make.row("x.half", signatures=make.SIGNED[:2])
    assert codes(make.policy(some), make.action("x.half"), make.facts()) == {"draft"}


def test_a_draft_can_be_looked_at_as_if_it_were_signed():
    draft = make.row("x.draft", signatures=())
    judged = judge(make.action("x.draft"), {}, make.facts(), make.policy(), draft=draft)

    assert judged.tier is Tier.AUTONOMOUS


def test_prohibited_types_are_refused_in_any_case():
    policy = make.policy(make.row("x.Wipe_Device"), prohibited=(("*.wipe_*", "never by agents"),))

    result = classify(make.action("x.Wipe_Device"), {}, make.facts(), policy, Snapshot())

    assert result.tier is Tier.PROHIBITED
    assert result.tier.wire == "prohibited"
    assert result.binding[0].text == "never by agents"


OWN = ("svc-handrail*", "*@msp.example", "CN=Handrail Approvers,*", "[ab]dmin-1")


@pytest.mark.parametrize(
    ("targets", "arguments"),
    [
        (("svc-handrail-1",), {}),
        ((), {"user": "SVC-HANDRAIL"}),
        ((), {"user": "ｓｖｃ-handrail"}),
        ((), {"user": "svc\u200b-hand\u200brail"}),
        ((), {"user": "svc-hand\x00rail"}),
        ((), {"list": [{"deep": ["x", "dana@msp.example"]}]}),
        ((), {"path": "/users/svc-handrail/memberOf"}),
        ((), {"command": "Disable-ADAccount -Identity 'svc-handrail'"}),
        ((), {"body": '{"userPrincipalName": "dana@msp.example"}'}),
        ((), {"name": "cn=handrail approvers,ou=groups"}),
        ((), {"svc-handrail": True}),
        ((), {"note": "svc-handrail"}),
        ((), {"who": "admin-1"}),
    ],
)
@pytest.mark.parametrize("effect", list(Effect))
def test_I28_own_ground_is_refused_however_it_is_written(targets, arguments, effect):
    policy = make.policy(
        make.row("x.do", effect=effect), own_ground=tuple(make.ground(p) for p in OWN)
    )

    assert tier(policy, make.action("x.do", targets=targets), make.facts(), arguments) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        {"note": "The user mailed dana@msp.example about it."},
        {"note": "the handrail on the stairs is loose"},
        {"user": "handrail-sales"},
        {"name": "x@msp.example.org"},
    ],
)
def test_a_mention_in_a_sentence_is_no_target(arguments):
    policy = make.policy(make.row(), own_ground=tuple(make.ground(p) for p in OWN))

    assert tier(policy, make.action(), make.facts(), arguments) is Tier.AUTONOMOUS


def test_a_freeze_takes_changes_to_people_and_lets_reads_pass():
    freeze = make.freeze(clients=frozenset({"acme"}), categories=frozenset({"ticketing"}))
    policy = make.policy(make.row(), freezes=(freeze,))

    assert "freeze:holidays" in codes(policy, make.action(), make.facts())
    assert tier(policy, make.action(clients=("other",)), make.facts()) is Tier.AUTONOMOUS
    assert tier(policy, make.action(at=freeze.ends), make.facts()) is Tier.AUTONOMOUS
    reads = make.policy(make.row(effect=Effect.READ), freezes=(freeze,))
    assert tier(reads, make.action(), make.facts()) is Tier.AUTONOMOUS
    other = make.policy(make.row(), freezes=(make.freeze(types=("y.*",)),))
    assert tier(other, make.action(), make.facts()) is Tier.AUTONOMOUS


def nested(depth):
    value = "x"
    for _ in range(depth):
        value = {"k": [value]}
    return value


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"a": nested(2000)}, "nest deeper"),
        ({"UserId": "a", "userid": "b"}, "differ only in case"),
        ({"deep": [{"É": 1, "e\u0301": 2}]}, "differ only in case"),
        ({"a": ["x"] * 100_001}, "more than 100000"),
    ],
)
def test_I16_arguments_that_cannot_be_judged_take_a_person(arguments, says):
    policy = make.policy(make.row(), own_ground=(make.ground("svc-*"),))

    result = classify(make.action(), arguments, make.facts(), policy, Snapshot())

    assert result.tier is Tier.APPROVE
    assert any(says in r.text for r in result.reasons)


@pytest.mark.parametrize(
    ("confidence", "base", "expected"),
    [(None, 1, 2), (699, 1, 2), (700, 1, 1), (None, 2, 3), (0, 3, 3)],
)
def test_doubt_is_one_tier_up(confidence, base, expected):
    policy = make.policy(make.row(tier=base, confidence_floor=700))

    assert tier(policy, make.action(confidence=confidence), make.facts()) == expected


def test_doubt_does_not_soften_what_is_prohibited():
    row = make.row(tier=4, confidence_floor=700)

    assert tier(make.policy(row), make.action(), make.facts()) is Tier.PROHIBITED


def test_a_client_s_standing_counts_for_that_client_and_no_other():
    policy = make.policy(make.row(tier=1))
    overall = Standing("psa.add_note", None, Tier.APPROVE)
    here = Standing("psa.add_note", "acme", Tier.NOTIFY)

    def of(clients, *standings):
        known = make.facts(clients__count=len(clients))
        return tier(
            policy, make.action(clients=clients), known, state=Snapshot(standings=standings)
        )

    assert of(("acme",), overall) is Tier.APPROVE
    assert of(("acme",), overall, here) is Tier.NOTIFY
    assert of(("other",), overall, here) is Tier.APPROVE
    assert of((), overall, here) is Tier.APPROVE


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["Print Spooler", "Büro Dienst", "domain admins"]),
    st.sampled_from([str.upper, str.lower, str.title, str.casefold, str.swapcase]),
    st.sampled_from(["NFC", "NFD", "NFKD"]),
)
def test_renaming_case_or_form_never_lowers(word, case, form):
    """A call in other letters is at least as restricted as in those the policy has."""
    import unicodedata

    other = unicodedata.normalize(form, case(word))
    policy = make.policy(
        make.row(bounds=['args.name in ["Print Spooler", "Büro Dienst", "domain admins"]']),
        rules=[make.rule("admins", 'args.name.contains("Domain Admins")')],
    )
    plain = tier(policy, make.action(), make.facts(), {"name": word})

    assert tier(policy, make.action(), make.facts(), {"name": other}) >= plain


def test_the_trigger_that_reaches_two_clients_takes_a_person():
    policy = make.policy(make.row())
    action = make.action(trigger=Trigger("ticket", "T-1"))

    assert "aggregate:trigger" in codes(
        policy, action, make.facts(), state=Snapshot(trigger_clients=2)
    )


def test_I25_asking_at_once_and_in_small_calls_end_alike():
    row = make.row("x.do", content=("package",))
    policy = make.policy(row)
    once = make.action("x.do", targets=[f"t{n}" for n in range(26)])
    last = make.action("x.do", targets=("t26",))

    assert tier(policy, once, make.facts()) is Tier.APPROVE
    assert tier(policy, last, make.facts(), state=Snapshot(touched_targets=26)) is Tier.APPROVE
    assert tier(policy, last, make.facts(), state=Snapshot(touched_targets=25)) is Tier.AUTONOMOUS


def test_facts_by_name_reach_conditions():
    row = make.row(bounds=['fact["approved"] == "yes"'])
    known = make.facts(fact__approved="yes")
    by_name = {n.replace("fact.", "fact."): f for n, f in known.by_name.items()}

    assert tier(make.policy(row), make.action(), Facts(by_name)) is Tier.AUTONOMOUS
    assert tier(make.policy(row), make.action(), make.facts()) is Tier.APPROVE
    assert replace(row, bounds=()).bounds == ()
