"""What can go wrong in the ledger, as a tree of its own.

* LedgerError               everything raised on purpose; ``hint`` says what a person can do
  + EntryInvalid            not an entry: it cannot be written, or should never have been
    - EntryTooLarge         more bytes than an entry may have
  + ClockWentBack           an entry would be older than the one before it
  + KeyInvalid              not a key of the signed-note format
  + Refused                 the signer will not sign this head
    - Rollback              it is smaller than what was signed before
    - Fork                  it does not continue what was signed before
  + MemoryUnreadable        what the signer remembered cannot be read; it signs nothing
  + VerificationError       something does not hold; ``where`` names the file, entry or proof

The folder imports nothing else of Handrail, so that an auditor can vendor it alone; the tree in
`handrail.errors` is for everything above.
"""

from typing import ClassVar


class LedgerError(Exception):
    """Base of every error the ledger raises on purpose."""

    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class EntryInvalid(LedgerError):
    """Not an entry: it holds what an entry may not hold, or holds it in another form."""


class EntryTooLarge(EntryInvalid):
    """More bytes than an entry may have."""


class ClockWentBack(LedgerError):
    """An entry would be older than the one before it."""

    default_hint = "Correct the host's clock; nothing was appended."


class KeyInvalid(LedgerError):
    """Not a key of the signed-note format."""

    default_hint = "Copy the whole line: NAME+HASH+KEY."


class Refused(LedgerError):
    """The signer will not sign this head."""

    default_hint = (
        "The database was put back to an older copy, or another log took its place. "
        "Find out which before anything else; a deliberate restore reopens under a new origin."
    )


class Rollback(Refused):
    """The head is smaller than one that was signed before."""


class Fork(Refused):
    """The head does not continue the one that was signed before."""


class MemoryUnreadable(LedgerError):
    """What the signer remembered cannot be read, so it cannot tell a rollback from progress."""

    default_hint = "Restore the signer's memory, or reopen the log under a new origin."


class VerificationError(LedgerError):
    """Something does not hold; ``where`` names the file, the entry or the proof."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.where = where
