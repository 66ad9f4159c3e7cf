"""What can go wrong, as one tree.

* HandrailError                 everything raised on purpose; carries a ``hint``: what to do now
  + BadInput                    what was sent cannot be understood; nothing was stored
    - PolicyInvalid             a policy folder has problems, each with file, line and hint
    - TooLarge                  over a stated limit
  + NotFound                    no such thing, or not yours to see
  + NotSignedIn                 no valid credential
  + NotAllowed                  known, but without the authority this needs
    - StepUpNeeded              signed in too long ago for this; sign in again
  + Refused                     the rules say no; the same request again cannot help
    - TooMany                   a limit is full; ``retry_after`` says when to come back
  + Conflict                    the thing is no longer as the caller saw it
    - Stale                     another version waits; ``difference`` shows it
    - Closed                    already final, or already begun
    - KeyReused                 the same idempotency key with another body
  + Unreadable                  sealed data that its key does not open, or whose key is gone
  + Unavailable                 nothing was written; the same request may be sent again
  + Unsure                      a commit's answer was lost: look it up by key, never repeat the act
  + ReachError                  the way to an upstream
    - NotSent                   nothing reached it
    - NoAnswer                  it may have acted; the outcome is *unknown*

Only a door turns these into HTTP statuses, MCP errors or exit codes. The ledger has a tree
of its own (`handrail.ledger.errors`), so that an auditor can vendor that folder alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class HandrailError(Exception):
    """Base of every error Handrail raises on purpose.

    ``code`` is the stable name a program may compare; ``hint`` says what a person can do.
    """

    code: ClassVar[str] = "error"
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class BadInput(HandrailError):
    """What was sent cannot be understood; nothing was stored."""

    code = "bad-input"
    default_hint = "Correct the request and send it again."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a policy: where it is, what it is, what to do about it.

    ``code`` names the kind (`structure`, `unknown-name`, `condition`, …). An *error* keeps a policy
    from loading; a *warning* does not.
    """

    file: str
    line: int
    message: str
    hint: str = ""
    code: str = "structure"
    severity: str = "error"

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}: {self.message}"
        return f"{text}\n    {self.hint}" if self.hint else text


class PolicyInvalid(BadInput):
    """A policy folder has problems; the policy in force stays in force."""

    code = "policy-invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(str(p) for p in self.problems),
            hint="Run `handrail check` on the folder and correct each line it names.",
        )


class TooLarge(BadInput):
    """Over a stated limit."""

    code = "too-large"


class NotFound(HandrailError):
    """No such thing, or not yours to see: the two are not told apart."""

    code = "not-found"
    default_hint = "Check the id; it may belong to another client or agent."


class NotSignedIn(HandrailError):
    """No valid credential."""

    code = "not-signed-in"
    default_hint = "Sign in, or send a valid key."


class NotAllowed(HandrailError):
    """Known, but without the authority this needs."""

    code = "not-allowed"


class StepUpNeeded(NotAllowed):
    """Signed in too long ago for this act."""

    code = "step-up-needed"
    default_hint = "Sign in again; what you entered is kept."


class Refused(HandrailError):
    """The rules say no; the same request again cannot help."""

    code = "refused"


class TooMany(Refused):
    """A limit is full. ``retry_after`` is in seconds."""

    code = "too-many"

    def __init__(self, message: str, *, retry_after: int, hint: str = "") -> None:
        super().__init__(message, hint=hint or f"Try again in {retry_after} s.")
        self.retry_after = retry_after


class Conflict(HandrailError):
    """The thing is no longer as the caller saw it."""

    code = "conflict"


class Stale(Conflict):
    """Another version waits. ``difference`` holds (label, then, now) lines for people."""

    code = "stale"
    default_hint = "Nothing was decided. Read the difference and answer the new version."

    def __init__(
        self, message: str, *, difference: Sequence[tuple[str, str, str]] = (), hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.difference = tuple(difference)


class Closed(Conflict):
    """Already final, or already begun."""

    code = "closed"


class KeyReused(Conflict):
    """The same idempotency key with another body."""

    code = "key-reused"
    default_hint = "Use a new idempotency key for a different request."


class Unreadable(HandrailError):
    """Sealed data cannot be opened: its key is gone, or it is not what was sealed under it."""

    code = "unreadable"
    default_hint = "If the data was not erased, restore the folder of keys from its backup."


class Unavailable(HandrailError):
    """Nothing was written; the same request may be sent again with the same key."""

    code = "unavailable"
    default_hint = "Send the same request again with the same idempotency key."


class Unsure(HandrailError):
    """A commit's answer was lost: it may or may not be stored."""

    code = "unsure"
    default_hint = "Look the action up by its idempotency key before doing anything else."


class ReachError(HandrailError):
    """The way to an upstream failed."""

    code = "reach"


class NotSent(ReachError):
    """Nothing reached the upstream: the action failed and changed nothing."""

    code = "not-sent"


class NoAnswer(ReachError):
    """The upstream may have acted: the outcome is *unknown*, and is never retried silently."""

    code = "no-answer"
