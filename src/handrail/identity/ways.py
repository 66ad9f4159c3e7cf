"""The ways to sign in that this Handrail offers: what the pages show."""

from dataclasses import dataclass

from handrail.identity.passkeys import Passkeys
from handrail.identity.single_sign_on import SingleSignOn


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Each way, None where it is not set up."""

    provider: SingleSignOn | None = None
    passkeys: Passkeys | None = None
