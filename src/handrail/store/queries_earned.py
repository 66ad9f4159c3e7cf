"""Questions about what action types have earned: standings, nominations, breakers,
the fold, reviews."""

from sqlalchemy import bindparam, or_, select

from handrail.store import tables
from handrail.store.earned import waiting
from handrail.store.queries import query
from handrail.store.tables import unclosed

_V, _F = tables.review, tables.review_finding
_S, _B, _O = tables.standing, tables.breaker, tables.nomination

STANDINGS = query(
    "standings", "What action types have earned or lost.",
    select(_S).order_by(_S.c.type, _S.c.client),
)  # fmt: skip
BREAKERS = query(
    "breakers", "What is open or on probation now.",
    select(_B).where(unclosed).order_by(_B.c.id.desc()).limit(bindparam("limit")),
)  # fmt: skip
BREAKERS_EVER = query(
    "breakers_ever", "What ever opened.",
    select(_B).order_by(_B.c.id.desc()).limit(bindparam("limit")),
)  # fmt: skip
_newest = select(_O).order_by(_O.c.id.desc()).limit(bindparam("limit"))
NOMINATIONS = query("nominations", "What people may promote now.", _newest.where(waiting))
NOMINATIONS_OF = query(
    "nominations_of", "Every nomination of one action type, or of all.",
    _newest.where(or_(bindparam("type") == "", _O.c.type == bindparam("type"))),
)  # fmt: skip
REVIEWS = query(
    "reviews", "Every governance review, without its agenda.",
    select(*(c for c in _V.c if c.name != "agenda"))
    .order_by(_V.c.until.desc(), _V.c.id.desc())
    .limit(bindparam("limit")),
)  # fmt: skip
REVIEW_FINDINGS = query(
    "review_findings", "What people said to a review.",
    select(_F).where(_F.c.review == bindparam("review")).order_by(_F.c.item),
)  # fmt: skip
FOLDED = query("folded", "What the record was folded into.", select(tables.folded))
