"""Small policies, calls and facts for tests of the policy side of the core."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from handrail.core.conditions import condition, expression
from handrail.core.defaults import Settings
from handrail.core.model import Action, Effect, Fact, Facts, Request, Tier, Trigger, Urgency
from handrail.core.policy import Bound, Freeze, Ground, MatrixRow, Policy, Rule, Signature
from handrail.core.scorecard import Factor, Scorecard

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
SIGNED = tuple(
    Signature(role=role, by="A Person", at="2026-11-02", why="It is right.")
    for role in ("senior-technician", "service-desk-manager", "compliance-officer")
)
MILD = Scorecard(
    MappingProxyType(
        {
            "reversibility": Factor("immediate", "x"),
            "blast_radius": Factor("single", "x"),
            "compliance": Factor("none", "x"),
            "frequency": Factor("daily", "x"),
        }
    )
)


def row(type="psa.add_note", tier=1, *, bounds=(), **changes):
    """A signed row of a plain ticket change, changed as asked."""
    made = MatrixRow(
        type=type,
        tier=Tier(tier),
        says="Add a note to {targets} at {clients}: {args.text}",
        said="Added a note to {targets}",
        category="ticketing",
        effect=Effect.CHANGE,
        client=expression("args.client_id"),
        targets=expression("[args.ticket_id]"),
        target_kind="ticket",
        data_classes=frozenset({"identifier"}),
        needs_facts=(),
        content=(),
        scorecard=MILD,
        rationale="It is plain",
        owner="Somebody",
        risk="",
        bounds=tuple(
            Bound(name=f"b{n}", when=condition(text, twin="both"), because="so it was agreed")
            for n, text in enumerate(bounds)
        ),
        confidence_floor=None,
        approvals=1,
        urgency=Urgency.NORMAL,
        notify="service-desk-manager",
        protective=False,
        check=None,
        solved=None,
        rehearsal=None,
        rollback=None,
        velocity=None,
        start=tier,
        bucket=None,
        breaker="standard",
        signatures=SIGNED,
    )
    return replace(made, **changes)


def rule(name, when="true", tier=3, *, types=(), categories=(), effect=None):
    """A rule."""
    return Rule(
        name=name,
        types=tuple(types),
        categories=frozenset(categories),
        effect=effect,
        when=condition(when, twin="either"),
        tier=Tier(tier),
        because=f"{name} says so",
    )


def ground(pattern):
    return Ground(pattern=pattern, why="it is Handrail's own")


def freeze(hours=1, **changes):
    made = Freeze(
        name="holidays",
        begins=NOW - timedelta(hours=hours),
        ends=NOW + timedelta(hours=hours),
        types=(),
        categories=frozenset(),
        clients=frozenset(),
        because="nobody is there",
    )
    return replace(made, **changes)


def policy(*rows, rules=(), settings=None, **changes):
    """A policy of these rows and rules."""
    made = Policy(
        organisation="Test",
        settings=settings or Settings(),
        roles={},
        chains={},
        routing=(),
        beside=(),
        four_eyes_types=(),
        own_ground=(),
        prohibited=(),
        lookups=(),
        freezes=(),
        rules=tuple(rules),
        rows={r.type: r for r in rows},
        document={"main": {}, "rows": {}, "rules": {}},
        digest="d" * 64,
    )
    return replace(made, **changes)


def action(type="psa.add_note", *, clients=("acme",), targets=("T-1",), at=NOW, **request):
    """A call; *request* are fields of its `Request`."""
    connection, _, tool = type.partition(".")
    request = {"arguments": b"{}", "trigger": Trigger("ticket", "T-1"), **request}
    return Action(
        id="act_x",
        request=Request(connection=connection, tool=tool, **request),
        agent="agt_x",
        agent_version="1",
        clients=tuple(clients),
        targets=tuple(targets),
        nonce=b"",
        connection_digest="",
        tool_digest="",
        digest=b"",
        at=at,
    )


def facts(**values):
    """Facts by name, with `__` for the dot; one ordinary client unless said. None leaves out."""
    known = {
        "clients.count": 1,
        "client.id": "acme",
        "client.risk": "normal",
        "client.regimes": [],
        **{name.replace("__", "."): value for name, value in values.items()},
    }
    return Facts({n: Fact(n, v, "test", NOW) for n, v in known.items() if v is not None})
