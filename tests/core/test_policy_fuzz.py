"""Spoiled policy texts: the loader says what is wrong or loads; nothing else comes out of it (I16),
no floor falls (I15), and where a call would get less oversight than before, the change is counted
as one that takes two people (I27)."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.classify import classify
from handrail.core.model import Fact, Facts, Snapshot, Tier
from handrail.core.policy import laxer, load
from handrail.core.policy_check import check
from handrail.core.policy_difference import compare
from handrail.core.starter_policy import starter
from handrail.errors import PolicyInvalid
from support import policies as make
from support.policy_text import SIGNATURES

CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    "DTSTAMP:20260101T000000Z\r\nDTSTART:20261101T000000Z\r\nDTEND:20261103T000000Z\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
FREEZE = "freezes:\n  - {name: f, calendar: c.ics, types: ['psa.close*'], because: x}\n"


@cache
def whole():
    files = starter() | {"c.ics": CALENDAR}
    for name in files:
        if name.startswith("matrix/"):
            files[name] = files[name].replace("\nrows:\n", f"\n{SIGNATURES}rows:\n", 1)
    files["handrail.yaml"] += FREEZE
    return files, load(files)


NAMES = sorted(whole()[0])
PIECES = [
    "1", "2", "3", "prohibited", "true", "false", "null", "", "read", "change", "identity", "other",
    "'*'", "psa.*", "user.class", "targets.count >= 0", "1 < 2", "[]", "{}", "0s", "999d", "lead",
    "&a", "*a", "!!python/object:os.system", "? ", "- ", ": ", "\t", "\u2028", "\x00", "é", "\ufeff",
    "standard", "workstation", "400", "1e9", ".nan", "0x10", "2026-11-02", "yes", "<<: {}",
]  # fmt: skip
spoilings = st.lists(
    st.tuples(
        st.sampled_from(["delete", "double", "swap", "word", "insert", "indent", "cut", "value"]),
        st.sampled_from(NAMES),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
        st.sampled_from(PIECES) | st.text(max_size=4),
    ),
    min_size=1,
    max_size=3,
)


def spoiled(files, how):
    found = dict(files)
    for kind, name, n, m, piece in how:
        lines = found[name].split("\n")
        at, other = n % len(lines), m % len(lines)
        line = lines[at]
        if kind == "delete":
            del lines[at]
        elif kind == "double":
            lines.insert(other, line)
        elif kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "word":
            words = line.split(" ")
            words[m % len(words)] = piece
            lines[at] = " ".join(words)
        elif kind == "value":
            key, colon, _ = line.partition(": ")
            lines[at] = f"{key}{colon}{piece}"
        elif kind == "insert":
            place = m % (len(line) + 1)
            lines[at] = line[:place] + piece + line[place:]
        elif kind == "indent":
            lines[at] = " " * (m % 8) + line.strip()
        else:
            lines = lines[: at + 1]
        found[name] = "\n".join(lines)
    return found


KNOWN = {"clients.count": 1, "client.id": "acme", "client.risk": "normal", "client.regimes": []}
HARMLESS = {"user.class": "standard", "device.role": "workstation"}
#: Calls with what is known of them.
CALLS = [
    *((type, {"service": "Audio"}, HARMLESS) for type in whole()[1].rows),
    ("directory.reset_password", {}, {"user.class": "admin"}),
    ("rmm.restart_service", {"service": "Audio"}, {"device.role": "server"}),
    ("rmm.restart_service", {"service": "NTDS"}, HARMLESS),
    ("psa.add_ticket_note", {}, {"client.risk": "high"}),
    ("nobody.knows", {}, {}),
]


def tier(policy, call):
    type, arguments, facts = call
    found = Facts({n: Fact(n, v, "test", make.NOW) for n, v in {**KNOWN, **facts}.items()})
    action = make.action(type, targets=("x",))
    return classify(action, arguments, found, policy, Snapshot()).tier


FLOORED = [
    c
    for c in CALLS
    if c[0].partition(".")[2]
    in {"reset_mfa", "add_group_member", "add_firewall_rule", "change_job"}
]


@settings(max_examples=250, deadline=None)
@given(spoilings)
def test_I16_I27_a_spoiled_policy_is_refused_or_known_to_be_laxer(how):
    files, before = whole()
    after = spoiled(files, how)
    refused = ()
    try:
        policy = load(after)
    except PolicyInvalid as invalid:
        policy, refused = None, invalid.problems
    assert (policy is None) is bool(refused)
    assert all(p.file and p.line >= 1 and p.message for p in refused)
    if policy is None:
        return

    found, problems = check(after)
    assert found is not None
    assert found.digest == policy.digest
    assert all(p.line >= 1 and p.message for p in problems)
    said, lower = compare(before, policy).laxer, []
    assert said == laxer(before, policy)
    for call in CALLS:
        now = tier(policy, call)
        if now < tier(before, call):
            lower.append(call)
    assert not lower or said, lower
    for call in FLOORED:
        assert tier(policy, call) >= Tier.APPROVE
    assert tier(policy, ("nobody.knows", {}, {})) >= Tier.APPROVE
