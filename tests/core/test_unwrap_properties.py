"""Adding anything never lowers; another form is no way round; splitting gains nothing (I16, I17,
I25)."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.classify import classify
from handrail.core.model import Snapshot, Tier
from handrail.core.unwrap import inside
from handrail.privacy.detect import Detectors
from support import policies as make

CALLS = [
    ("run_command", {"command": "hostname"}),
    ("run_command", {"command": "Get-Service | Select-Object Name"}),
    ("run_command", {"command": "reboot"}),
    ("run_script", {"script": "fix-cache.ps1"}),
    ("run_script", {"script": "Remove-Item x; ls"}),
    ("http_call", {"method": "GET", "path": "/tickets/1"}),
    ("http_call", {"method": "DELETE", "path": "/users/1"}),
    ("db_reader", {"sql": "select id from tickets"}),
    ("db_reader", {"sql": "delete from tickets"}),
    ("devices", {"action": "restart"}),
    ("tickets", {"action": "close"}),
    ("call_tool", {"tool": "list_tickets", "args": {}}),
    ("call_tool", {"tool": "run_command", "args": {"command": "reboot"}}),
    ("graph_batch", {"requests": [{"method": "DELETE", "url": "/users/1"}]}),
    ("add_note", {"ticket_id": "T-1", "text": "restarted"}),
]
NAMES = (
    "command cmd script code sql query statement kql method path url requests action operation "
    "resource tool args params headers body confirm dry_run force approved_by text extra"
).split()
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(
        ["GET", "/tickets", "hostname", "select 1", "list", "list_tickets", "true", "x", ""]
    )
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=6,
)


def tier(tool, arguments):
    policy = make.policy(make.row(f"x.{tool}", category="other"))
    action = make.action(f"x.{tool}")
    return classify(action, arguments, make.facts(), policy, Snapshot()).tier


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CALLS), st.sampled_from(NAMES), values)
def test_I17_a_further_argument_never_lowers(call, name, value):
    tool, arguments = call

    if name not in arguments:
        assert tier(tool, {**arguments, name: value}) >= tier(tool, arguments)
        assert tier(tool, {name: value, **arguments}) >= tier(tool, arguments)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CALLS), st.lists(values, max_size=2))
def test_I17_wrapping_arguments_in_an_object_is_no_way_round(call, beside):
    tool, arguments = call
    if inside(tool, arguments) is not None:
        for wrapped in ({"body": arguments}, {"steps": [*beside, arguments]}):
            assert tier(tool, wrapped) >= tier(tool, arguments)


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if c in string.ascii_letters else c for c in text)


FORMS = [str.upper, str.lower, str.title, wide, "\u200b".join]


@pytest.mark.parametrize("call", CALLS, ids=lambda c: f"{c[0]}:{next(iter(c[1].values()))}"[:40])
@pytest.mark.parametrize("form", FORMS, ids=["upper", "lower", "title", "wide", "invisible"])
def test_I16_another_form_of_names_gives_the_same_tier(call, form):
    tool, arguments = call
    names = {form(name): value for name, value in arguments.items()}
    apart = {"-".join(name) if len(name) < 6 else name: v for name, v in arguments.items()}

    assert tier(tool, names) == tier(tool, arguments)
    assert tier(tool, apart) == tier(tool, arguments)


@pytest.mark.parametrize("call", CALLS, ids=lambda c: f"{c[0]}:{next(iter(c[1].values()))}"[:40])
@pytest.mark.parametrize("form", FORMS, ids=["upper", "lower", "title", "wide", "invisible"])
def test_I16_another_form_of_values_never_lowers(call, form):
    tool, arguments = call
    other = {n: form(v) if isinstance(v, str) else v for n, v in arguments.items()}

    assert tier(tool, other) >= tier(tool, arguments)


requests = st.sampled_from(
    [
        {"method": "GET", "url": "/tickets"},
        {"method": "PATCH", "url": "/companies/3"},
        {"method": "DELETE", "url": "/tickets/1"},
        {"method": "DELETE", "url": "/users/1"},
        {"method": "GET", "url": "/frobs"},
    ]
)


@given(st.lists(requests, min_size=1, max_size=6))
def test_I25_a_batch_is_worth_the_gravest_of_its_parts(parts):
    whole = inside("graph_batch", {"requests": parts})
    alone = [inside("graph_request", part).tier for part in parts]

    assert whole.tier == max(alone)


@given(
    st.lists(st.sampled_from(["hostname", "uptime", "reboot", "df -h", "rm x"]), min_size=1),
    st.sampled_from(["; ", "\n", " | "]),
)
def test_I25_commands_together_are_worth_the_gravest(parts, joint):
    whole = inside("run_command", {"command": joint.join(parts)}).tier

    assert whole == max(inside("run_command", {"command": part}).tier for part in parts)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([t for t, _ in CALLS]),
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), values, max_size=6),
)
def test_I16_no_arguments_crash_it(tool, arguments):
    assert tier(tool, arguments) in set(Tier)
    assert Detectors().look(arguments) is not None
