"""Rows of the small tables as the nouns they are: the one place that reads them."""

import orjson

from handrail.clock import from_us
from handrail.core.availability import hours_read
from handrail.core.model import (
    Agent,
    Breaker,
    Client,
    Degree,
    Delegation,
    Pause,
    Person,
    Risk,
    Role,
    Standing,
    Tier,
)
from handrail.core.shadow import Scope
from handrail.store.contract import Row


def client(row: Row) -> Client:
    """The noun that a `client` row is."""
    return Client(
        id=row["id"],
        name=row["name"],
        risk=Risk(row["risk"]),
        timezone=row["timezone"],
        account_engineer=row["account_engineer"],
        regimes=frozenset(orjson.loads(row["regimes"])),
        retention_days=row["retention_days"],
    )


def shadow(row: Row) -> Scope:
    """The noun that an agreed `shadow_scope` row is."""
    return Scope(
        id=row["id"],
        connection=row["connection"],
        agent=row["agent"],
        client=row["client"],
        begins=from_us(row["begins"]),
        ends=from_us(row["ends"]),
        ended=None if row["ended_at"] is None else from_us(row["ended_at"]),
    )


def agent(row: Row) -> Agent:
    """The noun that an `agent` row is."""
    return Agent(
        id=row["id"],
        name=row["name"],
        sponsor=row["sponsor"],
        purpose=row["purpose"],
        version=row["version"],
        connections=frozenset(orjson.loads(row["connections"])),
        clients=frozenset(orjson.loads(row["clients"])),
        expires_at=None if row["expires_at"] is None else from_us(row["expires_at"]),
        suspended=bool(row["suspended"]),
    )


def person(row: Row, roles: frozenset[Role], lends: tuple[Delegation, ...] = ()) -> Person:
    """The noun that a `person` row, its `person_role` rows and what it lends are."""
    return Person(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        roles=roles,
        active=bool(row["active"]),
        away_from=None if row["away_from"] is None else from_us(row["away_from"]),
        away_until=None if row["away_until"] is None else from_us(row["away_until"]),
        reached_at=None if row["reached_at"] is None else from_us(row["reached_at"]),
        added_at=from_us(row["added_at"]),
        hours=None if row["hours"] is None else hours_read(orjson.loads(row["hours"])),
        lends=lends,
    )


def delegation(row: Row) -> Delegation | None:
    """The noun that a `delegation` row is; None while it lends nothing, and when it has ended."""
    if row["agreed_at"] is None or row["ended_at"] is not None:
        return None
    return Delegation(
        id=row["id"],
        to=row["to"],
        roles=frozenset(orjson.loads(row["roles"])),
        begins=from_us(row["begins"]),
        ends=from_us(row["ends"]),
    )


def standing(row: Row) -> Standing:
    """The noun that a `standing` row is."""
    until = row["probation_until"]
    return Standing(
        type=row["type"],
        client=row["client"] or None,
        tier=Tier(row["tier"]),
        buckets=None if row["buckets"] is None else frozenset(orjson.loads(row["buckets"])),
        earned=row["evidence"] is not None,
        probation_until=None if until is None else from_us(until),
    )


def breaker(row: Row) -> Breaker | None:
    """The noun that a `breaker` row is; None when it is closed."""
    if row["state"] == "closed":
        return None
    return Breaker(row["id"], row["scope"], row["type"], row["client"], row["state"], row["why"])


def pause(row: Row) -> Pause:
    """The noun that a `pause` row is."""
    return Pause(
        id=row["id"],
        scope=row["scope"],
        ref=row["ref"],
        degree=Degree(row["degree"]),
        by=row["by"],
        reason=row["reason"],
        at=from_us(row["at"]),
    )
