"""The rows of a new person: one place, whoever adds them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from handrail.errors import BadInput
from handrail.store.contract import Change, Put

#: How long an invitation stands.
LINK_LIFE = timedelta(hours=24)
_EMAIL = re.compile(r"[^@\s/]{1,64}@[^@\s/]{1,190}")


@dataclass(frozen=True, slots=True)
class NewPerson:
    """An id drawn for a person to be."""

    id: str

    def rows(self, name: str, email: str, password: str | None, now: int) -> list[Put | Change]:
        """The `person` row. Raises `BadInput` for a name or address that cannot be one."""
        name, email = " ".join(name.split()), email.strip().casefold()
        if not 1 <= len(name) <= 120:
            raise BadInput("a name has 1 to 120 characters")
        if not _EMAIL.fullmatch(email):
            raise BadInput(f"{email[:80]!r} is no e-mail address")
        return [
            Put(
                "person",
                {
                    "id": self.id,
                    "name": name,
                    "email": email,
                    "active": 1,
                    "away_from": None,
                    "away_until": None,
                    "hours": None,
                    "reached_at": None,
                    "added_at": now,
                    "password": password,
                },
            )
        ]


def role_puts(
    person: str, roles: Iterable[tuple[str, str]], now: int, by: str, until: int | None = None
) -> list[Put | Change]:
    """The `person_role` rows for (role, client or ''); *until* when they end by themselves."""
    return [
        Put(
            "person_role",
            {
                "person": person,
                "role": role,
                "client": client,
                "since": now,
                "by": by,
                "until": until,
                "lapsed_at": None,
            },
        )
        for role, client in sorted(set(roles))
    ]
