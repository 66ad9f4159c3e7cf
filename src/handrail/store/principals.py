"""The tables of people and agents: who they are, and what they sign in with.

Secrets stand here as hashes only. `tables` holds the rest and names these too.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from handrail.store.schema import metadata

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, unique=True),  # lower case
    Column("active", Integer, nullable=False),
    Column("away_from", BigInteger),  # NULL: already
    Column("away_until", BigInteger),
    Column("hours", Text),  # JSON: zone, days, holidays; NULL: day and night
    Column("reached_at", BigInteger),
    Column("added_at", BigInteger, nullable=False),
    Column("password", Text),  # Argon2id, PHC string
)

person_role = Table(
    "person_role",
    metadata,
    Column("person", Text, ForeignKey("person.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("client", Text, primary_key=True),  # '' is every client
    Column("since", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("until", BigInteger),  # NULL: given by a person; else from a group, as old as this
    Column("lapsed_at", BigInteger),  # when it was found too old; the row waits to be said again
)

#: Who a person is at the single sign-on provider.
subject = Table(
    "subject",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("person", Text, ForeignKey("person.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("issuer", "person"),
)

#: A sign-in that went to the provider and is not back yet. What it needs to be believed is sealed
#: under a secret that only the browser holds.
sign_in_try = Table(
    "sign_in_try",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the state
    Column("sealed", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

#: Roles that a person lends to another, from–until. Who widens authority needs a second person.
delegation = Table(
    "delegation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("giver", Text, ForeignKey("person.id"), nullable=False),
    Column("to", Text, ForeignKey("person.id"), nullable=False),
    Column("roles", Text, nullable=False),  # JSON list
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("agreed_at", BigInteger),  # NULL: it waits for a second person, and lends nothing
    Column("agreed_by", Text),  # '' where it widened nothing
    Column("ended_at", BigInteger),
    Column("ended_by", Text),
    CheckConstraint("begins < ends", name="span"),
    CheckConstraint('giver != "to"', name="two"),
    CheckConstraint("(agreed_at IS NULL) = (agreed_by IS NULL)", name="agreed"),
)

session = Table(
    "session",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the token
    Column("person", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("via", Text, nullable=False),  # 'console' or 'cli'
    Column("at", BigInteger, nullable=False),
    Column("signed_in_at", BigInteger, nullable=False),  # step-up renews it
    Column("expires_at", BigInteger, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the device code
    Column("user_code", Text, nullable=False, unique=True),
    Column("person", Text),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

set_up_link = Table(
    "set_up_link",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", Text),  # NULL: makes the first person
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

#: What a person signs in with instead of a password (WebAuthn). Nothing in it is secret.
passkey = Table(
    "passkey",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # the authenticator's name for it
    Column("person", Text, ForeignKey("person.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("count", BigInteger, nullable=False),  # of signatures; 0 for ever where it keeps none
    Column("transports", Text, nullable=False),  # JSON list
    Column("at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

agent = Table(
    "agent",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("sponsor", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("connections", Text, nullable=False),  # JSON list
    Column("clients", Text, nullable=False),  # JSON list, empty: all of the connection's
    Column("expires_at", BigInteger),
    Column("suspended", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)

#: Where calls pass as they would without Handrail, from–until (SPEC 2, I22). Written on, never
#: dropped: the record of what was ungoverned when.
shadow_scope = Table(
    "shadow_scope",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("agent", Text, nullable=False),  # '' is every agent
    Column("client", Text, nullable=False),  # '' is every client
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("begins", BigInteger),  # NULL: it waits for a second person
    Column("ends", BigInteger, nullable=False),
    Column("agreed_by", Text),  # '' where one person was enough
    Column("longer", BigInteger),  # a later end that waits for a second person
    Column("longer_by", Text),
    Column("ended_at", BigInteger),
    Column("ended_by", Text),
    CheckConstraint("(begins IS NULL) = (agreed_by IS NULL)", name="agreed"),
    CheckConstraint("(longer IS NULL) = (longer_by IS NULL)", name="longer"),
    CheckConstraint("at < ends AND (begins IS NULL OR begins < ends)", name="span"),
)

agent_key = Table(
    "agent_key",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256 of the whole key
    Column("agent", Text, ForeignKey("agent.id"), nullable=False),
    Column("prefix", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)
