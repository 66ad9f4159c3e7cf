"""The fast classification and the slow, obvious one agree on random policies, calls and states;
and adding anything never lowers a tier (I17)."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from handrail.core.classify import classify
from handrail.core.conditions import expression
from handrail.core.defaults import Settings
from handrail.core.model import Degree, Effect, Pause, Snapshot, Standing, Tier
from support import policies as make
from support.slow_classify import BOUNDS, PREDICATES, slow

CATEGORIES = ["ticketing", "identity", "access", "workstation", "server", "data", "communication"]
TIERS = st.sampled_from([1, 2, 3])


def maybe(strategy):
    return st.none() | strategy


def mostly(usual, *others):
    """*usual* nine times in ten: a case in which everything speaks against a call shows little."""
    return st.integers(0, 9).flatmap(lambda n: st.just(usual) if n else st.sampled_from(others))


rules = st.fixed_dictionaries(
    {
        "types": st.sampled_from([[], ["psa.*"], ["other.*"], ["psa.do", "x.y"]]),
        "categories": st.lists(st.sampled_from(CATEGORIES), max_size=2),
        "effect": st.sampled_from([None, "change", "read"]),
        "when": st.sampled_from(sorted(PREDICATES)),
        "tier": st.sampled_from([2, 3, 4]),
    }
)
rows = st.fixed_dictionaries(
    {
        "tier": mostly(1, 2, 3),
        "category": st.sampled_from([*CATEGORIES, *["ticketing", "workstation"] * 4]),
        "effect": st.sampled_from(["change", "read"]),
        "client": st.booleans(),
        "target_kind": st.sampled_from(["ticket", "device", "user"]),
        "data_classes": mostly(["identifier"], None, [], ["personal"], ["health", "identifier"]),
        "needs_facts": st.lists(st.sampled_from(["user.class", "device.role"]), max_size=1),
        "bounds": st.lists(st.sampled_from(sorted(BOUNDS)), max_size=1),
        "confidence_floor": maybe(st.integers(0, 1000)),
        "velocity": mostly(None, 1, 3, 5),
        "content": st.sampled_from([[], ["service"], None]),
    }
)
facts = st.fixed_dictionaries(
    {
        "clients.count": mostly(1, None, 0, 2),
        "user.class": mostly("standard", None, "admin"),
        "device.role": mostly("workstation", None, "server"),
        "client.regimes": mostly([], None, ["hipaa"], ["soc2", "hipaa"]),
    },
).map(lambda found: {name: value for name, value in found.items() if value is not None})
calls = st.fixed_dictionaries(
    {
        "args": st.fixed_dictionaries(
            {}, optional={"service": st.sampled_from(["Spooler", "spooler", "Danger", "dANGER"])}
        ),
        "clients": mostly(1, 0, 2, 3),
        "targets": mostly(1, 0, 2, 25, 26),
        "declared": mostly([], ["identifier"], ["personal"], ["phi", "identifier"]),
        "confidence": maybe(st.integers(0, 1000)),
    }
)
states = st.fixed_dictionaries(
    {
        "standing": st.lists(TIERS, max_size=1),
        "pauses": mostly(0, 1),
        "recent": mostly(0, 1, 3, 6),
        "touched_clients": mostly(1, 3, 4, 5),
        "touched_targets": mostly(1, 25, 26),
        "trigger_clients": mostly(1, 0, 2),
        "in_flight": mostly(0, 9, 10, 49, 50),
    }
)
cases = st.fixed_dictionaries(
    {
        "facts": facts,
        "call": calls,
        "row": st.integers(0, 9).flatmap(lambda n: rows if n else st.none()),
        "rules": st.lists(rules, max_size=2),
        "state": states,
        "personal_reads": st.sampled_from([2, 3]),
    }
)


def built(case):
    """The compiled policy, the call, its facts and the snapshot of *case*."""
    described = case["row"]
    listed = []
    if described is not None:
        plain = {k: described[k] for k in ("category", "target_kind", "confidence_floor")}
        classes, content = described["data_classes"], described["content"]
        listed.append(
            make.row(
                "psa.do",
                described["tier"],
                bounds=described["bounds"],
                effect=Effect(described["effect"]),
                client=expression("args.client") if described["client"] else None,
                data_classes=None if classes is None else frozenset(classes),
                needs_facts=tuple(described["needs_facts"]),
                velocity=(described["velocity"], timedelta(hours=1))
                if described["velocity"]
                else None,
                content=None if content is None else tuple(content),
                **plain,
            )
        )
    policy = make.policy(
        *listed,
        rules=[
            make.rule(
                f"r{n}",
                r["when"],
                r["tier"],
                types=r["types"],
                categories=r["categories"],
                effect=Effect(r["effect"]) if r["effect"] else None,
            )
            for n, r in enumerate(case["rules"])
        ],
        settings=Settings(personal_reads=case["personal_reads"]),
    )
    call = case["call"]
    action = make.action(
        "psa.do",
        clients=[f"c{n}" for n in range(call["clients"])],
        targets=[f"t{n}" for n in range(call["targets"])],
        confidence=call["confidence"],
        data_classes=frozenset(call["declared"]),
    )
    known = make.facts(
        client__id=None, client__risk=None, client__regimes=None, clients__count=None
    )
    by_name = {**known.by_name, **make.facts(**case["facts"]).by_name}
    wanted = {n: f for n, f in by_name.items() if n in case["facts"]}
    state = case["state"]
    snapshot = Snapshot(
        standings=tuple(Standing("psa.do", None, Tier(t)) for t in state["standing"]),
        pauses=tuple(
            Pause(
                id="pse_1",
                scope="all",
                ref="",
                degree=Degree.RESTRICT,
                by="per_1",
                reason="",
                at=make.NOW,
            )
            for _ in range(state["pauses"])
        ),
        touched_clients=state["touched_clients"],
        touched_targets=state["touched_targets"],
        trigger_clients=state["trigger_clients"],
        recent=state["recent"],
        in_flight_unverified=state["in_flight"],
    )
    return policy, action, replace(known, by_name=wanted), snapshot


def tier_of(case):
    policy, action, known, snapshot = built(case)
    return classify(action, case["call"]["args"], known, policy, snapshot)


@settings(max_examples=600, deadline=None)
@given(cases)
def test_the_fast_and_the_slow_classification_agree(case):
    result = tier_of(case)

    event(f"tier {result.tier.wire}")
    assert int(result.tier) == slow(case), result.reasons
    assert result.tier is max(r.tier for r in result.reasons)
    assert all(r.text and r.code for r in result.reasons)


@settings(max_examples=300, deadline=None)
@given(cases, rules)
def test_I17_adding_a_rule_never_lowers(case, rule):
    before = tier_of(case).tier

    assert tier_of({**case, "rules": [*case["rules"], rule]}).tier >= before


@settings(max_examples=200, deadline=None)
@given(
    cases, st.sampled_from(["pauses", "recent", "touched_targets", "in_flight", "trigger_clients"])
)
def test_I17_more_state_against_it_never_lowers(case, key):
    before = tier_of(case).tier
    worse = {**case["state"], key: case["state"][key] + 60 if key != "pauses" else 1}

    assert tier_of({**case, "state": worse}).tier >= before


@settings(max_examples=200, deadline=None)
@given(cases, st.sampled_from(["clients.count", "user.class", "device.role", "client.regimes"]))
def test_I16_taking_a_fact_away_never_gives_less_than_knowing_the_best(case, name):
    """Not knowing is never better than the mildest thing one could know."""
    best = {
        "clients.count": 1,
        "user.class": "standard",
        "device.role": "workstation",
        "client.regimes": [],
    }
    unknown = {k: v for k, v in case["facts"].items() if k != name}

    without = tier_of({**case, "facts": unknown}).tier
    assert without >= tier_of({**case, "facts": {**unknown, name: best[name]}}).tier


@settings(max_examples=200, deadline=None)
@given(cases, st.sampled_from(["personal", "health", "secret", "made-up"]))
def test_what_the_agent_declares_never_lowers(case, name):
    before = tier_of(case).tier
    call = {**case["call"], "declared": [*case["call"]["declared"], name]}

    assert tier_of({**case, "call": call}).tier >= before


@settings(max_examples=200, deadline=None)
@given(cases)
def test_the_same_inputs_give_the_same_result(case):
    assert tier_of(case) == tier_of(case)
