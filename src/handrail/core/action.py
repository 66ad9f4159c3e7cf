"""The life of an action: the one table of states and moves (SPEC section 1).

    classified ──► begun ──► done | failed | unknown ──► reversed                 (tier 1, 2)
        │
        ├──► refused                                                              (prohibited, incomplete, limits)
        ├──► passed in shadow                                                     (shadow scope only)
        └──► waiting ──► approved ──► begun …                                     (tier 3)
                │            └──► revoked | superseded
                └──► denied | lapsed | withdrawn | superseded

Among *done*, *failed* and *unknown* the outcome still moves while its check or a late result is
to come. HTTP, console, MCP and the CHECK in the schema use these words and no others. No code sets a
state except through `move`.
"""

from enum import StrEnum
from types import MappingProxyType

from handrail.errors import Closed


class State(StrEnum):
    """Where an action stands."""

    CLASSIFIED = "classified"  #: judged, nothing more has happened
    BEGUN = "begun"  #: handed to the world; its outcome is not known yet
    DONE = "done"  #: ended as specified, as far as its check saw
    FAILED = "failed"  #: ended otherwise than specified, or never reached the upstream
    UNKNOWN = "unknown"  #: may or may not have happened; never retried silently
    REVERSED = "reversed"  #: a person undid it
    REFUSED = "refused"  #: prohibited, incomplete or over a limit
    PASSED_IN_SHADOW = "passed in shadow"  #: passed on ungoverned within a recorded scope
    WAITING = "waiting"  #: a proposal waits for people
    APPROVED = "approved"  #: people said yes; it begins when its undo window ends
    DENIED = "denied"  #: a person said no
    LAPSED = "lapsed"  #: its lifetime ended unanswered; nobody's denial
    WITHDRAWN = "withdrawn"  #: the agent took it back
    SUPERSEDED = "superseded"  #: a newer version of the same proposal waits instead
    REVOKED = "revoked"  #: a person took an approval back before begin


MOVES: MappingProxyType[State, frozenset[State]] = MappingProxyType(
    {
        State.CLASSIFIED: frozenset(
            {State.BEGUN, State.REFUSED, State.PASSED_IN_SHADOW, State.WAITING}
        ),
        State.WAITING: frozenset(
            {State.APPROVED, State.DENIED, State.LAPSED, State.WITHDRAWN, State.SUPERSEDED}
        ),
        State.APPROVED: frozenset(
            # An approval that outlives its validity, or its proposal's lifetime, lapses; an
            # agent may still withdraw; a denial before begin beats any approval (I8) and is
            # recorded as a revocation.
            {State.BEGUN, State.REVOKED, State.SUPERSEDED, State.LAPSED, State.WITHDRAWN}
        ),
        State.BEGUN: frozenset({State.DONE, State.FAILED, State.UNKNOWN}),
        # A reply says done; what a check sees afterwards is the outcome, and one that can't be
        # read in time leaves it unknown. What was unknown is settled by a late result (SPEC 3).
        State.DONE: frozenset({State.FAILED, State.UNKNOWN, State.REVERSED}),
        State.FAILED: frozenset({State.REVERSED}),
        State.UNKNOWN: frozenset({State.DONE, State.FAILED, State.REVERSED}),
        State.REVERSED: frozenset(),
        State.REFUSED: frozenset(),
        State.PASSED_IN_SHADOW: frozenset(),
        State.DENIED: frozenset(),
        State.LAPSED: frozenset(),
        State.WITHDRAWN: frozenset(),
        State.SUPERSEDED: frozenset(),
        State.REVOKED: frozenset(),
    }
)

#: States in which an action of a proposal can still change before it begins.
OPEN = frozenset({State.WAITING, State.APPROVED})
#: States that say the action was handed to the world.
BEGAN = frozenset({State.BEGUN, State.DONE, State.FAILED, State.UNKNOWN, State.REVERSED})
#: States that a proposal can end in without its action having begun (I4).
ENDED_UNBEGUN = frozenset(
    {State.DENIED, State.LAPSED, State.WITHDRAWN, State.SUPERSEDED, State.REVOKED}
)


def move(current: State, to: State) -> State:
    """Return *to* if the table allows it from *current*.

    Raises `Closed` when it does not: whoever asked came too late.
    """
    if to not in MOVES[current]:
        raise Closed(
            f"the action is {current}; it cannot become {to}",
            hint="Nothing was changed. Reload to see where the action stands.",
        )
    return to
