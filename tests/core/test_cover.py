"""The cover of a week against a slow twin that asks at every quarter (SPEC 5, I5, I7)."""

from datetime import timedelta

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from handrail.core.availability import WEEKDAYS, Roster, Times, parse_hours
from handrail.core.cover import QUARTER, cover
from handrail.core.model import Client, Delegation
from handrail.core.policy import Beside, RoleKind, Route, Source
from handrail.core.routing import Seeking
from support import policies as make
from support.approvals import LONG_AGO, START, person

ROLES = {
    "engineer": RoleKind(name="engineer", says="x", per_client=True, backups=("senior",)),
    "senior": RoleKind(name="senior", says="x", per_client=False, backups=()),
    "call": RoleKind(
        name="call", says="x", per_client=False, backups=(), on_call=Source(url="https://c")
    ),
}
POLICY = make.policy(
    make.row("net.rule", 3, approvals=2, category="network"),
    roles=ROLES,
    chains={"usual": ("engineer", "call"), "other": ("senior",)},
    routing=(
        Route(chain="other", when=None, categories=frozenset({"security"})),
        Route(chain="usual", when=None, categories=frozenset()),
    ),
    beside=(Beside(role="senior", data_classes=frozenset({"health"})),),
)
CLIENTS = {c: Client(id=c, name=c.title()) for c in ("acme", "harbor")}
NAMES = ("anna", "ben", "cleo")
HOURS = (
    None,
    parse_hours("Europe/Prague", dict.fromkeys(WEEKDAYS[:5], "08:00-17:30")),
    parse_hours("America/New_York", dict.fromkeys(WEEKDAYS, "22:00-06:15")),
)
instants = st.integers(-20, 60).map(lambda q: START + q * QUARTER)


@st.composite
def teams(draw):
    team = []
    for name in NAMES:
        held = draw(st.sets(st.sampled_from(["engineer@acme", "engineer", "senior", "call"])))
        begins, ends = sorted((draw(instants), draw(instants)))
        to = draw(st.sampled_from(NAMES))
        lent = Delegation("dlg", to, frozenset({"engineer", "senior"}), begins, ends)
        team.append(
            person(
                name,
                *sorted(held),
                hours=draw(st.sampled_from(HOURS)),
                away_from=begins,
                away_until=draw(st.sampled_from([None, ends])),
                reached_at=draw(
                    st.sampled_from([None, START, START - timedelta(days=30, hours=20)])
                ),
                lends=(lent,) if to != name and begins < ends and draw(st.booleans()) else (),
            )
        )
    return tuple(team)


rosters = st.lists(st.tuples(instants, instants, st.sets(st.sampled_from(NAMES)).map(frozenset)))


@settings(max_examples=60, deadline=None)
@for_all(teams(), rosters)
def test_I7_every_quarter_is_as_asking_in_it_would_find_it(team, turns):
    """Chains and roles, quarter by quarter; two people are counted by hand."""
    times = Times(rosters={"call": Roster(tuple(turns))})

    found = cover(POLICY, team, CLIENTS, times, START, 12)

    holes = {
        (h.kind, h.name, c, START + n * QUARTER)
        for h in found.holes
        for c in (h.clients or tuple(CLIENTS))
        for n in range(48)
        if h.begins <= START + n * QUARTER < h.ends
    }
    for client in CLIENTS:
        for n in range(48):
            now = START + n * QUARTER
            seeking = Seeking(
                clients=(client,), policy=POLICY, people=team, known=CLIENTS, times=times
            )
            for chain, names in POLICY.chains.items():
                asked = [bool(seeking.step(r, now, QUARTER).approvers) for r in names]
                assert (("chain", chain, client, now) in holes) is not any(asked)
            for role, kind in (("engineer", "role"), ("senior", "beside"), ("call", "role")):
                asked_ = bool(seeking.step(role, now, QUARTER).approvers)
                assert ((kind, role, client, now) in holes) is not asked_
            one = {c.person for r in ("engineer", "call") for c in seeking.candidates(r, now)}
            there = {
                c.lent_by or c.person
                for r in ("engineer", "senior", "call")
                for c in seeking.candidates(r, now)
                if c.presence.there
            }
            if len(there) < 2:
                assert ("two people", "usual", client, now) in holes, (one, there)


def test_I5_who_stands_in_and_the_giver_are_no_two_people():
    lent = Delegation("dlg", "eve", frozenset({"engineer"}), LONG_AGO, START + timedelta(days=9))
    anna, eve = person("anna", "engineer", lends=(lent,)), person("eve")

    found = cover(POLICY, (anna, eve), CLIENTS, Times(), START, 24)
    assert {h.kind for h in found.holes if h.name == "usual"} == {"two people"}
    more = cover(POLICY, (anna, eve, person("ben", "engineer")), CLIENTS, Times(), START, 24)
    assert not [h for h in more.holes if h.name == "usual"]


def test_I5_a_new_approver_counts_for_two_people_after_the_waiting_time():
    anna, ben = person("anna", "engineer"), person("ben", "engineer", since=START)

    found = cover(POLICY, (anna, ben), CLIENTS, Times(), START, 168)

    pair = next(h for h in found.holes if h.kind == "two people")
    assert (pair.begins, pair.ends) == (START, START + POLICY.settings.new_approver_wait)


def test_an_hour_is_as_its_worst_quarter_at_the_worst_client():
    half = parse_hours("UTC", dict.fromkeys(WEEKDAYS, "09:00-10:30"))
    team = (person("anna", "engineer@acme", hours=half), person("ben", "engineer@harbor"))

    strip = next(s for s in cover(POLICY, team, CLIENTS, Times(), START, 3).strips)

    assert (strip.role, strip.hours) == ("engineer", ("holder", "nobody", "nobody"))
    senior = cover(POLICY, (*team, person("dan", "senior")), CLIENTS, Times(), START, 3)
    assert senior.strips[0].hours == ("holder", "backup", "backup")
