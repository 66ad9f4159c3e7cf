"""Whom a proposal asks, who may answer, and who may undo (SPEC 5, I2, I7)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from handrail.core.conditions import condition
from handrail.core.model import Client, Role, Urgency
from handrail.core.policy import Beside, RoleKind, Route
from handrail.core.routing import Seeking, designated, may_decide, route
from handrail.errors import NotAllowed
from support import policies as make
from support.approvals import START, at, person


def kind(name, *backups, per_client=False):
    return RoleKind(name=name, says="x", per_client=per_client, backups=backups)


ROLES = (
    kind("engineer", "senior", per_client=True),
    kind("senior", "manager"),
    kind("manager"),
    kind("security", "senior"),
    kind("leadership"),
    kind("officer", "leadership"),
)


def when(chain, text=None, *categories):
    held = condition(text, twin="either") if text else None
    return Route(chain=chain, when=held, categories=frozenset(categories))


POLICY = make.policy(
    roles={r.name: r for r in ROLES},
    chains={
        "infrastructure": ("engineer", "senior", "manager"),
        "security": ("security", "manager"),
        "shared": ("leadership",),
    },
    routing=(
        when("shared", "clients.count > 1"),
        when("security", None, "security", "access"),
        when("infrastructure"),
    ),
    beside=(Beside(role="officer", data_classes=frozenset({"personal", "health"})),),
)
CLIENTS = {c: Client(id=c, name=c.title()) for c in ("acme", "harbor")}
ANNA = person("anna", "engineer@acme")
BEN = person("ben", "senior")
CLEO = person("cleo", "officer")
DAN = person("dan", "manager", "leadership")
SEC = person("sec", "security")
ALL = (ANNA, BEN, CLEO, DAN, SEC)


def routed(*people, category="server", clients=("acme",), classes=(), known=None, **more):
    values = {
        "scope": {"clients.count": len(clients)},
        "needs": 1,
        "urgency": Urgency.NORMAL,
        "halved": False,
        "now": START,
        **more,
    }
    return route(
        category=category,
        clients=clients,
        data_classes=frozenset(classes),
        policy=POLICY,
        people=people or ALL,
        known=CLIENTS if known is None else known,
        **values,
    )


def asked(found):
    return [sorted(s.approvers) for s in found.chain]


@pytest.mark.parametrize(
    ("category", "clients", "chain", "steps"),
    [
        ("server", ("acme",), "infrastructure", [["anna"], ["ben"], ["dan"]]),
        ("security", ("acme",), "security", [["sec"], ["dan"]]),
        ("access", ("acme",), "security", [["sec"], ["dan"]]),
        ("server", ("acme", "harbor"), "shared", [["dan"]]),
        ("security", ("acme", "harbor"), "shared", [["dan"]]),
    ],
)
def test_what_the_action_is_picks_the_chain(category, clients, chain, steps):
    found = routed(category=category, clients=clients)

    assert (found.name, asked(found)) == (chain, steps)
    assert found.uncovered == ()


def test_a_route_whose_condition_cannot_be_worked_out_holds():
    assert routed(scope={}).name == "shared"


@pytest.mark.parametrize(
    ("urgency", "halved", "minutes"),
    [
        (Urgency.CRITICAL, False, 5),
        (Urgency.HIGH, False, 15),
        (Urgency.NORMAL, True, 30),
        (Urgency.LOW, False, 240),
    ],
)
def test_windows_are_by_urgency_and_an_open_incident_halves_them(urgency, halved, minutes):
    found = routed(urgency=urgency, halved=halved)

    assert {s.window for s in found.chain} == {timedelta(minutes=minutes)}


def test_a_role_for_one_client_is_no_role_for_another():
    found = routed(clients=("harbor",))

    assert asked(found) == [["ben"], ["ben"], ["dan"]]  # the engineer's backup stands in
    assert "anna" not in found.chain[0].others


def test_who_is_away_is_not_asked_and_may_answer():
    away = person("anna", "engineer@acme", away_until=at(1))

    found = routed(away, BEN, DAN)

    assert asked(found)[0] == ["ben"]
    assert found.chain[0].others == {"anna"}
    assert asked(routed(away, BEN, DAN, now=at(1)))[0] == ["anna"]


def test_I7_a_step_with_nobody_at_all_asks_nobody_and_is_named():
    found = routed(BEN, category="security")

    assert [(s.role, sorted(s.approvers), s.window) for s in found.chain] == [
        ("security", ["ben"], timedelta(minutes=60)),
        ("manager", [], timedelta(minutes=60)),
    ]
    assert found.uncovered == ("manager",)


def test_leavers_are_nobody():
    gone = person("anna", "engineer@acme", active=False)

    found = routed(gone, BEN, DAN)

    assert "anna" not in found.chain[0].approvers | found.chain[0].others


def test_personal_data_puts_an_officer_beside():
    found = routed(classes=("personal",))

    assert [(s.role, s.approvers, s.others) for s in found.also] == [("officer", {"cleo"}, {"dan"})]
    assert routed(classes=("identifier",)).also == ()
    assert "officer" in routed(ANNA, BEN, classes=("health",)).uncovered


def test_a_clients_account_engineer_is_one_by_its_record():
    known = {"acme": Client(id="acme", name="Acme", account_engineer="eve")}
    eve = person("eve")

    assert asked(routed(eve, BEN, DAN, known=known))[0] == ["eve"]
    assert asked(routed(eve, BEN, DAN))[0] == ["ben"]
    # Not for a client whose record nobody has, nor for two that differ.
    for clients in (("acme", "ghost"), ("acme", "harbor")):
        found = routed(eve, BEN, DAN, known=known, clients=clients, scope={"clients.count": 1})
        assert asked(found)[0] == ["ben"]


# --- authority ---------------------------------------------------------------------------------


def entitled(*people, clients=("acme",), known=CLIENTS):
    seeking = Seeking(clients=clients, policy=POLICY, people=people, known=known)
    return seeking.entitled(["engineer", "officer"], START).authority


def test_I2_authority_is_holders_backups_and_the_account_engineer():
    away = person("away", "engineer", away_until=at(9999))

    found = entitled(*ALL, away)

    assert set(found["engineer"]) == {"anna", "ben", "away"}
    assert set(found["officer"]) == {"cleo", "dan"}
    assert set(entitled(*ALL, clients=("harbor",))["engineer"]) == {"ben"}
    assert set(entitled(*ALL, clients=())["engineer"]) == {"ben"}


def test_since_when_is_the_longest_held_for_all_clients():
    new = person("ben", "senior", since=START)
    both = person("eve", "engineer", since=START)
    two = replace(
        person("two", "engineer@acme", since=at(5)),
        roles=frozenset({Role("engineer", "acme", at(5)), Role("engineer", "harbor", at(9))}),
    )

    assert entitled(new)["engineer"] == {"ben": START}
    assert entitled(both)["engineer"] == {"eve": START}
    assert entitled(two)["engineer"] == {"two": at(5)}
    assert entitled(two, clients=("acme", "harbor"))["engineer"] == {"two": at(9)}
    assert entitled(person("u", "engineer", since=None))["engineer"] == {"u": None}
    known = {"acme": Client(id="acme", name="Acme", account_engineer="eve")}
    assert entitled(person("eve"), known=known)["engineer"] == {"eve": None}


@for_all(st.data())
def test_I2_whoever_is_asked_may_answer(data):
    names = st.sampled_from(["engineer", "engineer@acme", "senior", "manager", "leadership"])
    people = tuple(
        person(
            f"p{n}",
            *data.draw(st.sets(names, max_size=3)),
            active=data.draw(st.booleans()),
            away_until=data.draw(st.sampled_from([None, at(5)])),
        )
        for n in range(4)
    )
    clients = data.draw(st.sampled_from([(), ("acme",), ("harbor",), ("acme", "harbor")]))

    found = routed(*people, clients=clients, classes=("personal",))
    seeking = Seeking(clients=clients, policy=POLICY, people=people, known=CLIENTS)
    roles = [s.role for s in (*found.chain, *found.also)]
    may = seeking.entitled(roles, START).authority

    for step in (*found.chain, *found.also):
        assert step.approvers | step.others == set(may[step.role])
        assert not step.approvers & step.others
        assert bool(step.approvers) == (step.role not in found.uncovered)


# --- notices and reversals ---------------------------------------------------------------------


def test_a_notice_goes_to_who_is_there_else_to_a_backup_else_to_nobody():
    away = person("anna", "engineer@acme", away_until=at(9))
    known = {"acme": Client(id="acme", name="Acme", account_engineer="eve")}

    assert designated("engineer", "acme", ALL, POLICY, START) == "anna"
    assert designated("engineer", "acme", (away, BEN), POLICY, START) == "ben"
    assert designated("engineer", "harbor", ALL, POLICY, START) == "ben"
    assert designated("engineer", "", ALL, POLICY, START) == "ben"
    assert designated("engineer", "acme", (person("eve"), BEN), POLICY, START, known) == "eve"
    assert designated("security", "acme", (ANNA,), POLICY, START) is None


@pytest.mark.parametrize(
    ("who", "category", "clients", "may"),
    [
        (ANNA, "server", ("acme",), True),
        (ANNA, "server", ("harbor",), False),
        (ANNA, "security", ("acme",), False),
        (SEC, "security", ("acme",), True),
        (BEN, "security", ("acme",), True),
        (SEC, "server", ("acme",), False),
        (ANNA, "server", ("acme", "harbor"), False),
        (BEN, "server", ("acme", "harbor"), False),
        (DAN, "server", ("acme", "harbor"), True),
        (CLEO, "server", ("acme",), False),
    ],
)
def test_reversing_takes_the_authority_that_approving_would(who, category, clients, may):
    if may:
        may_decide(who, category=category, clients=clients, policy=POLICY)
    else:
        with pytest.raises(NotAllowed, match="authority"):
            may_decide(who, category=category, clients=clients, policy=POLICY)


def test_where_a_route_cannot_be_worked_out_its_people_may_beside_the_next():
    odd = make.policy(
        roles=POLICY.roles,
        chains=POLICY.chains,
        routing=(when("shared", "device.managed"), when("infrastructure")),
    )

    for who in (DAN, ANNA, BEN):
        may_decide(who, category="server", clients=("acme",), policy=odd)
    with pytest.raises(NotAllowed):
        may_decide(
            person("lead", "leadership"),
            category="server",
            clients=("acme",),
            policy=odd,
            values={"device.managed": False},
        )


def test_what_no_route_fits_nobody_may_decide():
    none = make.policy(
        roles=POLICY.roles, chains=POLICY.chains, routing=(when("shared", None, "billing"),)
    )

    with pytest.raises(NotAllowed):
        may_decide(DAN, category="server", clients=("acme",), policy=none)
