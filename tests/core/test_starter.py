"""The starter policy for a typical MSP: what every desk does all day runs alone (I32), what can hurt
waits (I15), and signing is all that stands between a draft and that."""

import re

import pytest

from handrail.core.classify import classify
from handrail.core.model import Fact, Facts, Snapshot, Tier
from handrail.core.policy import load
from handrail.core.policy_check import check
from handrail.core.starter_policy import starter
from support import policies as make
from support.policy_text import SIGNATURES


def signed():
    """The starter policy with every matrix file signed, as its comments show."""
    files = starter()
    for name in files:
        if name.startswith("matrix/"):
            files[name] = files[name].replace("\nrows:\n", f"\n{SIGNATURES}rows:\n", 1)
    return files


POLICY = load(signed())
KNOWN = {"clients.count": 1, "client.id": "acme", "client.risk": "normal", "client.regimes": []}


def tier(type, targets=("x",), arguments=None, **facts):
    known = {**KNOWN, **{k.replace("_", ".", 1): v for k, v in facts.items()}}
    found = Facts({n: Fact(n, v, "test", make.NOW) for n, v in known.items() if v is not None})
    action = make.action(type, clients=("acme",), targets=targets)
    return classify(action, arguments or {}, found, POLICY, Snapshot()).tier


RUNS_ALONE = [
    # the examples of a tier 1 action: password reset of a standard user, service restart on a
    # workstation, triage, categorisation, first reply, note
    ("directory.reset_password", {"user_id": "u"}, {"user_class": "standard"}),
    ("directory.unlock_user", {"user_id": "u"}, {"user_class": "standard"}),
    (
        "rmm.restart_service",
        {"device_id": "d", "service": "Print Spooler"},
        {"device_role": "workstation"},
    ),
    ("psa.triage_ticket", {"ticket_id": 1, "priority": "high", "queue": "network"}, {}),
    ("psa.update_ticket_category", {"ticket_id": 1, "category": "printing"}, {}),
    ("psa.send_first_reply", {"ticket_id": 1, "text": "We are on it."}, {}),
    ("psa.add_ticket_note", {"ticket_id": 1, "text": "Rang twice."}, {}),
    ("psa.get_ticket", {"ticket_id": 1}, {}),
    ("directory.get_user", {"user_id": "u"}, {}),
    ("rmm.get_device", {"device_id": "d"}, {}),
]


@pytest.mark.parametrize(("type", "arguments", "facts"), RUNS_ALONE)
def test_I32_every_example_of_tier_1_runs_with_no_person(type, arguments, facts):
    assert tier(type, arguments=arguments, **facts) is Tier.AUTONOMOUS


@pytest.mark.parametrize("user_class", ["admin", "service", "vip", "guest", None])
@pytest.mark.parametrize("type", ["directory.reset_password", "directory.unlock_user"])
def test_I16_another_account_or_an_unknown_one_waits(type, user_class):
    assert tier(type, arguments={"user_id": "u"}, user_class=user_class) is Tier.APPROVE


@pytest.mark.parametrize(
    ("role", "service"),
    [("server", "Print Spooler"), ("network", "Audio"), (None, "Audio"), ("workstation", "NTDS")],
)
def test_I16_another_device_or_an_unlisted_service_waits(role, service):
    arguments = {"device_id": "d", "service": service}

    assert tier("rmm.restart_service", arguments=arguments, device_role=role) is Tier.APPROVE


WAITS = [row.type for row in POLICY.matrix() if row.tier is Tier.APPROVE]


def test_what_waits_is_what_hurts():
    assert {
        "directory.reset_mfa", "directory.add_group_member", "directory.create_user",
        "directory.disable_user", "network.add_firewall_rule", "rmm.reboot_server", "rmm.run_script",
        "backup.change_job", "mail.read_message", "mail.export_mailbox", "vault.read_secret",
    } <= set(WAITS)  # fmt: skip


@pytest.mark.parametrize("type", WAITS)
def test_I15_every_tier_3_row_waits_whatever_is_known_to_be_harmless(type):
    found = tier(type, user_class="standard", device_role="workstation", client_risk="low")

    assert found is Tier.APPROVE


@pytest.mark.parametrize("type", sorted(POLICY.rows))
def test_several_clients_or_a_health_client_never_get_less(type):
    row = POLICY.rows[type]
    facts = {"user_class": "standard", "device_role": "workstation"}

    assert tier(type, client_regimes=["hipaa"], **facts) >= row.tier
    assert tier(type, client_risk="high", **facts) >= row.tier


def test_nothing_is_signed_and_nothing_is_found_wrong():
    policy, problems = check(starter())

    assert policy is not None
    assert problems == ()
    assert not any(row.signed for row in policy.matrix())
    assert check(signed())[1] == ()


def test_its_examples_in_comments_load():
    """Taking the comment signs away gives a policy that is still sound."""
    files = signed()
    text = re.sub(
        r"^# (freezes:|  - \{name:.*)$", r"\1", files["handrail.yaml"], flags=re.MULTILINE
    )
    assert text.count("\n  - {name:") == 5
    calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"

    policy = load(files | {"handrail.yaml": text, "calendars/accounting.ics": calendar})

    assert [f.name for f in policy.freezes] == ["year-end", "accounting", "server-maintenance"]
